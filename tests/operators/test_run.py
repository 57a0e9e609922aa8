# SPDX-License-Identifier: Apache-2.0
"""StartOmicsRunOperator against the local endpoint: what is sent, what is pushed, how it ends."""

import json
import logging
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowTaskTimeout,
    TaskDeferred,
)

from airflow_provider_omics.cancellation import worker
from airflow_provider_omics.exceptions import (
    OmicsError,
    RequestIdSpentError,
    RunCancelledError,
    RunDeletedError,
    RunFailedError,
    RunTimeoutError,
    RunWaitError,
    StartRunConflictError,
    StartRunRequestError,
)
from airflow_provider_omics.hooks import omics
from airflow_provider_omics.hooks.omics import VISIBLE_AFTER, OmicsHook
from airflow_provider_omics.lifecycle import in_worker, submissions
from airflow_provider_omics.lifecycle.intention import Intention
from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.request.members import BY_ARGUMENT
from airflow_provider_omics.tasks import attempt_end
from airflow_provider_omics.triggers.run import OmicsRunTrigger
from tests.operators.deferring import deferred, fired

INTENTION = Intention("cohort", "manual__2026-01-01", "run", -1, datetime(2026, 1, 1, tzinfo=UTC), 2)

# How the lines begin that say what a try does about its run.
WORDS = ("First try", "Started", "Reattached", "run ", "No run")


@pytest.fixture
def frozen(omics_local):
    """Stop the endpoint's clock: a run stays as it is until a test moves it."""
    omics_local.clock.freeze()


class Store(dict):
    """Airflow 3.3's state store of a task, of the two methods that are used."""

    def __init__(self, *, broken=False):
        super().__init__()
        self.broken = broken

    def get(self, key):
        if self.broken:
            raise RuntimeError("the API server is gone")
        return super().get(key)

    def set(self, key, value):
        if self.broken:
            raise RuntimeError("the API server is gone")
        self[key] = json.loads(json.dumps(value))


@dataclass
class OneMore:
    """A deferred operator that is resumed."""

    operator: StartOmicsRunOperator
    event: dict
    kwargs: dict

    def execute(self, context):
        return self.operator.execute_complete(context, self.event, **self.kwargs)


def test_a_run_is_started_and_waited_for(start_run, context, ti, omics_local):
    result = start_run().execute(context)
    [run] = omics_local.runs()
    assert result == {
        "run_id": run["id"],
        "uuid": run["uuid"],
        "arn": run["arn"],
        "run_output_uri": f"s3://bucket/runs/{run['id']}",
        "status": "COMPLETED",
    }
    assert {key: ti.xcom[key] for key in ("run_id", "uuid", "arn", "run_output_uri")} == {
        key: value for key, value in result.items() if key != "status"
    }


def test_every_member_reaches_the_service(start_run, context, omics_local):
    client = omics_local.client()
    group = client.create_run_group(name="x", requestId="x")["id"]
    cache = client.create_run_cache(cacheS3Location="s3://bucket/cache", requestId="x")["id"]
    configured = {
        "workflow_type": "PRIVATE",
        "name": "all-members",
        "cache_id": cache,
        "cache_behavior": "CACHE_ALWAYS",
        "run_group_id": group,
        "priority": "7",
        "parameters": '{"sample_name": "NA12878"}',
        "storage_capacity": "1200",
        "log_level": "ALL",
        "tags": {"project": "x"},
        "retention_mode": "REMOVE",
        "storage_type": "STATIC",
        "networking_mode": "RESTRICTED",
        "scratch_storage_mode": "LOCAL",
        "session_policy": {"Version": "2012-10-17"},
        "engine_settings": {"profile": "a"},
        "output_uri_prefix_mode": "SERVICE_DEFINED",
        "request_id": "mine",
    }
    result = start_run(**configured, wait_for_completion=False).execute(context)
    [run] = omics_local.runs()
    request = run["request"]
    assert [call["request_id"] for call in omics_local.calls("StartRun")] == ["mine"]
    assert request["priority"] == 7
    assert request["storageCapacity"] == 1200
    assert request["parameters"] == {"sample_name": "NA12878"}
    assert request["sessionPolicy"] == '{"Version":"2012-10-17"}'
    sent = {BY_ARGUMENT[argument].name for argument in configured} - {"tags"}
    assert set(request) == sent | {"workflowId", "roleArn", "outputUri"}
    assert client.get_run(id=result["run_id"])["tags"]["project"] == "x"


def test_the_run_leads_back_to_its_task(start_run, context, omics_local):
    start_run(tags={"airflow:dag_id": "mine"}).execute(context)
    [run] = omics_local.runs()
    assert [call["request_id"] for call in omics_local.calls("StartRun")] == [INTENTION.request_id(0)]
    assert run["request"]["name"] == INTENTION.run_name
    assert run["tags"] == INTENTION.tags(INTENTION.request_id(0)) | {"airflow:dag_id": "mine"}


def test_tags_can_be_left_out(start_run, context, omics_local):
    start_run(airflow_tags=False, name="mine").execute(context)
    [run] = omics_local.runs()
    assert "tags" not in run["request"]
    assert run["request"]["name"] == "mine"


@pytest.mark.usefixtures("frozen")
def test_without_waiting_the_task_ends_when_the_run_has_started(start_run, context, omics_local):
    result = start_run(wait_for_completion=False).execute(context)
    assert result["status"] == "PENDING"
    assert omics_local.counts() == {"StartRun": 1}


def test_bad_input_is_refused_before_any_call(start_run, context, omics_local):
    operator = start_run()
    operator.workflow_id, operator.priority = "abc", "high"
    with pytest.raises(StartRunRequestError, match=r"workflow_id must match .*; priority must be an integer") as error:
        operator.execute(context)
    assert isinstance(error.value, AirflowFailException)
    assert omics_local.counts() == {}


def test_what_the_service_refuses_is_not_tried_again(start_run, context):
    with pytest.raises(StartRunRequestError, match=r"ResourceNotFoundException.*9999999"):
        start_run(workflow_id="9999999").execute(context)


def test_an_older_botocore_is_named(start_run, context, omics_local):
    with pytest.raises(StartRunRequestError, match=r"installed botocore .* does not know futureMember of StartRun"):
        start_run(start_run_kwargs={"futureMember": 1}).execute(context)
    assert omics_local.counts() == {}


@pytest.mark.parametrize(
    ("status", "error", "retries"),
    [("FAILED", RunFailedError, False), ("CANCELLED", RunCancelledError, False)],
)
def test_a_bad_end_is_told_in_the_first_line(status, error, retries, start_run, context, omics_local):
    omics_local.script(status=status, failureReason="RUN_TASK_FAILED", statusMessage="Run failed due to task: x")
    with pytest.raises(error) as raised:
        start_run().execute(context)
    [run] = omics_local.runs()
    first = str(raised.value).splitlines()[0]
    assert first == f"HealthOmics run {run['id']} {status}: RUN_TASK_FAILED: Run failed due to task: x"
    assert isinstance(raised.value, AirflowFailException) is not retries


@pytest.mark.usefixtures("frozen")
def test_what_was_shown_before_a_deferral_is_not_pushed_again(start_run, context, ti, omics_local):
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    assert "run_id" in ti.xcom
    run = operator.attempt.run
    omics_local.force(run.id, "COMPLETED")
    for key in ("run_id", "uuid", "arn"):
        del ti.xcom[key]
    event = RunEvent(replace(run, status="COMPLETED")).serialize()
    result = start_run(deferrable=True).execute_complete(context, event, **deferral.kwargs)
    assert result["run_id"] == run.id
    assert ti.xcom.keys() & result.keys() == {"run_output_uri"}


@pytest.mark.usefixtures("frozen")
def test_what_an_earlier_try_has_pushed_too_late_is_pushed_over(start_run, context, ti, omics_local):
    """By a triggerer that stood still while it pushed."""
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    run = operator.attempt.run
    omics_local.force(run.id, "COMPLETED")
    ti.xcom |= {"arn": "of an earlier run", "run_output_uri": "s3://bucket/runs/0"}
    event = RunEvent(replace(run, status="COMPLETED")).serialize()
    result = start_run(deferrable=True).execute_complete(context, event, **deferral.kwargs)
    assert {key: ti.xcom[key] for key in result if key != "status"} == {
        key: value for key, value in result.items() if key != "status"
    }


@pytest.mark.usefixtures("frozen")
def test_a_run_that_is_deleted_while_waited_for(start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    run = operator.attempt.run
    omics_local.force(run.id, "COMPLETED")
    omics_local.client().delete_run(id=run.id)
    old = replace(run, creation_time=run.creation_time - VISIBLE_AFTER)
    with pytest.raises(RunDeletedError, match=f"run {run.id} DELETED: GetRun does not find it"):
        operator._finish(context, operator.attempt.wait(old))


@pytest.mark.usefixtures("frozen")
def test_a_reused_id_is_not_taken_for_the_run(start_run, context, omics_local):
    omics_local.switch(reuse_run_ids=True)
    operator = start_run(deferrable=True)
    deferred(operator, context)
    run = operator.attempt.run
    omics_local.force(run.id, "COMPLETED")
    client = omics_local.client()
    client.delete_run(id=run.id)
    other = client.start_run(workflowId="1234567", roleArn="arn:aws:iam::1:role/x", outputUri="s3://b")
    assert other["id"] == run.id
    with pytest.raises(RunDeletedError, match="its id belongs to another run now"):
        operator._finish(context, operator.attempt.wait(run))


# --- retries ---


@pytest.mark.usefixtures("frozen")
def test_a_retry_gets_the_run_that_the_first_try_started(start_run, context, ti, omics_local):
    deferred(start_run(deferrable=True), context)
    first = dict(ti.xcom)
    ti.try_number, ti.xcom = 2, {}
    deferred(start_run(deferrable=True), context)
    assert ti.xcom == first
    assert len(omics_local.runs()) == 1


def test_a_lost_answer_starts_nothing_twice(start_run, context, omics_local):
    omics_local.fault("StartRun", "lost", times=1)
    start_run().execute(context)
    assert omics_local.counts()["StartRun"] == 1
    assert len(omics_local.runs()) == 1


def test_a_retry_after_a_failed_run_starts_the_next_submission(start_run, context, ti, omics_local):
    omics_local.script(status="FAILED", times=1)
    with pytest.raises(RunFailedError):
        start_run().execute(context)
    omics_local.clock.advance(60)
    ti.try_number = 2
    start_run().execute(context)
    assert [run["tags"]["airflow:request_id"] for run in omics_local.runs()] == [
        INTENTION.request_id(0),
        INTENTION.request_id(1),
    ]
    omics_local.clock.advance(60)
    ti.try_number, ti.xcom = 3, {}
    assert start_run().execute(context)["run_id"] == omics_local.runs()[1]["id"]
    assert len(omics_local.runs()) == 2


def test_one_attempt_starts_one_run(start_run, context, ti, omics_local):
    omics_local.script(status="FAILED")
    ti.try_number = 3
    with pytest.raises(RunFailedError):
        start_run().execute(context)
    assert len(omics_local.runs()) == 1


def test_a_clear_starts_anew(start_run, context, ti, omics_local):
    start_run().execute(context)
    ti.try_number, ti.max_tries = 2, 3
    start_run().execute(context)
    assert len(omics_local.runs()) == 2


def test_mapped_tasks_have_runs_of_their_own(start_run, context, ti, omics_local):
    for ti.map_index in (0, 1):
        start_run(wait_for_completion=False).execute(context)
    assert len({run["id"] for run in omics_local.runs()}) == 2


def test_the_callers_request_id_is_one_run_for_ever(start_run, context, ti, omics_local):
    omics_local.script(status="FAILED", times=1)
    with pytest.raises(RequestIdSpentError):
        start_run(request_id="mine").execute(context)
    omics_local.clock.advance(60)
    ti.try_number = 2
    with pytest.raises(RequestIdSpentError, match="One run for a request_id, ever"):
        start_run(request_id="mine").execute(context)
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("arguments", [{}, {"request_id": "mine"}, {"airflow_tags": False}], ids=str)
def test_a_409_is_answered_by_a_look_up(arguments, start_run, context, ti, omics_local, monkeypatch):
    # The one who looks again lives by the endpoint's clock, which moves while he sleeps.
    clock = omics_local.clock
    endpoints = SimpleNamespace(monotonic=lambda: clock.now().timestamp(), sleep=clock.advance)
    for module in (submissions, in_worker):
        monkeypatch.setattr(module, "time", endpoints)
    omics_local.switch(request_id_repeat="conflict", list_delay=0.2, speed=1)
    deferred(start_run(deferrable=True, **arguments), context)
    first, ti.try_number, ti.xcom = dict(ti.xcom), 2, {}
    deferred(start_run(deferrable=True, **arguments), context)
    assert ti.xcom == first
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
def test_a_409_about_a_run_that_nothing_finds_names_the_request_id(start_run, context, ti, omics_local):
    omics_local.switch(request_id_repeat="conflict", list_delay=900)
    deferred(start_run(deferrable=True), context)
    ti.try_number = 2
    with pytest.raises(StartRunConflictError, match=rf"requestId {INTENTION.request_id(0)} is taken"):
        start_run().execute(context)


@pytest.mark.usefixtures("frozen")
def test_a_run_whose_payload_changed_is_found_before_anything_is_asked_for(start_run, context, ti, omics_local):
    deferred(start_run(deferrable=True), context)
    ti.try_number = 2
    deferred(start_run(deferrable=True, priority=5), context)
    assert omics_local.counts()["StartRun"] == 1


@pytest.mark.usefixtures("frozen")
def test_a_look_up_that_is_denied_relies_on_the_request_id(start_run, context, ti, omics_local):
    deferred(start_run(deferrable=True), context)
    omics_local.fault("ListRuns", "error", code="AccessDeniedException", times=None)
    first, ti.try_number, ti.xcom = dict(ti.xcom), 2, {}
    deferred(start_run(deferrable=True), context)
    assert ti.xcom == first


@pytest.mark.usefixtures("frozen")
def test_a_run_of_the_same_name_is_not_taken_for_this_tasks(start_run, context, ti, omics_local):
    for ti.map_index in (0, 1):
        deferred(start_run(deferrable=True, name="shared"), context)
    ti.try_number, ti.map_index = 2, 0
    deferred(start_run(deferrable=True, name="shared"), context)
    assert ti.xcom["run_id"] == omics_local.runs()[0]["id"]
    assert len(omics_local.runs()) == 2


def test_a_dying_run_is_waited_out_and_followed_by_the_next(start_run, context, ti, omics_local):
    omics_local.clock.freeze()
    operator = start_run(deferrable=True)
    omics_local.switch(speed=1)
    deferred(operator, context)
    client, run_id = omics_local.client(), ti.xcom["run_id"]
    client.cancel_run(id=run_id)
    assert client.get_run(id=run_id)["status"] == "STOPPING"
    omics_local.clock.advance(2)
    ti.try_number, ti.xcom = 2, {}
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    assert ti.xcom["run_id"] == run_id
    assert deferral.kwargs["dying"] is True
    omics_local.force(run_id, "CANCELLED")
    event = RunEvent(replace(operator.attempt.run, status="CANCELLED")).serialize()
    with pytest.raises(TaskDeferred):
        start_run(deferrable=True).execute_complete(context, event, **deferral.kwargs)
    assert ti.xcom["run_id"] != run_id
    assert [run["status"] for run in omics_local.runs()] == ["CANCELLED", "PENDING"]


@pytest.mark.usefixtures("frozen")
def test_without_waiting_a_retry_succeeds_with_the_run_it_finds(start_run, context, ti, omics_local):
    start_run(wait_for_completion=False).execute(context)
    [run] = omics_local.runs()
    omics_local.force(run["id"], "FAILED")
    ti.try_number = 2
    assert start_run(wait_for_completion=False).execute(context)["status"] == "FAILED"
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
def test_an_event_of_another_try_is_not_believed(start_run, context, ti, omics_local):
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    event = RunEvent(replace(operator.attempt.run, status="FAILED")).serialize()
    ti.try_number = 2
    deferred(OneMore(start_run(deferrable=True), event, deferral.kwargs), context)
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
def test_an_event_of_another_release_is_not_believed(start_run, context):
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    deferred(OneMore(start_run(deferrable=True), {"status": "done"}, deferral.kwargs), context)


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("deferrable", [True, False])
def test_a_run_that_failed_is_the_tries_own_whatever_the_trigger_said(deferrable, start_run, context, ti, omics_local):
    deferral = deferred(start_run(deferrable=True), context)
    omics_local.force(ti.xcom["run_id"], "FAILED")
    # Whoever upgrades may take deferrable away, too.
    blind = OneMore(start_run(deferrable=deferrable), {"version": "0.9"}, deferral.kwargs)
    if deferrable:
        again = deferred(blind, context)
        blind = OneMore(blind.operator, fired(again), again.kwargs)
    with pytest.raises(RunFailedError):
        blind.execute(context)
    assert len(omics_local.runs()) == 1


# --- the state store of Airflow 3.3 ---


@pytest.mark.usefixtures("frozen")
def test_a_recorded_run_needs_no_look_up(start_run, context, ti, omics_local):
    context["task_state_store"] = Store()
    deferred(start_run(deferrable=True), context)
    first, ti.try_number, ti.xcom = dict(ti.xcom), 2, {}
    deferred(start_run(deferrable=True), context)
    assert ti.xcom == first
    assert omics_local.counts() == {"StartRun": 1, "GetRun": 1}


@pytest.mark.usefixtures("frozen")
def test_the_log_says_what_was_decided_and_why(start_run, context, ti, omics_local, caplog):
    caplog.set_level(logging.INFO)

    def said(try_number, **arguments):
        """Return what a try says, and let the run that it waits for fail."""
        omics_local.clock.advance(60)
        caplog.clear()
        ti.try_number = try_number
        deferred(start_run(deferrable=True, **arguments), context)
        omics_local.force(ti.xcom["run_id"], "RUNNING")
        return [message for message in caplog.messages if message.startswith(WORDS)], ti.xcom["run_id"]

    def output(run_id):
        return f"output s3://bucket/runs/{run_id}"

    told, run_id = said(1)
    assert told == [
        "First try: there is no earlier run to look for",
        f"Started run {run_id} (PENDING), {output(run_id)}",
    ]
    reattached = f"Reattached to run {run_id} (RUNNING), started by"
    assert said(2) == ([f"{reattached} try 1, {output(run_id)}"], run_id)
    assert said(3) == ([f"{reattached} an earlier try, {output(run_id)}"], run_id)

    omics_local.force(run_id, "FAILED", failureReason="SERVICE_ERROR")
    context["task_state_store"] = Store()
    told, second = said(4)
    why = f"run {run_id} FAILED: SERVICE_ERROR, before this try began: it starts the next run"
    assert told == [why, f"Started run {second} (PENDING), {output(second)}"]
    assert said(6) == ([f"Reattached to run {second} (RUNNING), started by try 4, {output(second)}"], second)

    ti.max_tries += 1
    nothing = "No run of an earlier try was found; if there is one, StartRun returns it"
    told, third = said(7)
    assert told == [nothing, f"Started run {third} (PENDING), {output(third)}"]

    context["task_state_store"] = None
    told, own = said(1, request_id="mine")
    assert told == [nothing, f"Started run {own} (PENDING), {output(own)}"]
    own_again = f"Reattached to run {own} (RUNNING), started by an earlier use of request_id mine, {output(own)}"
    assert said(1, request_id="mine") == ([own_again], own)


@pytest.mark.usefixtures("frozen")
def test_a_record_of_before_a_clear_is_not_believed(start_run, context, ti, omics_local):
    context["task_state_store"] = Store()
    deferred(start_run(deferrable=True), context)
    ti.try_number, ti.max_tries = 2, 3
    deferred(start_run(deferrable=True), context)
    assert len(omics_local.runs()) == 2


@pytest.mark.usefixtures("frozen")
def test_a_record_of_a_newer_release_is_believed(start_run, context, ti, omics_local):
    store = context["task_state_store"] = Store()
    deferred(start_run(deferrable=True), context)
    for record in store.values():
        record["run"]["novel"] = 1
    ti.try_number = 2
    deferred(start_run(deferrable=True), context)
    assert omics_local.counts() == {"StartRun": 1, "GetRun": 1}


@pytest.mark.usefixtures("frozen")
def test_a_store_that_fails_fails_no_task(start_run, context, ti, omics_local):
    context["task_state_store"] = None
    deferred(start_run(deferrable=True), context)
    context["task_state_store"] = Store(broken=True)
    ti.try_number = 2
    deferred(start_run(deferrable=True), context)
    assert len(omics_local.runs()) == 1


# --- waiting ---


@pytest.mark.usefixtures("frozen")
def test_a_deferred_task_hands_over_one_typed_event(start_run, context, ti):
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    assert deferral.timeout is None
    assert isinstance(deferral.trigger, OmicsRunTrigger)
    path, arguments = deferral.trigger.serialize()
    assert path == "airflow_provider_omics.triggers.run.OmicsRunTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    assert set(ti.xcom) >= {"run_id", "uuid", "arn", "run_output_uri"}


@pytest.mark.usefixtures("frozen")
def test_links_are_there_while_it_waits(start_run, context, ti):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    shown = {key: value for key, value in ti.xcom.items() if key.startswith("_link_")}
    keys = {getattr(link, "xcom_key", None) for link in operator.operator_extra_links} - {None}
    assert set(shown) == keys
    assert all(value.startswith("https://us-east-1.console.aws.amazon.com/") for value in shown.values())


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop"},
        {"kind": "error", "code": "ThrottlingException"},
        {"kind": "error", "code": "InternalServerException"},
    ],
    ids=lambda fault: fault.get("code", "drop"),
)
def test_a_passing_fault_does_not_end_the_waiting(fault, start_run, context, omics_local):
    no_retries = {"retries": {"total_max_attempts": 1}}
    operator = start_run(deferrable=True, botocore_config=no_retries)
    deferred(operator, context)
    omics_local.fault("GetRun", **fault, times=3)
    assert operator.attempt.wait(operator.attempt.run).succeeded
    assert omics_local.counts()["GetRun"] > 3


@pytest.mark.usefixtures("frozen")
def test_a_lasting_fault_ends_the_waiting(start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    omics_local.fault("GetRun", "error", code="AccessDeniedException")
    with pytest.raises(Exception, match="AccessDenied"):
        operator.attempt.wait(operator.attempt.run)


@pytest.mark.usefixtures("frozen")
def test_an_event_with_an_error_says_that_the_run_goes_on(start_run, context):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    event = RunEvent(operator.attempt.run, error="AccessDeniedException: no").serialize()
    with pytest.raises(
        RunWaitError, match=rf"run {operator.attempt.run.id} \(PENDING\) broke, and the run goes on: AccessDenied"
    ):
        start_run().execute_complete(context, event)


@pytest.mark.usefixtures("frozen")
def test_the_trigger_reaches_the_runs_region_with_all_the_operator_was_given(start_run, context):
    operator = start_run(deferrable=True, verify=False, botocore_config={"read_timeout": 7})
    params = deferred(operator, context).trigger.serialize()[1]["hook_params"]
    assert params == {
        "aws_conn_id": "aws_default",
        "region_name": "us-east-1",
        "verify": False,
        "botocore_config": {"read_timeout": 7},
    }


@pytest.mark.usefixtures("frozen")
def test_a_run_is_shown_before_anything_more_is_asked(start_run, context, ti, omics_local):
    deferred(start_run(deferrable=True), context)
    first, ti.try_number, ti.xcom = dict(ti.xcom), 2, {}
    for operation in ("ListRuns", "GetRun"):
        omics_local.fault(operation, "error", code="AccessDeniedException")
    with pytest.raises(Exception, match="AccessDenied"):
        start_run(deferrable=True).execute(context)
    assert ti.xcom == first


def test_a_misspelt_class_is_refused(start_run):
    with pytest.raises(OmicsError, match=r"retry_on must name classes .*, not 'trasient'"):
        start_run(retry_on=["trasient"])


# --- time is up ---


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("cancels", [True, False])
def test_the_deadline_cancels_the_run(cancels, start_run, context, omics_local):
    operator = start_run(execution_timeout=timedelta(seconds=1), cancel_on_kill=cancels)
    with pytest.raises(
        RunTimeoutError, match="execution_timeout 0:00:01; " + ("cancelled" if cancels else "it goes on")
    ):
        operator.execute(context)
    assert omics_local.counts().get("CancelRun", 0) == cancels


@pytest.mark.usefixtures("frozen")
def test_the_deadline_of_a_deferred_task_cancels_the_run(start_run, context, omics_local):
    operator = start_run(deferrable=True, execution_timeout=timedelta(hours=1))
    before = time.time()
    deferral = deferred(operator, context)
    # Ten seconds before Airflow's own time-out.
    assert before + 3590 <= deferral.trigger.deadline <= time.time() + 3590
    event = RunEvent(operator.attempt.run, timed_out=True).serialize()
    with pytest.raises(RunTimeoutError, match=r"not ended within .*; cancelled"):
        operator.execute_complete(context, event, **deferral.kwargs)
    assert omics_local.counts()["CancelRun"] == 1


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    ("error", "cancels"),
    [("Trigger timeout", 1), ("Trigger/execution timeout", 1), ("Trigger failure", 0)],
)
def test_airflows_own_time_out_cancels_and_a_lost_trigger_does_not(error, cancels, start_run, context, ti, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    ti.xcom_pull = lambda task_ids, key, map_indexes: ti.xcom[key]  # noqa: ARG005 - Airflow's signature
    with pytest.raises(AirflowException):
        operator.resume_execution("__fail__", {"error": error}, context)
    assert omics_local.counts().get("CancelRun", 0) == cancels


# --- killing ---


@pytest.fixture
def state(monkeypatch):
    """Say in which state Airflow has the task; a slow machine is given time to cancel."""
    monkeypatch.setattr(attempt_end, "KILL_SECONDS", 60)

    def say(state, *, current=True):
        monkeypatch.setattr(worker, "task_states", lambda _tis: [state])
        monkeypatch.setattr(worker, "is_current_try", lambda _ti: current)

    return say


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("by", ["failed", "success", "skipped", "removed", "restarting"])
def test_a_person_cancels_the_run(by, state, start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    state(by)
    operator.on_kill()
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    "by", ["running", "queued", "scheduled", "deferred", "up_for_retry", "up_for_reschedule", None]
)
def test_a_machine_that_goes_away_does_not(by, state, start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    state(by)
    operator.on_kill()
    assert "CancelRun" not in omics_local.counts()


@pytest.mark.usefixtures("frozen")
def test_where_airflow_does_not_say_the_run_is_left_alone(start_run, context, monkeypatch, omics_local):
    def unreachable(_tis):
        raise RuntimeError("the API server is gone")

    monkeypatch.setattr(worker, "task_states", unreachable)
    operator = start_run(deferrable=True)
    deferred(operator, context)
    operator.on_kill()
    assert "CancelRun" not in omics_local.counts()


@pytest.mark.usefixtures("frozen")
def test_a_kill_can_leave_the_run_alone(state, start_run, context, omics_local):
    operator = start_run(deferrable=True, cancel_on_kill=False)
    deferred(operator, context)
    state("failed")
    operator.on_kill()
    assert "CancelRun" not in omics_local.counts()


@pytest.mark.usefixtures("frozen")
def test_a_kill_of_an_ended_run_is_no_error(state, start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    state("failed")
    omics_local.force(operator.attempt.run.id, "COMPLETED")
    operator.on_kill()
    assert omics_local.runs()[0]["status"] == "COMPLETED"


@pytest.mark.usefixtures("frozen")
def test_a_throttled_cancel_is_tried_again(state, start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    state("failed")
    omics_local.fault("CancelRun", "error", code="ThrottlingException", times=3)
    operator.on_kill()
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
def test_a_cancel_that_is_denied_is_told(state, start_run, context, omics_local, caplog):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    state("failed")
    omics_local.fault("CancelRun", "error", code="AccessDeniedException")
    operator.on_kill()
    assert f"run {operator.attempt.run.id} is not cancelled and may go on: An error occurred" in caplog.text


@pytest.mark.usefixtures("frozen")
def test_a_start_that_answers_after_the_kill_is_settled_too(state, start_run, context, monkeypatch, omics_local):
    operator = start_run(deferrable=True)
    state("failed")

    def start(hook, request):
        # The kill finds nothing as long as the request is on its way, and gives up.
        with monkeypatch.context() as patch:
            patch.setattr(attempt_end, "KILL_SECONDS", 0)
            operator.on_kill()
        assert omics_local.runs() == []
        return start_run_of_hook(hook, request)

    start_run_of_hook = omics.OmicsHook.start_run
    monkeypatch.setattr(omics.OmicsHook, "start_run", start)
    deferred(operator, context)
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
def test_a_start_that_answers_when_the_kill_has_given_up_is_settled_too(
    state, start_run, context, omics_local, monkeypatch
):
    monkeypatch.setattr(attempt_end, "KILL_SECONDS", 0.5)
    omics_local.switch(list_delay=900)
    operator = start_run(deferrable=True)
    state("failed")
    real_start, given_up = OmicsHook.start_run, threading.Event()

    def start_slowly(hook, request):
        answer = real_start(hook, request)
        assert given_up.wait(30)
        return answer

    monkeypatch.setattr(OmicsHook, "start_run", start_slowly)

    def kill():
        while not omics_local.runs():
            time.sleep(0.05)
        operator.on_kill()
        given_up.set()

    killing = threading.Thread(target=kill)
    killing.start()
    deferred(operator, context)
    killing.join()
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
def test_a_start_that_never_answers_is_not_taken_for_an_older_one(state, start_run, context, ti, omics_local):
    deferred(start_run(deferrable=True), context)
    omics_local.force(ti.xcom["run_id"], "FAILED")
    omics_local.clock.advance(60)
    omics_local.switch(list_delay=1, speed=1)
    operator = start_run(submit_timeout=timedelta(0))
    state("failed")
    ti.try_number = 2
    omics_local.fault("StartRun", "lost", times=1)
    with pytest.raises(Exception, match="Connection"):
        operator.execute(context)
    looked = omics_local.counts()["ListRuns"]

    def list_it_after_a_look():
        while omics_local.counts()["ListRuns"] == looked:
            time.sleep(0.05)
        omics_local.clock.advance(2)

    listing = threading.Thread(target=list_it_after_a_look)
    listing.start()
    operator.on_kill()
    listing.join()
    assert [run["status"] for run in omics_local.runs()] == ["FAILED", "STOPPING"]


@pytest.mark.usefixtures("frozen")
def test_a_kill_past_the_deadline_cancels(state, start_run, context, omics_local):
    """Airflow's own time-out kills a task that is still running: our clock knows why."""
    operator = start_run(deferrable=True, execution_timeout=timedelta(hours=1))
    deferred(operator, context)
    state("running")
    operator.attempt.deadline = time.time() - 1
    operator.on_kill()
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
def test_airflows_time_out_is_one_whatever_our_clock_says(state, start_run, context, omics_local):
    """Airflow's clock began before ours, and ours may have been set back."""
    operator = start_run(deferrable=True, execution_timeout=timedelta(hours=1))
    deferred(operator, context)
    state("running")
    try:
        raise AirflowTaskTimeout  # noqa: TRY301 - as Airflow does
    except AirflowTaskTimeout:
        operator.on_kill()
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
def test_the_deadline_of_a_task_whose_dag_run_was_deleted_cancels(state, start_run, context, omics_local):
    operator = start_run(execution_timeout=timedelta(seconds=1))
    state("removed", current=False)
    with pytest.raises(RunTimeoutError, match="cancelled"):
        operator.execute(context)
    assert omics_local.counts()["CancelRun"] == 1


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(("by", "current"), [("running", False), ("deferred", False), ("up_for_retry", True)])
def test_a_worker_that_stood_still_leaves_the_run_to_the_next_try(by, current, state, start_run, context, omics_local):
    operator = start_run(execution_timeout=timedelta(hours=1), deferrable=True)
    deferred(operator, context)
    state(by, current=current)
    operator.attempt.deadline = time.time() - 1
    operator.on_kill()
    assert "CancelRun" not in omics_local.counts()
    ending = threading.Timer(1, omics_local.force, [operator.attempt.run.id, "COMPLETED"])
    ending.start()
    # An error would end the later try on 2.11.
    assert operator.attempt.wait(operator.attempt.run).succeeded
    ending.join()
    assert "CancelRun" not in omics_local.counts()


@pytest.mark.usefixtures("frozen")
def test_a_start_that_never_answers_is_looked_up(state, start_run, context, omics_local):
    operator = start_run(submit_timeout=timedelta(0))
    state("failed")
    omics_local.fault("StartRun", "lost", times=1)
    with pytest.raises(Exception, match="Connection"):
        operator.execute(context)
    operator.on_kill()
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
def test_nothing_starts_after_a_kill(state, start_run, context, ti, monkeypatch, omics_local):
    operator = start_run(deferrable=True)
    state("failed")
    ti.try_number = 2

    def list_runs(*arguments):
        # A signal's handler calls it, in the middle of anything.
        if not operator.killed:
            operator.on_kill()
        return list_runs_of_hook(*arguments)

    list_runs_of_hook = omics.OmicsHook.list_runs
    monkeypatch.setattr(omics.OmicsHook, "list_runs", list_runs)
    with pytest.raises(OmicsError, match="nothing was started"):
        operator.execute(context)
    assert omics_local.runs() == []
