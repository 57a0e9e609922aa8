# SPDX-License-Identifier: Apache-2.0
"""Many tasks that are ended at once, under HealthOmics' published quotas."""

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest

from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.cancellation import ask_airflow, cancelling_trigger
from airflow_provider_omics.cancellation.cancel_run import cancel
from airflow_provider_omics.cancellation.worker import soon
from airflow_provider_omics.exceptions import RunNotCancelledError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.tasks.attempt_end import BRIEF
from airflow_provider_omics.triggers.run import OmicsRunTrigger
from tests.cancellation.conftest import asked
from tests.triggers.waiting import until

CANCELLED = {"STOPPING", "CANCELLED"}


@pytest.fixture
def questions(monkeypatch):
    """Let Airflow say that each task is failed, and record what it is asked."""
    asked = []

    def answer(tis):
        asked.append({ti.map_index for ti in tis})
        return ["failed"] * len(tis)

    monkeypatch.setattr(ask_airflow, "task_states", answer)
    return asked


@pytest.fixture
def triggers(start):
    """Return a function that makes the triggers of a mapped task's runs."""

    def make(count):
        made = []
        for index, run in enumerate(start(count)):
            trigger = OmicsRunTrigger.of(run, HookParams())
            trigger.task_instance = SimpleNamespace(
                dag_id="cohort", run_id="manual", task_id="start", map_index=index, try_number=1
            )
            made.append(trigger)
        return made

    return make


async def end(trigger):
    """Cancel a trigger as Airflow does when somebody has ended its task."""
    waiting = asyncio.create_task(anext(trigger.run()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if cancelling_trigger._HAS_ON_KILL:
        await trigger.on_kill()


def left(omics_local):
    return [run["id"] for run in omics_local.runs() if run["status"] not in CANCELLED]


def test_two_hundred_are_cancelled_by_one_call_each(triggers, questions, omics_local, monkeypatch):
    monkeypatch.setattr(cancelling_trigger, "_ON_KILL_SECONDS", 0.5)
    several = triggers(200)
    omics_local.switch(quotas="published")

    async def end_later(number, trigger):
        await asyncio.sleep(number / 1000)
        await end(trigger)

    async def go():
        await asyncio.gather(*(end_later(number, trigger) for number, trigger in enumerate(several)))
        # Airflow's part is over: what goes on belongs to no trigger any more.
        assert left(omics_local)
        await until(lambda: not cancelling_trigger._endings)

    asyncio.run(go())
    assert left(omics_local) == []
    assert asked(omics_local) == {"StartRun": 200, "CancelRun": 200}
    assert {call["status"] for call in omics_local.calls("CancelRun")} == {202}
    assert questions == [set(range(200))]


def test_a_triggerer_that_stops_names_what_it_leaves(triggers, questions, omics_local, monkeypatch, caplog):
    monkeypatch.setattr(cancelling_trigger, "_ON_KILL_SECONDS", 0.5)
    several = triggers(3)
    omics_local.fault("CancelRun", "error", code="ThrottlingException", probability=1)

    async def go():
        await asyncio.gather(*map(end, several))
        await until(lambda: questions and omics_local.counts().get("CancelRun"))

    asyncio.run(go())
    told = [it.getMessage() for it in caplog.records if "This triggerer stops before" in it.getMessage()]
    assert len(told) == 3
    for run in omics_local.runs():
        assert any(f"run {run['id']}" in line and "was cancelled" in line for line in told)


def test_a_triggerer_that_stops_before_airflow_has_told_says_so(triggers, monkeypatch, caplog):
    monkeypatch.setattr(cancelling_trigger, "_ON_KILL_SECONDS", 0.1)

    def unreachable(_tis):
        raise RuntimeError("the API server is gone")

    monkeypatch.setattr(ask_airflow, "task_states", unreachable)
    [trigger] = triggers(1)
    asyncio.run(end(trigger))
    assert (
        "This triggerer stops before Airflow returned whether a person ended it: Task cohort.start [0]" in caplog.text
    )


def test_sixty_workers_that_are_killed_at_once(start, omics_local):
    """HealthOmics takes 10 CancelRun a second, and Airflow 3 kills a process after five: the rest is named."""
    runs = start(60)
    omics_local.switch(quotas="published")
    hooks = [OmicsHook("aws_default", config=BRIEF) for _ in runs]
    for hook in hooks:
        hook.conn  # noqa: B018 - made before the kill, as in a worker that waits
    named = []

    def kill(hook, run):
        try:
            cancel(hook, run, known=True, until=time.monotonic() + 4, pause=soon)
        except RunNotCancelledError as error:
            named.append(error.run.id)

    threads = [threading.Thread(target=kill, args=pair) for pair in zip(hooks, runs, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One whose answer was lost may be cancelled nevertheless.
    assert set(left(omics_local)) <= set(named)
    assert len(named) <= 15
    assert "GetRun" not in omics_local.counts()
