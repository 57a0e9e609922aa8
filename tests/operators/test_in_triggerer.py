# SPDX-License-Identifier: Apache-2.0
"""A deferrable task's run is started in the triggerer: what is asked, kept, shown and told."""

import asyncio
import json
import time
from dataclasses import asdict
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.cancellation import guarded_trigger
from airflow_provider_omics.compat import AIRFLOW_2
from airflow_provider_omics.exceptions import (
    OmicsRequestError,
    RunFailedError,
    RunTimeoutError,
    StartRunConflictError,
    StartRunDeniedError,
    StartRunElsewhereError,
    StartRunRefusedError,
    StartRunRequestError,
)
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.lifecycle import claim, in_hub
from airflow_provider_omics.lifecycle.marker import KEY, Marker
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.triggers.start_run import OmicsStartRunTrigger
from tests.operators.conftest import INTENTION
from tests.operators.deferring import deferred, next_try
from tests.operators.state_store import Store

pytestmark = pytest.mark.usefixtures("in_triggerer")
THROTTLED = {"kind": "error", "code": "ThrottlingException"}


def of_database(trigger):
    """Return a trigger as a triggerer makes it."""
    again = type(trigger)(**json.loads(json.dumps(trigger.serialize()[1])))
    again.trigger_id = 7
    return again


def fired(deferral):
    """Return what the deferral's trigger says, in a triggerer."""

    async def first():
        async with asyncio.timeout(60):
            return await anext(of_database(deferral.trigger).run())

    return asyncio.run(first()).payload


def resumed(operator, context, deferral):
    kwargs = json.loads(json.dumps(deferral.kwargs))
    return operator.execute_complete(context, fired(deferral), **kwargs)


async def started(trigger, omics_local, number=1):
    """Return the task of a trigger that waits for a run that it has started or found."""
    going = asyncio.create_task(anext(trigger.run()))
    async with asyncio.timeout(60):
        while not (trigger.run_args and len(omics_local.runs()) >= number) and not going.done():  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.02)
    if going.done():
        going.result()
    return going


async def killed(trigger, going):
    """End a trigger as Airflow does when its task is ended."""
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    if guarded_trigger._HAS_ON_KILL:
        await trigger.on_kill()


def test_a_worker_only_defers(start_run, context, ti, omics_local):
    deferral = deferred(start_run(deferrable=True), context)
    assert isinstance(deferral.trigger, OmicsStartRunTrigger)
    assert set(omics_local.counts()) <= {"sts:GetCallerIdentity"}
    assert set(ti.xcom) == {KEY}
    assert deferral.trigger.account == "123456789012"
    assert deferral.trigger.region == "us-east-1"


def test_the_run_is_started_waited_for_and_shown(start_run, context, ti, omics_local):
    operator = start_run(deferrable=True, parameters={"sample": "as rendered"})
    result = resumed(start_run(deferrable=True), context, deferred(operator, context))
    [run] = omics_local.runs()
    assert run["request"]["parameters"] == {"sample": "as rendered"}
    assert run["tags"] == INTENTION.tags(INTENTION.request_id(0))
    assert result["status"] == "COMPLETED"
    assert {key: ti.xcom[key] for key in result if key != "status"} == {
        key: value for key, value in result.items() if key != "status"
    }
    assert omics_local.counts()["StartRun"] == 1
    assert "ListRuns" not in omics_local.counts()


@pytest.mark.parametrize("region", [None, "us-east-1"])
def test_a_region_of_botocores_own_options_holds_in_worker_and_triggerer(region, start_run, context, omics_local):
    operator = start_run(deferrable=True, region_name=region, botocore_config={"region_name": "eu-north-1"})
    deferral = deferred(operator, context)
    assert deferral.trigger.region == "eu-north-1"
    assert resumed(operator, context, deferral)["status"] == "COMPLETED"
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
def test_xcoms_and_links_are_there_while_it_waits(start_run, context, ti, omics_local):
    operator = start_run(deferrable=True)
    trigger = of_database(deferred(operator, context).trigger)

    async def go():
        going = await started(trigger, omics_local)
        going.cancel()

    asyncio.run(go())
    assert ti.xcom["run_id"] == omics_local.runs()[0]["id"]
    links = {link.xcom_key for link in operator.operator_extra_links if hasattr(link, "xcom_key")}
    assert {key for key in ti.xcom if key.startswith("_link_")} == links


@pytest.mark.usefixtures("frozen")
def test_a_waiting_trigger_has_let_the_request_go(start_run, context, omics_local):
    trigger = of_database(deferred(start_run(deferrable=True), context).trigger)

    async def go():
        (await started(trigger, omics_local)).cancel()

    asyncio.run(go())
    assert (trigger.request, trigger._driver) == ({}, None)


@pytest.mark.usefixtures("frozen")
def test_without_waiting_the_task_ends_when_the_run_has_started(start_run, context, omics_local):
    operator = start_run(deferrable=True, wait_for_completion=False)
    assert resumed(operator, context, deferred(operator, context))["status"] == "PENDING"
    assert len(omics_local.runs()) == 1


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_task_that_is_to_wait_by_now_waits(deferrable, start_run, context, omics_local):
    """The DAG file was edited while the task was deferred."""
    omics_local.clock.freeze()
    deferral = deferred(start_run(deferrable=True, wait_for_completion=False), context)
    event = fired(deferral)
    edited = start_run(deferrable=deferrable)
    omics_local.clock.resume()
    if deferrable:
        deferral = deferred_again(edited, context, event, deferral)
        event = fired(deferral)
    assert edited.execute_complete(context, event, **deferral.kwargs)["status"] == "COMPLETED"
    assert len(omics_local.runs()) == 1


def deferred_again(operator, context, event, deferral):
    with pytest.raises(TaskDeferred) as again:
        operator.execute_complete(context, event, **deferral.kwargs)
    return again.value


def test_a_refusal_is_waited_out_and_told(start_run, context, omics_local, caplog):
    omics_local.fault("StartRun", times=2, **THROTTLED)
    operator = start_run(deferrable=True)
    assert resumed(operator, context, deferred(operator, context))["status"] == "COMPLETED"
    assert omics_local.counts()["StartRun"] == 3
    assert any("StartRun is called again" in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (THROTTLED, "No run was started: .*ThrottlingException.*include_deferred"),
        (
            {"kind": "error", "code": "ServiceQuotaExceededException", "message": "You have 100000 runs"},
            "retention_mode",
        ),
        ({"kind": "drop"}, "does not answer: .*a retry finds it"),
    ],
    ids=["throttled", "full", "drop"],
)
def test_when_the_time_is_up_it_says_why(fault, told, start_run, context, omics_local):
    omics_local.fault("StartRun", probability=1, **fault)
    operator = start_run(deferrable=True, submit_timeout=timedelta(seconds=2))
    with pytest.raises(StartRunRefusedError, match=told):
        resumed(operator, context, deferred(operator, context))
    assert omics_local.runs() == []


@pytest.mark.parametrize(
    ("code", "error", "told"),
    [
        ("AccessDeniedException", StartRunDeniedError, "denied to arn:aws:iam::123456789012:user/local.*iam:PassRole"),
        ("ValidationException", StartRunRequestError, "ValidationException"),
    ],
)
def test_what_is_refused_for_good_fails_as_in_a_worker(code, error, told, start_run, context, omics_local):
    omics_local.fault("StartRun", "error", code=code, probability=1)
    operator = start_run(deferrable=True)
    with pytest.raises(error, match=told):
        resumed(operator, context, deferred(operator, context))
    assert omics_local.counts()["StartRun"] == 1


@pytest.mark.usefixtures("frozen")
def test_a_lost_answer_starts_nothing_twice(start_run, context, omics_local):
    omics_local.fault("StartRun", "lost", times=1)
    trigger = of_database(deferred(start_run(deferrable=True), context).trigger)

    async def go():
        (await started(trigger, omics_local)).cancel()

    asyncio.run(go())
    assert len(omics_local.runs()) == 1


# --- another triggerer ---


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("status", ["PENDING", "FAILED"])
@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("tries", [1, 2])
def test_who_takes_its_place_goes_on_with_its_run(tries, shown, status, start_run, context, ti, omics_local):
    if tries > 1:
        ti.try_number = tries
    deferral = deferred(start_run(deferrable=True), context)

    async def begin():
        (await started(of_database(deferral.trigger), omics_local)).cancel()

    asyncio.run(begin())
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
@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
def test_the_end_of_an_adopted_run_is_the_tries_also_for_who_takes_its_place(
    status, start_run, context, ti, omics_local
):
    async def begin(deferral):
        (await started(of_database(deferral.trigger), omics_local)).cancel()

    asyncio.run(begin(deferred(start_run(deferrable=True), context)))
    next_try(ti)
    deferral = deferred(start_run(deferrable=True), context)
    asyncio.run(begin(deferral))
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
            omics_local.forgive()
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


# --- another account ---


def test_a_triggerer_of_another_account_asks_nothing(start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    deferral.trigger.account = "999999999999"
    with pytest.raises(StartRunElsewhereError, match=r"aws_default.*999999999999.*123456789012"):
        resumed(operator, context, deferral)
    assert not {"StartRun", "ListRuns", "GetRun"} & omics_local.counts().keys()


# --- earlier tries ---


@pytest.mark.usefixtures("frozen")
def test_a_retry_waits_for_the_run_of_the_try_before(start_run, context, ti, omics_local):
    async def begin():
        (await started(of_database(deferred(start_run(deferrable=True), context).trigger), omics_local)).cancel()

    asyncio.run(begin())
    first = ti.xcom["run_id"]
    next_try(ti)
    asyncio.run(begin())
    assert ti.xcom["run_id"] == first
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
def test_a_dying_run_is_waited_out_and_followed_by_the_next(start_run, context, ti, omics_local):
    async def begin():
        (await started(of_database(deferred(start_run(deferrable=True), context).trigger), omics_local)).cancel()

    asyncio.run(begin())
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
def test_a_recorded_run_needs_no_look_up(start_run, context, ti, omics_local, monkeypatch):
    context["task_state_store"] = Store()
    monkeypatch.setenv("AIRFLOW__OMICS__START_IN", "worker")
    deferred(start_run(deferrable=True), context)
    monkeypatch.setenv("AIRFLOW__OMICS__START_IN", "triggerer")
    next_try(ti)

    async def begin():
        (await started(of_database(deferred(start_run(deferrable=True), context).trigger), omics_local)).cancel()

    asyncio.run(begin())
    assert "ListRuns" not in omics_local.counts()
    assert len(omics_local.runs()) == 1


# --- ends ---


@pytest.fixture
def kill(in_triggerer, start_run, context, omics_local, monkeypatch):
    """Return a function that ends a task while its start waits in the queue."""
    omics_local.clock.freeze()

    def kill(state, *, lost=False, **arguments):
        monkeypatch.setattr(guarded_trigger, "_ASK_SECONDS", 1.0 if state == "unknown" else 60.0)
        monkeypatch.setattr(guarded_trigger, "_ON_KILL_SECONDS", 60.0)
        monkeypatch.setattr(in_hub, "LISTING_SECONDS", 1.0)
        if lost:
            omics_local.fault("StartRun", "lost", times=1)
            omics_local.fault("ListRuns", "error", code="ThrottlingException", times=3)
        omics_local.fault("StartRun", probability=1, **THROTTLED)
        trigger = of_database(deferred(start_run(deferrable=True, **arguments), context).trigger)
        trigger.task_instance = context["ti"]

        async def go():
            going = asyncio.create_task(anext(trigger.run()))
            async with asyncio.timeout(60):
                while "StartRun" not in omics_local.counts():  # noqa: ASYNC110 - another process changes it
                    await asyncio.sleep(0.02)
            in_triggerer(state)
            await killed(trigger, going)

        asyncio.run(go())
        return [run["status"] for run in omics_local.runs()]

    return kill


@pytest.mark.parametrize("own", [{}, {"name": "cohort"}, {"request_id": "mine"}, {"airflow_tags": False}], ids=str)
def test_a_person_ends_the_run_of_an_answer_that_was_lost(own, kill):
    assert kill("failed", lost=True, **own) == ["STOPPING"]


def test_a_person_ends_a_task_that_has_no_run(kill, omics_local):
    assert kill("failed") == []
    assert "CancelRun" not in omics_local.counts()


@pytest.mark.parametrize("state", ["deferred", "up_for_retry", "unknown"])
def test_a_triggerer_that_goes_away_ends_nothing(state, kill):
    assert kill(state, lost=True) == ["PENDING"]


def test_a_person_may_leave_the_run_alone(kill):
    assert kill("failed", lost=True, cancel_on_kill=False) == ["PENDING"]


@pytest.mark.usefixtures("frozen")
def test_who_ends_a_task_while_start_run_is_under_way_ends_its_run(
    in_triggerer, start_run, context, omics_local, monkeypatch
):
    under_way, start = [], OmicsHook.start_run

    def slowly(hook, request):
        run = start(hook, request)
        under_way.append(run)
        time.sleep(1)
        return run

    monkeypatch.setattr(OmicsHook, "start_run", slowly)
    # Nobody can look it up.
    omics_local.switch(list_delay=900)
    monkeypatch.setattr(in_hub, "LISTING_SECONDS", 0.5)
    trigger = of_database(deferred(start_run(deferrable=True), context).trigger)
    trigger.task_instance = context["ti"]

    async def go():
        going = asyncio.create_task(anext(trigger.run()))
        async with asyncio.timeout(60):
            while not under_way:  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.02)
        in_triggerer("failed")
        await killed(trigger, going)

    asyncio.run(go())
    assert [run["status"] for run in omics_local.runs()] == ["STOPPING"]


@pytest.mark.usefixtures("frozen")
def test_the_deadline_ends_the_run_of_an_answer_that_was_lost(start_run, context, omics_local):
    omics_local.fault("StartRun", "lost", times=1)
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=3))
    with pytest.raises(RunTimeoutError, match="cancelled"):
        resumed(operator, context, deferred(operator, context))
    assert [run["status"] for run in omics_local.runs()] == ["STOPPING"]


def test_the_deadline_bounds_the_queue(start_run, context, omics_local):
    omics_local.fault("StartRun", probability=1, **THROTTLED)
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=60))
    trigger = deferred(operator, context).trigger
    assert trigger.until == trigger.deadline <= time.time() + 60


# --- what crosses the database ---


def test_a_409_about_a_run_that_nothing_finds_names_the_request_id(start_run, context, omics_local):
    omics_local.fault("StartRun", "error", code="ConflictException", probability=1)
    operator = start_run(deferrable=True)
    with pytest.raises(StartRunConflictError, match=rf"requestId {INTENTION.request_id(0)} is taken"):
        resumed(operator, context, deferred(operator, context))


@pytest.mark.skipif(AIRFLOW_2, reason="Airflow 3 keeps such keys for its own objects")
def test_what_airflow_cannot_store_is_refused(start_run, context, omics_local):
    odd = start_run(deferrable=True, start_run_kwargs={"futureMember": {"__classname__": "x", "__version__": 1}})
    with pytest.raises(OmicsRequestError, match="Airflow cannot store the arguments of the trigger"):
        odd.execute(context)
    assert omics_local.counts() == {}


@pytest.mark.usefixtures("frozen")
def test_a_task_whose_event_cannot_be_read_goes_on_with_its_run(start_run, context, ti, omics_local):
    deferral = deferred(start_run(deferrable=True), context)

    async def begin():
        (await started(of_database(deferral.trigger), omics_local)).cancel()

    asyncio.run(begin())
    omics_local.force(ti.xcom["run_id"], "FAILED")
    operator = start_run(deferrable=True)
    with pytest.raises(TaskDeferred) as again:
        operator.execute_complete(context, {"version": "2.0"}, **deferral.kwargs)
    with pytest.raises(RunFailedError):
        resumed(operator, context, again.value)
    assert len(omics_local.runs()) == 1


def test_an_event_of_a_start_that_failed_survives_json():
    event = RunEvent(None, error="no", failure="StartRunDeniedError")
    assert RunEvent.deserialize(json.loads(json.dumps(event.serialize()))) == event


def test_the_worker_and_the_trigger_write_the_same_marker(start_run, context, ti):
    deferred(start_run(deferrable=True), context)
    assert ti.xcom[KEY] == asdict(Marker(INTENTION.digest, 1))
