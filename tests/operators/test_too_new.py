# SPDX-License-Identifier: Apache-2.0
"""Runs too new to be visible, and statuses too new to be known."""

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_omics.cancellation import find
from airflow_provider_omics.exceptions import OmicsError, RunDeletedError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.operators.delete import DeleteOmicsRunOperator
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.results import progress, progress_log
from airflow_provider_omics.sensors.read_sets import OmicsReadSetImportSensor
from airflow_provider_omics.sensors.run import OmicsRunSensor
from airflow_provider_omics.triggers.run import OmicsRunTrigger
from tests.operators.deferring import deferred, fired, next_try
from tests.operators.stores import clients, stored  # noqa: F401 - fixtures


@pytest.fixture
def run_id(start_run, context, omics_local):
    """Start a run that GetRun does not show yet."""
    omics_local.clock.freeze()
    result = start_run(wait_for_completion=False).execute(context)
    omics_local.switch(get_delay=60.0, speed=1)
    return result["run_id"]


@pytest.fixture
def logs(caplog, monkeypatch):
    """Let Python's loggers have what Airflow's own would."""
    caplog.set_level(logging.INFO)
    for kind in (OmicsRunSensor, OmicsReadSetImportSensor, OmicsRunTrigger):
        monkeypatch.setattr(kind, "log", logging.getLogger("task"), raising=False)
    return lambda: [record for record in caplog.records if "does not know the status" in record.getMessage()]


# --- a 404 of the first quarter of an hour ---


def test_a_sensor_gives_a_run_a_quarter_of_an_hour_to_be_visible(run_id, context, omics_local):
    sensor = OmicsRunSensor(task_id="wait", run_id=run_id)
    assert sensor.poke(context) is False
    omics_local.clock.advance(61)
    assert sensor.poke(context) is True


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_sensor_gives_a_job_a_quarter_of_an_hour_to_be_visible(deferrable, stored, context, omics_local):  # noqa: F811 - the fixture
    omics_local.clock.freeze()
    job = stored.importing("a", wait_for_completion=False).execute(context)
    omics_local.switch(get_delay=60.0)
    sensor = OmicsReadSetImportSensor(
        task_id="wait",
        **{name: job[name] for name in ("job_id", "sequence_store_id")},
        deferrable=deferrable,
        poll_interval=0.05,
    )
    if deferrable:
        deferral = deferred(sensor, context)
        omics_local.clock.advance(61)
        assert fired(deferral)["job"]["status"] == "COMPLETED"
    else:
        assert sensor.poke(context) is False
        omics_local.clock.advance(61)
        assert sensor.poke(context) is True


@pytest.mark.usefixtures("stored")
def test_after_that_there_is_no_job(context):
    sensor = OmicsReadSetImportSensor(task_id="wait", sequence_store_id="1234567890", job_id="1111111111")
    assert sensor.poke(context) is False
    sensor.first_poll -= 901
    with pytest.raises(OmicsError, match="There is no read set import job 1111111111"):
        sensor.poke(context)


@pytest.mark.usefixtures("start_run")
def test_after_that_it_is_deleted(context):
    sensor = OmicsRunSensor(task_id="wait", run_id="7654321")
    assert sensor.poke(context) is False
    sensor.first_poll -= 901
    with pytest.raises(RunDeletedError, match="GetRun does not find it"):
        sensor.poke(context)


@pytest.mark.usefixtures("start_run")
@pytest.mark.parametrize(("minutes", "ends"), [(14, False), (16, True)])
def test_a_sensor_that_is_rescheduled_counts_from_its_first_poke(minutes, ends, context, ti):
    first = datetime.now(UTC) - timedelta(minutes=minutes)
    ti.start_date, ti.get_first_reschedule_date = first, lambda _context: first
    sensor = OmicsRunSensor(task_id="wait", run_id="7654321", mode="reschedule")
    if ends:
        with pytest.raises(RunDeletedError):
            sensor.poke(context)
    else:
        assert sensor.poke(context) is False


def test_a_deferred_sensor_does_so_too(run_id, context, omics_local):
    sensor = OmicsRunSensor(task_id="wait", run_id=run_id, deferrable=True, poll_interval=0.05)
    deferral = deferred(sensor, context)
    arguments = json.loads(json.dumps(deferral.trigger.serialize()[1]))
    assert arguments["run"]["creation_time"] == pytest.approx(datetime.now(UTC).timestamp(), abs=60)
    omics_local.clock.advance(61)
    assert fired(deferral)["run"]["status"] == "COMPLETED"


def test_a_run_that_is_too_new_is_not_taken_for_deleted(run_id, omics_local, monkeypatch):
    monkeypatch.setattr(find, "_AGAIN", 0.05)
    get_run = OmicsHook.get_run

    def look(self, run):
        now = get_run(self, run)
        omics_local.clock.advance(100_000)
        return now

    monkeypatch.setattr(OmicsHook, "get_run", look)
    DeleteOmicsRunOperator(task_id="delete", run_id=run_id).execute({})
    assert [run["status"] for run in omics_local.runs()] == ["DELETED"]


# --- a status of tomorrow ---


@pytest.fixture
def strange(omics_local):
    """Return a function that puts a run into a status that nobody knows."""

    def put(run_id):
        omics_local.clock.freeze()
        omics_local.force(run_id, "ARCHIVING", unknown=True)

    return put


def test_a_worker_waits_for_a_run_whatever_its_status(start_run, context, omics_local, strange, logs, monkeypatch):
    looks = []
    get_run = OmicsHook.get_run

    def look(self, run):
        looks.append(run)
        if len(looks) == 1:
            strange(run.id)
        if len(looks) == 5:
            omics_local.force(run.id, "COMPLETED")
        return get_run(self, run)

    monkeypatch.setattr(OmicsHook, "get_run", look)
    assert start_run().execute(context)["status"] == "COMPLETED"
    assert [record.levelname for record in logs()] == ["WARNING"]
    assert "'ARCHIVING'" in logs()[0].getMessage()
    assert "it counts as active" in logs()[0].getMessage()


def test_once_an_hour_it_is_said_again(start_run, logs):
    told = progress_log.RunProgressLogger(start_run().hook, forward_logs=False)
    told._heartbeat = 0
    run = Run("1234567", status="ARCHIVING")
    unknown = progress.UnknownStatus()
    assert [moment for moment in range(0, 9000, 600) if unknown.warning(run, moment)] == [0, 3600, 7200]
    for _ in range(3):
        told.seen(run, run)
    assert len(logs()) == 1


def test_a_retry_adopts_it_and_the_triggerer_waits_for_it(start_run, context, ti, omics_local, strange, monkeypatch):
    operator = start_run(deferrable=True)
    omics_local.clock.freeze()
    deferred(operator, context)
    strange(ti.xcom["run_id"])
    first = ti.xcom["run_id"]
    next_try(ti)
    deferral = deferred(start_run(deferrable=True), context)
    assert ti.xcom["run_id"] == first

    get_run = OmicsHook.get_run

    def look(self, run):
        now = get_run(self, run)
        if now.status == "ARCHIVING":
            omics_local.force(run.id, "COMPLETED")
        return now

    monkeypatch.setattr(OmicsHook, "get_run", look)
    event = fired(deferral)
    assert event["run"]["status"] == "COMPLETED"
    assert len(omics_local.runs()) == 1


def test_it_can_be_cancelled(start_run, context, ti, omics_local, strange):
    omics_local.clock.freeze()
    deferred(start_run(deferrable=True), context)
    strange(ti.xcom["run_id"])
    assert OmicsHook().request_cancel(Run(ti.xcom["run_id"]))
    assert omics_local.runs()[0]["status"] == "STOPPING"


def test_a_sensor_waits_for_it(start_run, context, ti, omics_local, strange, logs):
    omics_local.clock.freeze()
    deferred(start_run(deferrable=True), context)
    strange(ti.xcom["run_id"])
    sensor = OmicsRunSensor(task_id="wait", run_id=ti.xcom["run_id"])
    assert [sensor.poke(context) for _ in range(3)] == [False] * 3
    assert len(logs()) == 1


def test_a_sensor_waits_for_a_job_whatever_its_status(stored, context, omics_local, logs):  # noqa: F811
    omics_local.clock.freeze()
    job = stored.importing("a", wait_for_completion=False).execute(context)
    omics_local.force_job(job["job_id"], "VERIFYING", unknown=True)
    sensor = OmicsReadSetImportSensor(task_id="wait", sequence_store_id=stored.id, job_id=job["job_id"])
    assert [sensor.poke(context) for _ in range(3)] == [False] * 3
    assert len(logs()) == 1
