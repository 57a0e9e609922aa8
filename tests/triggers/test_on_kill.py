# SPDX-License-Identifier: Apache-2.0
"""A trigger that is cancelled, by whatever: only a person's wish reaches the run."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.cancellation import ask_airflow
from airflow_provider_omics.cancellation import cancelling_trigger as module
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.triggers import run
from airflow_provider_omics.triggers.run import OmicsRunTrigger

TI = {"dag_id": "cohort", "run_id": "manual", "task_id": "start", "map_index": -1, "try_number": 1}


@pytest.fixture
def cancelled(omics_local, monkeypatch):
    """Return a function that cancels the trigger of a new run and returns the run's status and the calls there were."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(omics_local.airflow_connection()))
    omics_local.workflow(id="1234567", name="cram-to-bam")
    omics_local.clock.freeze()

    def cancel(state, *, mine=True, kill=True, deleted=False, **arguments):
        # What is unknown is asked again until the time is up; a slow machine is given time to cancel.
        monkeypatch.setattr(module, "_ASK_SECONDS", 1.0 if state == "unknown" else 60.0)
        monkeypatch.setattr(module, "_ON_KILL_SECONDS", 60.0)
        monkeypatch.setattr(ask_airflow, "task_states", lambda tis: [state] * len(tis))
        monkeypatch.setattr(run, "waits_for", lambda _ti, _key, _value: mine)
        monkeypatch.setattr(run, "xcoms_deleted", lambda _task: deleted)
        started = omics_local.client("omics").start_run(
            workflowId="1234567", roleArn="arn:aws:iam::123456789012:role/x", outputUri="s3://bucket/runs"
        )
        trigger = OmicsRunTrigger.of(Run.from_response(started), HookParams(), 60, **arguments)
        trigger.task_instance = SimpleNamespace(**TI)

        async def go():
            waiting = asyncio.create_task(anext(trigger.run()))
            await asyncio.sleep(0.5)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            # What Airflow 3.3 calls; older ones cancel the coroutine and no more.
            if kill and module._HAS_ON_KILL:
                await trigger.on_kill()

        asyncio.run(go())
        [started] = omics_local.runs()
        return started["status"], omics_local.counts().get("CancelRun", 0)

    return cancel


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "removed", None, "scheduled", "running"])
def test_a_person_or_a_time_out_cancels_the_run(state, cancelled):
    assert cancelled(state) == ("STOPPING", 1)


def test_a_clear_cancels_the_run_although_the_task_is_deferred_again(cancelled):
    assert cancelled("deferred", mine=False) == ("STOPPING", 1)


def test_a_task_that_has_lost_its_xcoms_keeps_its_run(cancelled):
    assert cancelled("deferred", mine=False, deleted=True) == ("PENDING", 0)


@pytest.mark.parametrize("state", ["deferred", "up_for_retry", "up_for_reschedule", "unknown"])
def test_a_triggerer_that_goes_away_leaves_the_run_alone(state, cancelled):
    assert cancelled(state) == ("PENDING", 0)


@pytest.mark.skipif(not module._HAS_ON_KILL, reason="before Airflow 3.3 the clean-up is all that is called")
def test_clean_up_alone_cancels_nothing(cancelled):
    assert cancelled("failed", kill=False) == ("PENDING", 0)


def test_a_person_may_leave_the_run_alone(cancelled):
    assert cancelled("failed", cancel_on_kill=False) == ("PENDING", 0)


def test_a_trigger_that_has_done_its_work_cancels_nothing_when_its_loop_ends(omics_local, monkeypatch):
    """As `dag.test` of Airflow 2 ends it: after the first event, with all that is still going in the loop."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(omics_local.airflow_connection()))
    monkeypatch.setattr(module, "_HAS_ON_KILL", False)
    killed = []

    class Done(OmicsRunTrigger):
        async def on_kill(self):
            killed.append(self)

        async def wait(self):
            return "the event"

    async def first():
        async for event in Done(run={}, hook_params={}).run():
            return event
        return None

    assert asyncio.run(first()) == "the event"
    assert killed == []
