# SPDX-License-Identifier: Apache-2.0
"""OmicsRunSensor against the local endpoint."""

import asyncio
import logging

import jinja2
import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, TaskDeferred

from airflow_provider_omics.exceptions import OmicsRequestError, RunCancelledError, RunDeletedError, RunFailedError
from airflow_provider_omics.hooks import omics
from airflow_provider_omics.sensors.run import OmicsRunSensor


@pytest.fixture
def started(start_run, context):
    """Return the XCom of a run that has just been started."""
    return lambda: start_run(wait_for_completion=False).execute(context)


def sensor(run, **arguments):
    return OmicsRunSensor(
        task_id="wait",
        run_id=run["run_id"],
        uuid=run["uuid"],
        **{"poke_interval": 0.05, "poll_interval": 0.05, **arguments},
    )


def test_it_waits_in_its_worker(started, context):
    run = started()
    assert sensor(run).execute(context) == {**run, "status": "COMPLETED"}


def test_it_waits_in_the_hub_and_says_again_what_was_said_there(started, context, omics_local, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(OmicsRunSensor, "log", logging.getLogger("sensor"))
    omics_local.clock.freeze()
    run = started()
    waiting = sensor(run, deferrable=True)
    with pytest.raises(TaskDeferred) as deferral:
        waiting.execute(context)
    omics_local.clock.resume()

    async def first():
        async with asyncio.timeout(60):
            return await anext(deferral.value.trigger.run())

    assert waiting.execute_complete(context, asyncio.run(first()).payload) == {**run, "status": "COMPLETED"}
    said = [it.getMessage() for it in caplog.records if it.name == "sensor"]
    assert any(
        line.startswith("While this sensor was deferred") and line.endswith(f"run {run['run_id']} COMPLETED")
        for line in said
    )


def test_a_run_that_has_ended_needs_no_deferral(started, context, omics_local):
    run = started()
    omics_local.force(run["run_id"], "COMPLETED")
    assert sensor(run, deferrable=True).execute(context)["status"] == "COMPLETED"


@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize(("status", "error"), [("FAILED", RunFailedError), ("CANCELLED", RunCancelledError)])
def test_a_bad_end_is_told(status, error, deferrable, started, context, omics_local):
    run = started()
    omics_local.force(run["run_id"], status, failureReason="SERVICE_ERROR")
    with pytest.raises(error, match=f"run {run['run_id']} {status}"):
        sensor(run, deferrable=deferrable).execute(context)


def test_a_reused_id_is_another_run(started, context, omics_local):
    run = started()
    with pytest.raises(RunDeletedError, match="belongs to another run"):
        sensor({**run, "uuid": "another"}).execute(context)
    assert omics_local.runs()[0]["status"] != "CANCELLED"


def test_a_run_that_does_not_exist(start_run, context, monkeypatch):
    monkeypatch.setattr(omics, "VISIBLE_AFTER", 0)
    start_run()
    with pytest.raises(RunDeletedError):
        sensor({"run_id": "1", "uuid": None}).execute(context)


@pytest.mark.parametrize("run_id", ["None", "٣٢١", "1" * 19])
def test_what_is_no_id_is_refused_before_any_call(run_id, start_run, context, omics_local):
    start_run()
    with pytest.raises(OmicsRequestError, match=f"run_id must be digits, not '{run_id}'"):
        sensor({"run_id": run_id, "uuid": None}).execute(context)
    assert "GetRun" not in omics_local.counts()


def test_a_uuid_is_the_runs_however_it_is_written(started, context):
    run = started()
    assert sensor({**run, "uuid": f" {run['uuid'].upper()}\n"}).execute(context) == {**run, "status": "COMPLETED"}


@pytest.mark.parametrize("rendered", [None, "", " "])
def test_a_uuid_that_renders_to_nothing_is_refused(rendered, started, context):
    """The id may belong to another run by now."""
    waiting = sensor({**started(), "uuid": "{{ x }}"})
    waiting.render_template_fields({"x": rendered}, jinja2.Environment())  # noqa: S701 - no HTML
    with pytest.raises(OmicsRequestError, match="uuid rendered to nothing, and id"):
        waiting.execute(context)


def test_its_timeout_ends_the_waiting_and_not_the_run(started, context, omics_local):
    omics_local.clock.freeze()
    run = started()
    with pytest.raises(AirflowSensorTimeout):
        sensor(run, timeout=0.2).execute(context)
    assert omics_local.runs()[0]["status"] == "PENDING"


def test_nobody_cancels_a_run_by_ending_its_sensor(started, context, omics_local):
    omics_local.clock.freeze()
    with pytest.raises(TaskDeferred) as deferral:
        sensor(started(), deferrable=True).execute(context)
    assert deferral.value.trigger.cancel_on_kill is False
