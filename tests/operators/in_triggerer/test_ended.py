# SPDX-License-Identifier: Apache-2.0
"""What becomes of the run of a task that is ended, or whose deadline passes, while StartRun is asked."""

import asyncio
import time
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_omics.cancellation import cancelling_trigger
from airflow_provider_omics.exceptions import RunTimeoutError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.lifecycle import in_hub
from airflow_provider_omics.lifecycle.marker import Marker
from airflow_provider_omics.tasks import attempt_end
from airflow_provider_omics.triggers import start_run as start_run_trigger
from tests.operators.conftest import INTENTION
from tests.operators.deferring import deferred
from tests.operators.in_triggerer.triggerer import THROTTLED, killed, of_database, resumed

pytestmark = pytest.mark.usefixtures("in_triggerer")


@pytest.fixture
def kill(in_triggerer, start_run, context, omics_local, monkeypatch):
    """Return a function that ends a task while its start waits in the queue."""
    omics_local.clock.freeze()

    def kill(state, *, lost=False, deleted=False, **arguments):
        monkeypatch.setattr(cancelling_trigger, "_ASK_SECONDS", 1.0 if state == "unknown" else 60.0)
        monkeypatch.setattr(cancelling_trigger, "_ON_KILL_SECONDS", 60.0)
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
            if deleted:
                context["ti"].xcom.clear()
            await killed(trigger, going)

        asyncio.run(go())
        return [run["status"] for run in omics_local.runs()]

    return kill


@pytest.mark.parametrize("own", [{}, {"name": "cohort"}, {"request_id": "mine"}, {"airflow_tags": False}], ids=str)
def test_a_person_ends_the_run_of_an_answer_that_was_lost(own, kill):
    assert kill("failed", lost=True, **own) == ["STOPPING"]


@pytest.mark.parametrize("why", ["not found", "denied"])
def test_a_run_that_may_exist_and_cannot_be_found_is_an_error_in_the_log(why, kill, omics_local, caplog):
    if why == "denied":
        omics_local.fault("ListRuns", "error", code="AccessDeniedException", probability=1)
    # Without tags a run of another than the default name cannot be recognised.
    assert kill("failed", lost=True, name="cohort", airflow_tags=False) == ["PENDING"]
    [error] = [it for it in caplog.records if it.levelname == "ERROR" and it.name == cancelling_trigger.__name__]
    assert f"is not cancelled: cancel the run of intention {INTENTION.digest}, if there is one" in error.getMessage()
    told = "AccessDenied" if why == "denied" else f"requestId {INTENTION.request_id(0)} was not answered, and its run"
    assert told in str(error.exc_info[1])


def test_a_person_ends_a_task_that_has_no_run(kill, omics_local):
    assert kill("failed") == []
    assert "CancelRun" not in omics_local.counts()


@pytest.mark.parametrize("state", ["deferred", "up_for_retry", "unknown"])
def test_a_triggerer_that_goes_away_ends_nothing(state, kill):
    assert kill(state, lost=True) == ["PENDING"]


@pytest.mark.parametrize(("deleted", "status"), [(True, "PENDING"), (False, "STOPPING")])
def test_a_task_that_has_lost_its_xcoms_keeps_its_run(deleted, status, kill, monkeypatch):
    if not deleted:  # A newer try has pushed its own.
        monkeypatch.setattr(start_run_trigger, "read_marker", lambda _task: Marker(INTENTION.digest, 2))
    assert kill("deferred", lost=True, deleted=deleted) == [status]


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
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=6))
    with pytest.raises(RunTimeoutError, match="cancelled"):
        resumed(operator, context, deferred(operator, context))
    assert [run["status"] for run in omics_local.runs()] == ["STOPPING"]


@pytest.mark.parametrize("asked", [True, False], ids=["asked", "in the queue"])
def test_airflows_own_time_out_before_the_trigger_has_cancelled_leaves_no_run(
    asked, in_triggerer, start_run, context, omics_local, monkeypatch
):
    monkeypatch.setattr(attempt_end, "_CANCEL_SECONDS", 60.0 if asked else 1.0)
    omics_local.clock.freeze()
    omics_local.switch(list_delay=900)
    if asked:
        omics_local.fault("StartRun", "lost", probability=1)
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=4))
    trigger = of_database(deferred(operator, context).trigger)
    trigger.task_instance = context["ti"]

    async def go():
        going = asyncio.create_task(anext(trigger.run()))
        async with asyncio.timeout(30):
            while asked and "StartRun" not in omics_local.counts():  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.02)
            in_triggerer("scheduled")
            return (await going).payload

    assert asyncio.run(go())["run"] is None
    omics_local.switch(list_delay=0)
    with pytest.raises(AirflowException):
        operator.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    assert [run["status"] for run in omics_local.runs()] == ["STOPPING"] * asked


def test_the_deadline_bounds_the_queue(start_run, context, omics_local):
    omics_local.fault("StartRun", probability=1, **THROTTLED)
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=60))
    trigger = deferred(operator, context).trigger
    assert trigger.until == trigger.deadline <= time.time() + 60
