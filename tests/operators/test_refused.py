# SPDX-License-Identifier: Apache-2.0
"""StartRun is refused, as too frequent or because the account is full: no try is lost, and nothing starts twice."""

import asyncio
import json
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.cancellation import guarded_trigger, task_states, worker
from airflow_provider_omics.core.event import TurnEvent
from airflow_provider_omics.exceptions import OmicsError, StartRunRefusedError
from airflow_provider_omics.hooks import retry_policy
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.polling.pacing import Turn
from airflow_provider_omics.triggers.run import OmicsRunTrigger
from airflow_provider_omics.triggers.turn import OmicsTurnTrigger

THROTTLED = {"kind": "error", "code": "ThrottlingException"}
FULL = {"kind": "error", "code": "ServiceQuotaExceededException", "message": "You have 100000 runs"}
TURN = TurnEvent(Turn("1", 0.01, 0.5)).serialize()


def deferral(method, *arguments, **kwargs):
    with pytest.raises(TaskDeferred) as caught:
        method(*arguments, **kwargs)
    # What crosses the database is JSON.
    kwargs = json.loads(json.dumps(caught.value.kwargs))
    path, given = caught.value.trigger.serialize()
    trigger = type(caught.value.trigger)(**json.loads(json.dumps(given)))
    assert path == f"{type(trigger).__module__}.{type(trigger).__qualname__}"
    return trigger, caught.value.method_name, kwargs


def event_of(trigger):
    async def first():
        async with asyncio.timeout(60):
            return await anext(trigger.run())

    return asyncio.run(first()).payload


def test_a_deferrable_task_waits_for_its_turn_and_starts_what_it_was_to_start(start_run, context, ti, omics_local):
    omics_local.clock.freeze()
    omics_local.fault("StartRun", times=1, **THROTTLED)
    operator = start_run(deferrable=True, parameters={"sample": "as first rendered"})
    trigger, method, kwargs = deferral(operator.execute, context)
    assert isinstance(trigger, OmicsTurnTrigger)
    assert method == "execute_turn"
    assert omics_local.counts() == {"StartRun": 1}

    event = event_of(trigger)
    # In another process, whose templates may render to something else.
    operator = start_run(deferrable=True, parameters={"sample": "as rendered now"})
    waiting, method, _ = deferral(operator.execute_turn, context, event, **kwargs)
    assert isinstance(waiting, OmicsRunTrigger)
    assert method == "execute_complete"
    [run] = omics_local.runs()
    assert run["request"]["parameters"] == {"sample": "as first rendered"}
    assert ti.xcom["run_id"] == run["id"]
    assert omics_local.counts()["StartRun"] == 2
    assert waiting.report["answered"]
    assert waiting.report["key"] == event["turn"]["key"]


def test_in_its_turn_a_task_asks_more_than_once_and_then_waits_for_another_one(start_run, context, omics_local):
    omics_local.fault("StartRun", probability=1, **THROTTLED)
    operator = start_run(deferrable=True)
    _, _, kwargs = deferral(operator.execute, context)
    trigger, _, _ = deferral(operator.execute_turn, context, TURN, **kwargs)
    assert isinstance(trigger, OmicsTurnTrigger)
    assert trigger.report["refusals"] > 1
    assert not trigger.report["answered"]
    assert omics_local.runs() == []


def test_who_ends_a_task_that_waits_for_its_turn_is_told_what_could_not_be_looked_up(start_run, context, omics_local):
    omics_local.fault("StartRun", times=1, **THROTTLED)
    trigger, _, _ = deferral(start_run(deferrable=True).execute, context)
    assert trigger._look_up(OmicsHook()) == "it has started no run"
    omics_local.fault("ListRuns", "error", code="AccessDeniedException", times=1)
    assert "cannot be looked up" in trigger._look_up(OmicsHook())


def test_a_sync_task_waits_in_its_worker(start_run, context, omics_local):
    omics_local.fault("StartRun", times=15, **THROTTLED)
    assert start_run().execute(context)["status"] == "COMPLETED"
    assert omics_local.counts()["StartRun"] == 16


@pytest.mark.parametrize("deferrable", [True, False])
def test_faults_cost_no_try_either(deferrable, start_run, context, omics_local):
    omics_local.fault("StartRun", "error", code="InternalServerException", times=3)
    omics_local.fault("StartRun", "drop", times=2)
    operator = start_run(deferrable=deferrable, wait_for_completion=False)
    assert operator.execute(context)["run_id"]
    assert len(omics_local.runs()) == 1


def test_it_ends_with_the_submit_timeout(start_run, context, omics_local):
    omics_local.fault("StartRun", probability=1, **THROTTLED)
    operator = start_run(submit_timeout=timedelta(seconds=0.5))
    with pytest.raises(StartRunRefusedError, match=r"No run was started: .*ThrottlingException.*include_deferred"):
        operator.execute(context)


def test_a_full_account_is_told_with_the_way_out(start_run, context, omics_local, monkeypatch):
    def now():
        # The hour is over when StartRun has refused twice.
        return time.time() + 3600 * (omics_local.counts()["StartRun"] > 1)

    monkeypatch.setattr(retry_policy, "time", SimpleNamespace(time=now, monotonic=time.monotonic))
    monkeypatch.setattr(retry_policy, "_FULL_SECONDS", 0.1)
    omics_local.fault("StartRun", probability=1, **FULL)
    operator = start_run(submit_timeout=timedelta(hours=1))
    with pytest.raises(StartRunRefusedError, match=r"You have 100000 runs.*retention_mode=REMOVE"):
        operator.execute(context)
    assert omics_local.counts()["StartRun"] == 2


def test_a_full_account_is_waited_out_without_a_worker(start_run, context, omics_local):
    omics_local.fault("StartRun", times=2, **FULL)
    operator = start_run(deferrable=True)
    trigger, _, kwargs = deferral(operator.execute, context)
    assert trigger.report["full"]
    # Full is not a matter of seconds: the turn is given back at once.
    trigger, _, kwargs = deferral(operator.execute_turn, context, TURN, **kwargs)
    assert trigger.report["full"]
    waiting, _, _ = deferral(operator.execute_turn, context, TURN, **kwargs)
    assert isinstance(waiting, OmicsRunTrigger)


@pytest.mark.parametrize(
    ("refusal", "told"),
    [(THROTTLED, "ThrottlingException.*include_deferred"), (FULL, "100000 runs.*retention_mode=REMOVE")],
)
def test_when_the_time_is_up_nothing_is_started_any_more(refusal, told, start_run, context, omics_local):
    omics_local.fault("StartRun", times=1, **refusal)
    operator = start_run(deferrable=True, submit_timeout=timedelta(seconds=0.2))
    trigger, _, kwargs = deferral(operator.execute, context)
    trigger.until = time.time()
    event = event_of(trigger)
    assert event["turn"] is None
    with pytest.raises(StartRunRefusedError, match=told):
        operator.execute_turn(context, event, **kwargs)
    assert omics_local.counts()["StartRun"] == 1


def test_a_run_that_was_started_nevertheless_is_waited_for(start_run, context, omics_local):
    """Its answer was lost, and what came after it were refusals."""
    omics_local.clock.freeze()
    omics_local.fault("StartRun", "lost", times=1)
    with pytest.raises(StartRunRefusedError, match="does not answer: Connection"):
        start_run(submit_timeout=timedelta(0)).execute(context)
    operator = start_run(deferrable=True)
    context["ti"].try_number = 2
    omics_local.fault("StartRun", probability=1, **THROTTLED)
    omics_local.fault("ListRuns", "error", code="AccessDeniedException", times=1)
    _, method, kwargs = deferral(operator.execute, context)
    assert method == "execute_turn"
    trigger, _, _ = deferral(operator.execute_turn, context, TurnEvent(None).serialize(), **kwargs)
    assert isinstance(trigger, OmicsRunTrigger)
    assert len(omics_local.runs()) == 1


def test_the_deadline_bounds_the_waiting_for_a_turn(start_run, context, omics_local):
    omics_local.fault("StartRun", times=1, **THROTTLED)
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=60))
    trigger, _, kwargs = deferral(operator.execute, context)
    assert trigger.until == kwargs["deadline"]
    assert trigger.until <= time.time() + 60


def test_a_turn_of_another_try_is_not_believed(start_run, context, ti, omics_local):
    omics_local.fault("StartRun", times=1, **THROTTLED)
    operator = start_run(deferrable=True, wait_for_completion=False)
    _, _, kwargs = deferral(operator.execute, context)
    ti.try_number = 2
    assert operator.execute_turn(context, TURN, **{**kwargs, "request": {"stale": True}})["run_id"]


def test_an_event_of_another_release_is_not_believed(start_run, context):
    assert start_run(wait_for_completion=False).execute_turn(context, {"version": 0})["run_id"]


@pytest.fixture
def killed(start_run, context, omics_local, monkeypatch):
    """Return a function that ends a task while it waits for its turn."""
    omics_local.clock.freeze()

    def kill(state, *, mine=True, lost=False, meanwhile=lambda: None, **arguments):
        # What is unknown is asked again until the time is up; a slow machine is given time to cancel.
        monkeypatch.setattr(guarded_trigger, "_ASK_SECONDS", 1.0 if state == "unknown" else 60.0)
        monkeypatch.setattr(guarded_trigger, "_ON_KILL_SECONDS", 60.0)
        monkeypatch.setattr(task_states, "task_states", lambda tis: [state] * len(tis))
        monkeypatch.setattr(guarded_trigger, "waits_for", lambda _ti, _key, _value: mine)
        operator = start_run(deferrable=True, **arguments)
        if lost:
            omics_local.fault("StartRun", "lost", times=1)
        omics_local.fault("StartRun", probability=1, **THROTTLED)
        trigger, _, _ = deferral(operator.execute, context)
        # The account is full: nobody gets a turn.
        trigger.report["full"] = True
        trigger.task_instance = context["ti"]
        meanwhile()

        async def go():
            waiting = asyncio.create_task(anext(trigger.run()))
            await asyncio.sleep(0.1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            if guarded_trigger._HAS_ON_KILL:
                await trigger.on_kill()

        asyncio.run(go())
        return [run["status"] for run in omics_local.runs()]

    return kill


@pytest.mark.parametrize("own", [{}, {"name": "cohort"}, {"request_id": "mine"}, {"airflow_tags": False}], ids=str)
def test_a_person_ends_the_run_of_an_answer_that_was_lost(own, killed):
    assert killed("failed", lost=True, **own) == ["STOPPING"]


def test_a_person_ends_a_task_that_has_no_run(killed, omics_local):
    assert killed("failed") == []
    assert "CancelRun" not in omics_local.counts()


def test_a_run_of_a_turn_that_another_triggerer_gave_goes_on(killed, start_run, context, omics_local):
    """This triggerer was asleep for so long that another one took its task over."""

    def start_elsewhere():
        omics_local.forgive()
        omics_local.clock.advance(60)
        start_run(wait_for_completion=False).execute(context)

    assert killed("running", meanwhile=start_elsewhere) == ["PENDING"]


def test_a_clear_ends_it_although_the_task_is_deferred_again(killed):
    assert killed("deferred", mine=False, lost=True) == ["STOPPING"]


@pytest.mark.parametrize("state", ["deferred", "up_for_retry", "unknown"])
def test_a_triggerer_that_goes_away_ends_nothing(state, killed):
    assert killed(state, lost=True) == ["PENDING"]


def test_a_person_may_leave_the_run_alone(killed):
    assert killed("failed", lost=True, cancel_on_kill=False) == ["PENDING"]


def test_a_kill_between_two_calls_starts_nothing_and_looks_for_nothing(start_run, context, omics_local, monkeypatch):
    omics_local.fault("StartRun", probability=1, **THROTTLED)
    operator = start_run()
    monkeypatch.setattr(worker, "task_states", lambda _tis: ["failed"])
    monkeypatch.setattr(retry_policy, "back_off", lambda _faults: operator.on_kill() or 0.0)
    with pytest.raises(OmicsError, match="nothing was started"):
        operator.execute(context)
    assert omics_local.counts() == {"StartRun": 1}
