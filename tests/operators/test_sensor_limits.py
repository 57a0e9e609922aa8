# SPDX-License-Identifier: Apache-2.0
"""Sensors at their limits: faults, times that pass, and what is skipped then, in the worker and deferred alike."""

import json
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from botocore.exceptions import ClientError

from airflow_provider_omics.exceptions import (
    OmicsRequestError,
    ReadSetJobFailedError,
    ReadSetJobTimeoutError,
    ReadSetJobWaitError,
    RunFailedError,
    RunTimeoutError,
    RunWaitError,
)
from airflow_provider_omics.sensors.read_sets import OmicsReadSetImportSensor
from airflow_provider_omics.sensors.run import OmicsRunSensor
from tests.operators.deferring import deferred, fired

GIVEN = {"poke_interval": 0.05, "poll_interval": 0.05}
BOTH = pytest.mark.parametrize("deferrable", [True, False], ids=["deferred", "in its worker"])


class Runs:
    """Runs that are waited for."""

    look, failed, timed_out, broke = "GetRun", RunFailedError, RunTimeoutError, RunWaitError

    def __init__(self, local, start):
        self._local, self._start = local, start

    def sensor(self, **arguments):
        run = self._start()
        self.id = run["run_id"]
        return OmicsRunSensor(task_id="run", **{**GIVEN, "run_id": self.id, "uuid": run["uuid"], **arguments})

    def end(self, status):
        self._local.force(self.id, status, failureReason="SERVICE_ERROR")

    def status(self):
        return self._local.runs()[0]["status"]


class Jobs:
    """Import jobs that are waited for."""

    look, failed = "GetReadSetImportJob", ReadSetJobFailedError
    timed_out, broke = ReadSetJobTimeoutError, ReadSetJobWaitError

    def __init__(self, stored, context):
        self._stored, self._context = stored, context

    def sensor(self, run_id=None, **arguments):
        job = self._stored.importing("a", wait_for_completion=False).execute(self._context)
        self.id = job["job_id"]
        given = {"sequence_store_id": self._stored.id, "job_id": run_id or self.id}
        return OmicsReadSetImportSensor(task_id="run", **{**GIVEN, **given, **arguments})

    def end(self, status):
        self._stored.local.force_job(self.id, status)

    def status(self):
        return self._stored.jobs("import")[0]["status"]


@pytest.fixture(params=["runs", "jobs"])
def waited_for(request, omics_local, start_run, stored, context):
    """Return what is waited for; time stands still until a test ends it."""
    omics_local.clock.freeze()
    if request.param == "jobs":
        return Jobs(stored, context)
    return Runs(omics_local, lambda: start_run(wait_for_completion=False).execute(context))


def outcome(sensor, context):
    """Execute a sensor as Airflow does, with all its deferrals, and return its result."""
    try:
        return sensor.execute(context)
    except TaskDeferred as first:
        deferral = first
    while True:
        kwargs = {**json.loads(json.dumps(deferral.kwargs or {})), "event": fired(deferral)}
        try:
            return sensor.resume_execution(deferral.method_name, kwargs, context)
        except TaskDeferred as again:
            deferral = again


@BOTH
@pytest.mark.parametrize("fault", [("drop", {}), ("error", {"code": "InternalServerException"})], ids=lambda it: it[0])
def test_a_fault_at_the_first_look_passes(fault, deferrable, waited_for, context, omics_local):
    sensor = waited_for.sensor(deferrable=deferrable, botocore_config={"retries": {"total_max_attempts": 1}})
    waited_for.end("COMPLETED")
    kind, members = fault
    omics_local.fault(waited_for.look, kind, times=1, **members)
    assert outcome(sensor, context)["status"] == "COMPLETED"


@BOTH
@pytest.mark.parametrize("asked", ["soft_fail", "never_fail", None])
def test_a_bad_end_is_skipped_if_that_is_asked_for(asked, deferrable, waited_for, context):
    sensor = waited_for.sensor(deferrable=deferrable, **({asked: True} if asked else {}))
    waited_for.end("FAILED")
    with pytest.raises(AirflowSkipException if asked else waited_for.failed):
        outcome(sensor, context)


@BOTH
def test_silent_fail_does_not_wait_for_the_success_of_what_has_failed(deferrable, waited_for, context):
    sensor = waited_for.sensor(deferrable=deferrable, silent_fail=True, timeout=5)
    waited_for.end("FAILED")
    with pytest.raises(waited_for.failed):
        outcome(sensor, context)


@pytest.mark.parametrize("asked", ["soft_fail", "never_fail", None])
def test_a_bad_end_while_deferred_is_skipped_too(asked, waited_for, context):
    sensor = waited_for.sensor(deferrable=True, **({asked: True} if asked else {}))
    deferral = deferred(sensor, context)
    waited_for.end("FAILED")
    kwargs = {**deferral.kwargs, "event": fired(deferral)}
    with pytest.raises(AirflowSkipException if asked else waited_for.failed):
        sensor.resume_execution(deferral.method_name, kwargs, context)


@BOTH
@pytest.mark.parametrize("asked", ["soft_fail", "never_fail", None])
def test_its_timeout_fails_it_for_good_or_skips_it(asked, deferrable, waited_for, context):
    sensor = waited_for.sensor(deferrable=deferrable, timeout=0.3, **({asked: True} if asked else {}))
    with pytest.raises(AirflowSkipException if asked else AirflowSensorTimeout):
        outcome(sensor, context)
    assert waited_for.status() in ("PENDING", "SUBMITTED")


@BOTH
@pytest.mark.parametrize("asked", ["soft_fail", "never_fail", None])
def test_what_a_retry_may_mend_is_not_skipped_for_soft_fail(asked, deferrable, waited_for, context, omics_local):
    sensor = waited_for.sensor(deferrable=deferrable, **({asked: True} if asked else {}))
    omics_local.fault(waited_for.look, "error", code="AccessDeniedException", probability=1)
    with pytest.raises(AirflowSkipException if asked == "never_fail" else ClientError):
        outcome(sensor, context)


@pytest.mark.parametrize("asked", ["soft_fail", "never_fail", None])
def test_waiting_that_breaks_is_not_skipped_for_soft_fail(asked, waited_for, context, omics_local):
    sensor = waited_for.sensor(deferrable=True, **({asked: True} if asked else {}))
    deferral = deferred(sensor, context)
    omics_local.fault(waited_for.look, "error", code="AccessDeniedException", probability=1)
    kwargs = {**deferral.kwargs, "event": fired(deferral)}
    with pytest.raises(AirflowSkipException if asked == "never_fail" else waited_for.broke):
        sensor.resume_execution(deferral.method_name, kwargs, context)


@BOTH
@pytest.mark.parametrize("asked", ["soft_fail", "never_fail", None])
def test_what_is_no_id_is_told(asked, deferrable, waited_for, context):
    sensor = waited_for.sensor(run_id="None", deferrable=deferrable, **({asked: True} if asked else {}))
    with pytest.raises(AirflowSkipException if asked else OmicsRequestError):
        outcome(sensor, context)


@pytest.mark.parametrize("asked", ["soft_fail", "never_fail", None])
def test_execution_timeout_holds_while_deferred_and_may_be_tried_again(asked, waited_for, context, omics_local):
    limit = timedelta(seconds=0.5)
    sensor = waited_for.sensor(deferrable=True, execution_timeout=limit, **({asked: True} if asked else {}))
    with pytest.raises(AirflowSkipException if asked else waited_for.timed_out) as error:
        outcome(sensor, context)
    assert not isinstance(error.value, AirflowFailException | AirflowSensorTimeout)
    assert waited_for.status() in ("PENDING", "SUBMITTED")
    assert "CancelRun" not in omics_local.counts()


@pytest.mark.parametrize("event", [None, {"version": "2.0"}, {"version": "2.0", "run": {}, "job": {}}])
def test_an_event_of_another_release_changes_no_limit(event, waited_for, context):
    sensor = waited_for.sensor(deferrable=True, execution_timeout=timedelta(hours=1), timeout=1000)
    before = deferred(sensor, context)
    with pytest.raises(TaskDeferred) as again:
        sensor.resume_execution(before.method_name, {**before.kwargs, "event": event, "colour": "red"}, context)
    assert again.value.kwargs == before.kwargs
    assert again.value.trigger.deadline == before.trigger.deadline == before.kwargs["until"]
    assert again.value.timeout < before.timeout


def test_when_the_timeout_has_passed_it_does_not_begin_to_wait_again(waited_for, context):
    sensor = waited_for.sensor(deferrable=True)
    with pytest.raises(AirflowSensorTimeout):
        sensor.execute_complete(context, None, until=1.0)


@pytest.mark.parametrize("asked", ["soft_fail", "never_fail", None])
def test_airflows_own_time_out_of_the_deferral_is_the_sensors(asked, waited_for, context):
    sensor = waited_for.sensor(deferrable=True, **({asked: True} if asked else {}))
    with pytest.raises(AirflowSkipException if asked else AirflowSensorTimeout):
        sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, context)


def test_airflow_2_ends_a_deferral_for_execution_timeout_as_well(waited_for, context):
    sensor = waited_for.sensor(deferrable=True, execution_timeout=timedelta(minutes=1))
    with pytest.raises(waited_for.timed_out):
        sensor.resume_execution("__fail__", {"error": "Trigger/execution timeout"}, context)


def test_the_triggerer_waits_in_the_region_of_the_worker(waited_for, context, omics_local, monkeypatch):
    sensor = waited_for.sensor(deferrable=True)
    connection = omics_local.airflow_connection()
    del connection["extra"]["region_name"]
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert deferred(sensor, context).trigger.hook_params["region_name"] == "us-east-1"


def test_the_sources_of_a_job_that_ended_while_deferred_are_asked_for_again(stored, context, omics_local):
    omics_local.clock.freeze()
    sensor = Jobs(stored, context).sensor(deferrable=True)
    deferral = deferred(sensor, context)
    omics_local.clock.resume()
    event = fired(deferral)
    omics_local.fault("GetReadSetImportJob", "error", code="InternalServerException", times=1)
    assert sensor.execute_complete(context, event, **deferral.kwargs)["read_set_ids"]


@BOTH
@pytest.mark.parametrize("interval", [0, -1, timedelta(0)])
def test_a_poll_interval_of_nothing_is_refused_as_the_operators_do(interval, deferrable):
    for kind, ids in (
        (OmicsRunSensor, {"run_id": "1"}),
        (OmicsReadSetImportSensor, {"sequence_store_id": "1234567890", "job_id": "1"}),
    ):
        with pytest.raises(OmicsRequestError, match="poll_interval must be"):
            kind(task_id="run", poll_interval=interval, deferrable=deferrable, **ids)
