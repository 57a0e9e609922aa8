# SPDX-License-Identifier: Apache-2.0
"""The trigger, in an event loop of its own, against the local endpoint."""

import asyncio
import json
import logging
import re
import time
from types import SimpleNamespace

import pytest

from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.cancellation import ask_airflow
from airflow_provider_omics.hooks.omics import VISIBLE_AFTER
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.triggers import run as triggers
from airflow_provider_omics.triggers.run import OmicsRunTrigger
from tests.triggers.waiting import until


@pytest.fixture
def trigger(omics_local, monkeypatch):
    """Return the trigger of a new run."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(omics_local.airflow_connection()))
    omics_local.workflow(id="1234567", name="cram-to-bam")
    omics_local.switch(speed=500)

    def new():
        answer = omics_local.client("omics").start_run(
            workflowId="1234567", roleArn="arn:aws:iam::123456789012:role/x", outputUri="s3://bucket/runs"
        )
        original = OmicsRunTrigger.of(Run.from_response(answer), HookParams(), 0.05)
        return OmicsRunTrigger(**original.serialize()[1])

    return new


async def events(trigger):
    return [RunEvent.deserialize(event.payload) async for event in trigger.run()]


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "CANCELLED"])
def test_it_tells_how_the_run_ended(status, trigger, omics_local):
    omics_local.script(status=status, failureReason="X" if status == "FAILED" else None, statusMessage="y")
    [event] = asyncio.run(events(trigger()))
    assert (event.run.status, event.error) == (status, None)
    assert event.run.output_uri == f"s3://bucket/runs/{event.run.id}"


def test_it_tells_that_the_run_is_gone(trigger, omics_local):
    waiting = trigger()
    waiting.run_args["creation_time"] -= VISIBLE_AFTER
    omics_local.force(waiting.run_args["id"], "DELETED")
    [event] = asyncio.run(events(waiting))
    assert event.run.status == "DELETED"


def test_a_passing_fault_does_not_end_it(trigger, omics_local):
    waiting = trigger()
    omics_local.fault("GetRun", "error", code="InternalServerException", times=3)
    [event] = asyncio.run(events(waiting))
    assert event.run.succeeded


def test_a_lasting_fault_is_told(trigger, omics_local):
    waiting = trigger()
    omics_local.fault("GetRun", "error", code="AccessDeniedException", times=1)
    [event] = asyncio.run(events(waiting))
    assert "AccessDeniedException" in event.error
    assert not event.run.ended


@pytest.mark.parametrize(("cancels", "status"), [(True, "STOPPING"), (False, "PENDING")])
def test_the_deadline_cancels_the_run(cancels, status, trigger, omics_local):
    omics_local.clock.freeze()
    waiting = trigger()
    waiting.cancel_on_kill = cancels
    waiting.deadline = time.time() + 0.2
    [event] = asyncio.run(events(waiting))
    # What it was when its time was up.
    assert (event.timed_out, event.cancelled, event.run.status) == (True, cancels, "PENDING")
    assert omics_local.runs()[0]["status"] == status


@pytest.mark.parametrize("code", ["InternalServerException", "AccessDeniedException"])
def test_a_cancel_that_fails_is_left_to_the_worker(code, trigger, omics_local, monkeypatch):
    monkeypatch.setattr("airflow_provider_omics.triggers.run.CANCEL_SECONDS", 1.5)
    omics_local.clock.freeze()
    waiting = trigger()
    waiting.deadline = time.time() + 0.2
    omics_local.fault("CancelRun", "error", code=code, probability=1)
    [event] = asyncio.run(events(waiting))
    assert (event.timed_out, event.cancelled, event.run.status, event.error) == (True, False, "PENDING", None)


def test_a_cancel_that_is_throttled_is_asked_again(trigger, omics_local):
    omics_local.clock.freeze()
    waiting = trigger()
    waiting.deadline = time.time() + 0.2
    omics_local.fault("CancelRun", "error", code="ThrottlingException", times=2)
    [event] = asyncio.run(events(waiting))
    assert (event.timed_out, event.cancelled) == (True, True)
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.parametrize(("passed", "ours"), [(3600, True), (0, False)])
def test_whose_cancel_it_was_is_known_by_the_deadline(passed, ours, trigger, omics_local):
    """The triggerer that called CancelRun, or its answer, may be lost: the run is CANCELLED when this one comes."""
    omics_local.clock.freeze()
    omics_local.clock.advance(-3600)
    omics_local.switch(speed=1)
    omics_local.script(running=36_000)
    waiting = trigger()
    waiting.deadline = time.time() - 1
    omics_local.clock.advance(passed)
    omics_local.force(waiting.run_args["id"], "CANCELLED")
    [event] = asyncio.run(events(waiting))
    assert (event.run.status, event.timed_out, event.cancelled) == ("CANCELLED", ours, ours)


def test_a_cancel_whose_answer_is_lost_is_a_time_out(trigger, omics_local):
    omics_local.clock.freeze()
    waiting = trigger()
    waiting.deadline = time.time() + 0.2
    omics_local.fault("CancelRun", "lost")
    omics_local.fault("CancelRun", "error", code="ConflictException", probability=1)
    omics_local.script(stopping=0)
    [event] = asyncio.run(events(waiting))
    assert (event.timed_out, event.cancelled) == (True, True)


@pytest.mark.parametrize(("state", "current"), [("deferred", False), ("running", True), ("up_for_retry", True)])
def test_a_triggerer_that_stood_still_leaves_the_run_to_the_next_try(state, current, trigger, omics_local, monkeypatch):
    omics_local.clock.freeze()
    waiting = trigger()
    waiting.deadline = time.time() + 0.2
    waiting.task_instance = SimpleNamespace(
        dag_id="cohort", run_id="manual", task_id="start", map_index=-1, try_number=1
    )
    monkeypatch.setattr(ask_airflow, "task_states", lambda tis: [state] * len(tis))
    monkeypatch.setattr(triggers, "is_current_try", lambda _ti: current)
    [event] = asyncio.run(events(waiting))
    assert (event.timed_out, event.cancelled, event.run.status) == (True, False, "PENDING")
    assert "CancelRun" not in omics_local.counts()


def test_many_deadlines_that_come_together_are_cancelled_within_the_quota(trigger, omics_local, monkeypatch):
    monkeypatch.setenv("AIRFLOW__OMICS__CALLS_PER_SECOND", "8")
    omics_local.script(pending=3600)
    waiting = [trigger() for _ in range(20)]
    omics_local.switch(speed=1, quotas={"GetRun": 10, "CancelRun": 10})
    for each in waiting:
        each.poll_interval, each.deadline = 30.0, time.time() + 1

    async def all_of_them():
        return await asyncio.gather(*map(events, waiting))

    told = asyncio.run(all_of_them())
    assert {(event.timed_out, event.cancelled) for [event] in told} == {(True, True)}
    assert {run["status"] for run in omics_local.runs()} <= {"STOPPING", "CANCELLED"}
    assert 429 not in {call["status"] for call in omics_local.calls()}


def test_a_run_that_ended_before_the_deadline_was_noticed_is_told_as_ended(trigger, omics_local):
    omics_local.clock.freeze()
    waiting = trigger()
    omics_local.force(waiting.run_args["id"], "COMPLETED")
    waiting.deadline = time.time() - 60
    [event] = asyncio.run(events(waiting))
    assert (event.timed_out, event.run.status) == (False, "COMPLETED")
    assert "CancelRun" not in omics_local.counts()


@pytest.fixture
def talkative(trigger, omics_local, monkeypatch, caplog):
    """Return the trigger of a run that is RUNNING until the clock moves; at each look something is said of it."""
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("AIRFLOW__OMICS__HEARTBEAT_INTERVAL", "0.01")
    monkeypatch.setenv("AIRFLOW__OMICS__CALLS_PER_SECOND", "1000")
    monkeypatch.setattr("airflow_provider_omics.polling.poller._SECONDS_A_LINE", 0.001)
    omics_local.switch(speed=1)
    omics_local.clock.freeze()

    def new(tasks=3):
        omics_local.script(running=1000, tasks=[{"name": "call"}] * tasks, times=1)
        waiting = trigger()
        # Airflow 3's own logger writes past caplog.
        waiting._log = logging.getLogger("trigger")
        omics_local.clock.advance(11)
        return waiting

    return new


async def events_after(waiting, condition, omics_local):
    """Let a trigger wait until something is true, and its run end; return the event, and what was true."""
    told = asyncio.create_task(events(waiting))
    seen = await until(condition)
    omics_local.clock.advance(2000)
    async with asyncio.timeout(60):
        [event] = await told
    return event, seen


def test_it_says_every_now_and_then_how_the_run_is_going(talkative, omics_local, caplog):
    waiting = talkative()
    event, beat = asyncio.run(events_after(waiting, lambda: waiting._beat, omics_local))
    # Three tasks share the time, one after the other; the endpoint's clock is not ours.
    times = r"\d:\d\d:\d\d since StartRun, 0:00:10 of it in the queue"
    line = rf"run {event.run.id} RUNNING, {times}; tasks: 2 PENDING, 1 RUNNING"
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\dZ {line}", beat)
    assert re.search(rf"HealthOmics {line}", caplog.text)
    [running, *_, ended, _] = event.said
    assert running.endswith(f"Z run {event.run.id} RUNNING")
    assert ended.endswith(f"Z run {event.run.id} COMPLETED")


def test_it_says_what_it_met(talkative, omics_local):
    waiting = talkative()
    omics_local.fault("GetRun", "error", code="InternalServerException", message="a bad day", times=2)
    event, _ = asyncio.run(events_after(waiting, lambda: waiting._faults == 2, omics_local))
    assert [line for line in event.said if line.startswith("2 polls failed") and "a bad day" in line]


def test_of_a_run_of_many_tasks_a_page_of_each_status_is_read(talkative, omics_local):
    waiting = talkative(tasks=230)
    _, beat = asyncio.run(events_after(waiting, lambda: waiting._beat, omics_local))
    assert "; tasks: 100+ PENDING, 1 RUNNING" in beat


def test_before_a_run_is_running_its_tasks_are_not_asked_for(talkative, omics_local):
    waiting = talkative()
    omics_local.force(waiting.run_args["id"], "STARTING")

    async def go():
        told = asyncio.create_task(events(waiting))
        await until(lambda: waiting._beat)
        omics_local.force(waiting.run_args["id"], "CANCELLED")
        return await told

    [event] = asyncio.run(go())
    assert "STARTING" in event.said[-1]
    assert "ListRunTasks" not in omics_local.counts()


def test_where_many_wait_no_tasks_are_counted(talkative, omics_local, monkeypatch):
    monkeypatch.setattr(triggers, "_COUNTING_MEMBERS", 0)
    waiting = talkative()
    event, _ = asyncio.run(events_after(waiting, lambda: waiting._beat, omics_local))
    assert event.said[-1].endswith("of it in the queue")
    assert "ListRunTasks" not in omics_local.counts()


def test_tasks_that_may_not_be_listed_are_a_warning_once(talkative, omics_local, caplog):
    waiting = talkative()
    omics_local.fault("ListRunTasks", "error", code="AccessDeniedException", probability=1)
    looks = len(omics_local.calls("GetRun"))
    asyncio.run(events_after(waiting, lambda: len(omics_local.calls("GetRun")) >= looks + 6, omics_local))
    assert caplog.text.count("cannot be counted") == 1
    assert omics_local.counts()["ListRunTasks"] == 1


def test_tasks_whose_listing_hangs_do_not_hold_up_the_end(talkative, omics_local, monkeypatch):
    monkeypatch.setattr(triggers, "_COUNT_SECONDS", 0.2)
    waiting = talkative()
    omics_local.fault("ListRunTasks", "delay", seconds=3.0, probability=1)
    event, _ = asyncio.run(events_after(waiting, lambda: waiting._beat, omics_local))
    assert event.run.succeeded
    assert not event.timed_out


def test_a_heartbeat_of_nought_is_never(talkative, omics_local, monkeypatch):
    monkeypatch.setenv("AIRFLOW__OMICS__HEARTBEAT_INTERVAL", "0")
    waiting = talkative()
    event, _ = asyncio.run(events_after(waiting, lambda: len(omics_local.calls("GetRun")) >= 5, omics_local))
    assert waiting._beat == ""
    assert event.run.succeeded


def test_very_many_say_less_often_how_their_runs_are_going(talkative, omics_local, monkeypatch):
    monkeypatch.setattr("airflow_provider_omics.polling.poller._SECONDS_A_LINE", 1_000_000)
    waiting = talkative()
    asyncio.run(events_after(waiting, lambda: len(omics_local.calls("GetRun")) >= 5, omics_local))
    assert waiting._beat == ""
