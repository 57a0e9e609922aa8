# SPDX-License-Identifier: Apache-2.0
"""Which run a retry, a clear and a mapped task have: that of an earlier try, or one of their own."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.exceptions import RequestIdSpentError, RunFailedError, StartRunConflictError
from airflow_provider_omics.lifecycle import in_worker, submissions
from airflow_provider_omics.records.run_event import RunEvent
from tests.operators.conftest import INTENTION
from tests.operators.deferring import deferred
from tests.operators.state_store import Store

# How the lines begin that say what a try does about its run.
WORDS = ("First try", "Started", "Reattached", "run ", "No run")


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
    with pytest.raises(RequestIdSpentError, match="Only one run for a request_id"):
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
        "First try: starting a run",
        f"Started run {run_id} (PENDING), {output(run_id)}",
    ]
    reattached = f"Reattached to run {run_id} (RUNNING), started by"
    assert said(2) == ([f"{reattached} try 1, {output(run_id)}"], run_id)
    assert said(3) == ([f"{reattached} an earlier try, {output(run_id)}"], run_id)

    omics_local.force(run_id, "FAILED", failureReason="SERVICE_ERROR")
    context["task_state_store"] = Store()
    told, second = said(4)
    why = f"run {run_id} FAILED: SERVICE_ERROR, before this try began: this try starts the next run"
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


@pytest.mark.usefixtures("frozen")
def test_a_run_is_shown_before_anything_more_is_asked(start_run, context, ti, omics_local):
    deferred(start_run(deferrable=True), context)
    first, ti.try_number, ti.xcom = dict(ti.xcom), 2, {}
    for operation in ("ListRuns", "GetRun"):
        omics_local.fault(operation, "error", code="AccessDeniedException")
    with pytest.raises(Exception, match="AccessDenied"):
        start_run(deferrable=True).execute(context)
    assert ti.xcom == first
