# SPDX-License-Identifier: Apache-2.0
"""What becomes of a run whose start in the triggerer is still going on when the time for it is up."""

import asyncio
import time
from datetime import timedelta

import pytest
from botocore.exceptions import ReadTimeoutError

from airflow_provider_omics.exceptions import OmicsError, RunTimeoutError, StartRunRefusedError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.lifecycle import claim, in_hub, marker, start_times
from airflow_provider_omics.lifecycle.in_hub import HubDriver
from airflow_provider_omics.triggers import start_run as start_run_trigger
from tests.operators.deferring import deferred, next_try
from tests.operators.in_triggerer.triggerer import THROTTLED, begin, fired, killed, of_database, resumed

pytestmark = pytest.mark.usefixtures("in_triggerer")


@pytest.fixture
def slow(monkeypatch):
    """Return a function that has StartRun answer late, or not at all; it returns what it was asked for."""

    def slow(seconds, *, lost=False):
        asked, start = [], OmicsHook.start_run

        def slowly(hook, request):
            run = start(hook, request)
            asked.append(run)
            time.sleep(seconds)
            if lost:
                raise ReadTimeoutError(endpoint_url="https://omics")
            return run

        monkeypatch.setattr(OmicsHook, "start_run", slowly)
        return asked

    return slow


def test_the_deadline_ends_the_run_of_a_call_that_was_under_way(slow, start_run, context, omics_local):
    omics_local.clock.freeze()
    slow(4, lost=True)
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=3))
    with pytest.raises(StartRunRefusedError, match="does not answer"):
        resumed(operator, context, deferred(operator, context))
    assert [run["status"] for run in omics_local.runs()] == ["STOPPING"]


def test_who_ends_a_task_whose_time_is_up_ends_the_run_of_a_call_that_is_under_way(
    in_triggerer, slow, start_run, context, omics_local
):
    omics_local.clock.freeze()
    asked = slow(4)
    trigger = of_database(deferred(start_run(deferrable=True, submit_timeout=timedelta(seconds=2)), context).trigger)
    trigger.task_instance = context["ti"]

    async def go():
        going = asyncio.create_task(anext(trigger.run()))
        async with asyncio.timeout(60):
            while not (asked and trigger._driver.starts._is_over):  # noqa: ASYNC110 - another thread changes it
                await asyncio.sleep(0.02)
        in_triggerer("failed")
        await killed(trigger, going)

    asyncio.run(go())
    assert [run["status"] for run in omics_local.runs()] == ["STOPPING"]


def test_a_retry_keeps_the_run_that_was_started_at_the_last_moment(slow, start_run, context, ti, omics_local):
    next_try(ti)
    slow(3)
    operator = start_run(deferrable=True, submit_timeout=timedelta(seconds=2))
    assert resumed(operator, context, deferred(operator, context))["status"] == "COMPLETED"
    assert len(omics_local.runs()) == 1


def test_the_deadline_of_a_retry_ends_the_run_that_it_was_looking_for(start_run, context, ti, omics_local, monkeypatch):
    omics_local.clock.freeze()
    begin(deferred(start_run(deferrable=True), context), omics_local)
    next_try(ti)
    omics_local.fault("ListRuns", probability=1, **THROTTLED)
    to_cancel = HubDriver.to_cancel

    async def later(driver, **looks):
        omics_local.clear_faults()
        return await to_cancel(driver, **looks)

    monkeypatch.setattr(HubDriver, "to_cancel", later)
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=3))
    with pytest.raises(StartRunRefusedError, match="a retry finds it"):
        resumed(operator, context, deferred(operator, context))
    assert [run["status"] for run in omics_local.runs()] == ["STOPPING"]


def test_the_deadline_leaves_the_run_of_a_later_try_alone(in_triggerer, slow, start_run, context, ti, omics_local):
    omics_local.clock.freeze()
    slow(4, lost=True)
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=3))
    trigger = of_database(deferred(operator, context).trigger)
    trigger.task_instance = ti
    in_triggerer("deferred")
    asked = trigger.is_current_try

    async def taken_over():
        assert await asked()
        return False

    trigger.is_current_try = taken_over

    async def go():
        async with asyncio.timeout(60):
            return await anext(trigger.run())

    asyncio.run(go())
    assert [run["status"] for run in omics_local.runs()] == ["PENDING"]


def test_the_deadline_does_not_wait_for_ever_for_an_answer(start_run, context, omics_local, monkeypatch):
    monkeypatch.setattr(start_run_trigger, "CANCEL_SECONDS", 2.0)
    for operation in ("StartRun", "ListRuns"):
        omics_local.fault(operation, "drop", probability=1)
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=3))
    with pytest.raises(StartRunRefusedError, match="does not answer"):
        resumed(operator, context, deferred(operator, context))


def test_what_is_asked_again_for_hours_is_told_once(start_run, context, omics_local, monkeypatch):
    monkeypatch.setattr(in_hub, "back_off", lambda _faults: 0.01)
    omics_local.fault("StartRun", "error", code="InternalServerException", times=6)
    event = fired(deferred(start_run(deferrable=True, wait_for_completion=False), context))
    assert omics_local.counts()["StartRun"] == 7
    assert len(event["said"]) < 5


# --- another triggerer takes its place when the time to start a run is long up ---


def begun(operator, context, omics_local):
    """Have a triggerer start the run of a task, and go; return the deferral when the time to start one is up."""
    deferral = deferred(operator, context)
    begin(deferral, omics_local)
    time.sleep(max(0.0, deferral.trigger.until - time.time()))
    return deferral


@pytest.mark.parametrize("shown", [True, False])
def test_who_takes_its_place_late_goes_on_with_its_run(shown, start_run, context, ti, omics_local):
    omics_local.clock.freeze()
    operator = start_run(deferrable=True, submit_timeout=timedelta(seconds=4))
    deferral = begun(operator, context, omics_local)
    if not shown:
        for key in ("run_id", "uuid", "arn", "run_output_uri"):
            del ti.xcom[key]
    [run] = omics_local.runs()
    omics_local.force(run["id"], "COMPLETED")
    assert resumed(operator, context, deferral)["run_id"] == run["id"]
    assert len(omics_local.runs()) == 1


def test_who_takes_its_place_after_the_deadline_ends_its_run(start_run, context, omics_local):
    omics_local.clock.freeze()
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=4))
    deferral = begun(operator, context, omics_local)
    with pytest.raises(RunTimeoutError, match="cancelled"):
        resumed(operator, context, deferral)
    assert [run["status"] for run in omics_local.runs()] == ["STOPPING"]


def test_who_takes_its_place_when_the_deadline_has_ended_its_run_says_so(start_run, context, omics_local):
    """The triggerer that cancelled it ended before Airflow had its event."""
    omics_local.clock.freeze()
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=4))
    deferral = begun(operator, context, omics_local)
    omics_local.force(omics_local.runs()[0]["id"], "CANCELLED")
    with pytest.raises(RunTimeoutError, match="cancelled"):
        resumed(operator, context, deferral)


def test_who_comes_late_and_finds_no_run_starts_none(start_run, context, omics_local):
    operator = start_run(deferrable=True, submit_timeout=timedelta(seconds=1))
    deferral = deferred(operator, context)
    deferral.trigger.until -= 3600
    with pytest.raises(StartRunRefusedError, match="No run was started: the start queue was too long"):
        resumed(operator, context, deferral)
    assert "StartRun" not in omics_local.counts()


# --- Airflow is in the way ---


@pytest.mark.parametrize("seconds", [0, 0.5])
def test_however_short_the_time_is_the_first_call_is_made(seconds, start_run, context, omics_local):
    operator = start_run(deferrable=True, submit_timeout=seconds)
    deferral = deferred(operator, context)
    time.sleep(seconds)
    assert resumed(operator, context, deferral)["status"] == "COMPLETED"
    assert omics_local.counts()["StartRun"] == 1


def test_no_refusal_of_it_is_waited_out(start_run, context, omics_local):
    omics_local.fault("StartRun", probability=1, **THROTTLED)
    operator = start_run(deferrable=True, submit_timeout=0)
    with pytest.raises(StartRunRefusedError, match=r"No run was started: .*ThrottlingException"):
        resumed(operator, context, deferred(operator, context))
    assert omics_local.counts()["StartRun"] == 1


def test_the_first_call_is_not_made_after_the_deadline(start_run, context, omics_local):
    operator = start_run(deferrable=True, submit_timeout=0, execution_timeout=timedelta(seconds=0.2))
    deferral = deferred(operator, context)
    time.sleep(0.5)
    with pytest.raises(StartRunRefusedError, match="the start queue was too long"):
        resumed(operator, context, deferral)
    assert "StartRun" not in omics_local.counts()


@pytest.fixture
def no_first_call(monkeypatch):
    """Bound the time to start a run by ``submit_timeout`` alone."""
    monkeypatch.setattr(start_times, "_FIRST_CALL_SECONDS", 0.0)


@pytest.mark.usefixtures("no_first_call")
def test_when_airflow_did_not_answer_in_time_it_is_not_the_queue(start_run, context, omics_local, monkeypatch):
    def gone(_tis):
        raise RuntimeError("the API server is gone")

    monkeypatch.setattr(claim, "task_states", gone)
    operator = start_run(deferrable=True, submit_timeout=timedelta(seconds=3))
    with pytest.raises(OmicsError, match=r"No run was started in time.*Airflow does not return.*API server is gone"):
        resumed(operator, context, deferred(operator, context))
    assert "StartRun" not in omics_local.counts()


@pytest.mark.usefixtures("no_first_call")
def test_an_xcom_backend_that_keeps_nothing_is_named(start_run, context, omics_local, monkeypatch, caplog):
    monkeypatch.setattr(marker, "pull_in_trigger", lambda _task, _key, **_: None)
    operator = start_run(deferrable=True, submit_timeout=timedelta(seconds=3))
    with pytest.raises(OmicsError, match="the XCom start_run was deleted, or the XCom backend does not keep it"):
        resumed(operator, context, deferred(operator, context))
    # At once, not only when the time to start a run is up, which may be a day later.
    assert "StartRun is not called: another try has begun, or the XCom start_run was deleted" in caplog.text
    assert "StartRun" not in omics_local.counts()


def test_a_trigger_names_itself_without_the_request(start_run, context):
    operator = start_run(deferrable=True, parameters={"token": "s3cret"})
    assert repr(deferred(operator, context).trigger) == "<OmicsStartRunTrigger of cohort.run>"
