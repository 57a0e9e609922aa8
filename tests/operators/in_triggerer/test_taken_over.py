# SPDX-License-Identifier: Apache-2.0
"""Which run a trigger goes on with, that of the triggerer or of the try before, and when it starts none."""

import asyncio

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.cancellation import cancelling_trigger
from airflow_provider_omics.exceptions import RunFailedError
from airflow_provider_omics.lifecycle import claim, in_hub
from airflow_provider_omics.lifecycle.marker import KEY
from tests.operators.deferring import deferred, next_try
from tests.operators.in_triggerer.triggerer import THROTTLED, begin, fired, of_database, resumed
from tests.operators.state_store import Store

pytestmark = pytest.mark.usefixtures("in_triggerer")


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("status", ["PENDING", "FAILED"])
@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("tries", [1, 2])
def test_who_takes_its_place_goes_on_with_its_run(tries, shown, status, start_run, context, ti, omics_local):
    if tries > 1:
        ti.try_number = tries
    deferral = deferred(start_run(deferrable=True), context)

    begin(deferral, omics_local)
    [run] = omics_local.runs()
    if not shown:  # It died before it had written that.
        for key in ("run_id", "uuid", "arn", "run_output_uri"):
            del ti.xcom[key]
    if status == "FAILED":
        omics_local.force(run["id"], "FAILED")
        with pytest.raises(RunFailedError):
            resumed(start_run(deferrable=True), context, deferral)
    else:
        omics_local.force(run["id"], "COMPLETED")
        assert resumed(start_run(deferrable=True), context, deferral)["run_id"] == run["id"]
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("adopted", [False, True])
@pytest.mark.parametrize("status", ["COMPLETED", "FAILED"])
def test_who_takes_its_place_finds_its_run_without_xcoms(status, adopted, start_run, context, ti, omics_local):
    """``airflow db clean`` deletes them by their age."""
    deferral = deferred(start_run(deferrable=True), context)
    begin(deferral, omics_local)
    [run] = omics_local.runs()
    if adopted:
        next_try(ti)
        deferral = deferred(start_run(deferrable=True), context)
        begin(deferral, omics_local)
    ti.xcom.clear()
    begin(deferral, omics_local)
    ti.xcom.clear()
    omics_local.force(run["id"], status)
    if status == "FAILED":
        with pytest.raises(RunFailedError):
            resumed(start_run(deferrable=True), context, deferral)
    else:
        assert resumed(start_run(deferrable=True), context, deferral)["run_id"] == run["id"]
    assert ti.xcom["run_id"] == run["id"]
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
def test_the_end_of_an_adopted_run_is_the_tries_also_for_who_takes_its_place(
    status, start_run, context, ti, omics_local
):
    begin(deferred(start_run(deferrable=True), context), omics_local)
    next_try(ti)
    deferral = deferred(start_run(deferrable=True), context)
    begin(deferral, omics_local)
    assert len(omics_local.runs()) == 1
    [run] = omics_local.runs()
    if status == "FAILED":
        omics_local.force(run["id"], "FAILED")
        with pytest.raises(RunFailedError):
            resumed(start_run(deferrable=True), context, deferral)
    else:
        omics_local.force(run["id"], "COMPLETED")
        resumed(start_run(deferrable=True), context, deferral)
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
def test_a_trigger_that_was_taken_over_in_the_queue_starts_nothing(start_run, context, ti, omics_local, monkeypatch):
    for module in (claim, in_hub):
        monkeypatch.setattr(module, "NOT_NOW_SECONDS", 0.2)
    omics_local.fault("StartRun", probability=1, **THROTTLED)
    first = deferred(start_run(deferrable=True), context).trigger

    async def go():
        going = asyncio.create_task(anext(of_database(first).run()))
        async with asyncio.timeout(60):
            while "StartRun" not in omics_local.counts():  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.02)
        ti.xcom[KEY] = {**ti.xcom[KEY], "owner": "another"}
        # It looks for a run of the other one before it claims the task, and starts one only then.
        async with asyncio.timeout(60):
            while "ListRuns" not in omics_local.counts():  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.02)
            omics_local.clear_faults()
            while not omics_local.runs():  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.02)
        assert ti.xcom[KEY]["owner"] != "another"
        going.cancel()

    asyncio.run(go())
    assert len(omics_local.runs()) == 1


def starts_nothing(operator, context, omics_local, asked):
    """See a trigger start nothing when Airflow was asked for the task's state, as ``asked`` tells."""
    trigger = of_database(deferred(operator, context).trigger)

    async def go():
        going = asyncio.create_task(anext(trigger.run()))
        async with asyncio.timeout(60):
            while not asked:  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        going.cancel()

    asyncio.run(go())
    assert "StartRun" not in omics_local.counts()


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("state", ["failed", "queued", None, "removed"])
def test_a_task_that_is_not_deferred_any_more_starts_nothing(state, start_run, context, omics_local, monkeypatch):
    asked = []
    monkeypatch.setattr(claim, "task_states", lambda tis: asked.append(tis) or [state])
    starts_nothing(start_run(deferrable=True), context, omics_local, asked)


@pytest.mark.usefixtures("frozen")
def test_where_airflow_does_not_answer_nothing_is_started(start_run, context, omics_local, monkeypatch):
    asked = []

    def gone(tis):
        asked.append(tis)
        raise RuntimeError("the API server is gone")

    monkeypatch.setattr(claim, "task_states", gone)
    starts_nothing(start_run(deferrable=True), context, omics_local, asked)


@pytest.mark.usefixtures("frozen")
def test_a_retry_waits_for_the_run_of_the_try_before(start_run, context, ti, omics_local):
    begin(deferred(start_run(deferrable=True), context), omics_local)
    first = ti.xcom["run_id"]
    next_try(ti)
    begin(deferred(start_run(deferrable=True), context), omics_local)
    assert ti.xcom["run_id"] == first
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
def test_a_dying_run_is_waited_out_and_followed_by_the_next(start_run, context, ti, omics_local):
    begin(deferred(start_run(deferrable=True), context), omics_local)
    first = ti.xcom["run_id"]
    omics_local.switch(speed=1)
    omics_local.client().cancel_run(id=first)
    omics_local.clock.advance(2)
    next_try(ti)

    async def go():
        trigger = of_database(deferred(start_run(deferrable=True), context).trigger)
        going = asyncio.create_task(anext(trigger.run()))
        async with asyncio.timeout(60):
            while ti.xcom.get("run_id") != first:  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.02)
            omics_local.force(first, "CANCELLED")
            while len(omics_local.runs()) < 2 or not trigger.run_args:  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.02)
        going.cancel()

    asyncio.run(go())
    assert ti.xcom["run_id"] == omics_local.runs()[1]["id"]


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("change", ["in the queue", "while it waits for the end of the run of before"])
def test_the_run_of_before_is_not_that_of_the_submission_however_often_the_triggerer_changes(
    change, start_run, context, ti, omics_local
):
    """The XComs are of a run that was STOPPING when the try began; the next one waits in the start queue."""

    begin(deferred(start_run(deferrable=True), context), omics_local)
    first = ti.xcom["run_id"]
    omics_local.force(first, "STOPPING")
    next_try(ti)
    deferral = deferred(start_run(deferrable=True), context)
    omics_local.fault("StartRun", probability=1, **THROTTLED)

    async def wait(change):
        before = omics_local.counts()["StartRun"]
        going = asyncio.create_task(anext(of_database(deferral.trigger).run()))
        async with asyncio.timeout(60):
            while ti.xcom.get("run_id") != first:  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.02)
            omics_local.force(first, "CANCELLED")
            while change == "in the queue" and omics_local.counts()["StartRun"] == before:  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.02)
        going.cancel()

    for moment in (change, "in the queue"):
        asyncio.run(wait(moment))
    omics_local.clear_faults()
    begin(deferral, omics_local)
    assert [run["tags"]["airflow:request_id"].rpartition("-")[2] for run in omics_local.runs()] == ["0", "1"]


@pytest.mark.usefixtures("frozen")
def test_a_recorded_run_needs_no_look_up(start_run, context, ti, omics_local, monkeypatch):
    context["task_state_store"] = Store()
    monkeypatch.setenv("AIRFLOW__OMICS__START_IN", "worker")
    deferred(start_run(deferrable=True), context)
    monkeypatch.setenv("AIRFLOW__OMICS__START_IN", "triggerer")
    next_try(ti)

    begin(deferred(start_run(deferrable=True), context), omics_local)
    assert "ListRuns" not in omics_local.counts()
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
def test_a_task_whose_event_cannot_be_read_goes_on_with_its_run(start_run, context, ti, omics_local):
    deferral = deferred(start_run(deferrable=True), context)

    begin(deferral, omics_local)
    omics_local.force(ti.xcom["run_id"], "FAILED")
    operator = start_run(deferrable=True)
    with pytest.raises(TaskDeferred) as again:
        operator.execute_complete(context, {"version": "2.0"}, **deferral.kwargs)
    with pytest.raises(RunFailedError):
        resumed(operator, context, again.value)
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("known", [True, False], ids=["it knows the run", "it has not looked"])
@pytest.mark.parametrize("state", ["success", "failed"])
def test_the_run_of_a_task_that_has_succeeded_without_waiting_goes_on(
    state, known, in_triggerer, start_run, context, ti, omics_local, monkeypatch
):
    """A triggerer that stood still learns late that another one has started the run, and that the task is over."""
    monkeypatch.setattr(cancelling_trigger, "_ON_KILL_SECONDS", 60.0)
    operator = start_run(deferrable=True, wait_for_completion=False)
    deferral = deferred(operator, context)
    stood_still = of_database(deferral.trigger)
    stood_still.task_instance = ti
    event = fired(deferral)
    assert operator.execute_complete(context, event, **deferral.kwargs)["status"] == "PENDING"
    stood_still.run_args = event["run"] if known else {}
    in_triggerer(state)
    asyncio.run(stood_still.on_kill())
    assert [run["status"] for run in omics_local.runs()] == ["PENDING" if state == "success" else "STOPPING"]
