# SPDX-License-Identifier: Apache-2.0
"""The error if no run was started in time names the last answer of StartRun, and says whether there may be a run."""

import asyncio
from datetime import timedelta

import pytest

from airflow_provider_omics.exceptions import StartRunConflictError, StartRunRefusedError
from airflow_provider_omics.lifecycle import start_times, submissions
from airflow_provider_omics.lifecycle.in_hub import HubDriver
from airflow_provider_omics.polling.start_queue import StartQueue
from tests.operators.conftest import INTENTION
from tests.operators.deferring import deferred, next_try
from tests.operators.in_triggerer.triggerer import THROTTLED, begin, resumed

pytestmark = pytest.mark.usefixtures("in_triggerer")


def test_a_refusal_is_told_as_one_where_no_look_up_is_allowed(start_run, context, ti, omics_local):
    next_try(ti)
    omics_local.fault("ListRuns", "error", code="AccessDeniedException", probability=1)
    omics_local.fault("StartRun", probability=1, **THROTTLED)
    operator = start_run(deferrable=True, submit_timeout=timedelta(seconds=2))
    with pytest.raises(StartRunRefusedError, match=r"No run was started: .*ThrottlingException.*StartRun"):
        resumed(operator, context, deferred(operator, context))


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerException"])
def test_an_error_of_a_look_up_that_was_answered_later_is_not_the_reason(
    code, start_run, context, ti, omics_local, monkeypatch
):
    async def too_long(*_, **__):
        await asyncio.sleep(60)

    monkeypatch.setattr(StartQueue, "start", too_long)
    monkeypatch.setattr(start_times, "_FIRST_CALL_SECONDS", 0.0)
    next_try(ti)
    omics_local.fault("ListRuns", "error", code=code, times=1)
    operator = start_run(deferrable=True, submit_timeout=timedelta(seconds=4))
    with pytest.raises(StartRunRefusedError, match="No run was started: the start queue was too long"):
        resumed(operator, context, deferred(operator, context))
    assert omics_local.counts()["ListRuns"] == 2


def test_a_refusal_is_told_as_one_after_a_409_about_a_run_that_has_failed(
    start_run, context, ti, omics_local, monkeypatch
):
    monkeypatch.setattr(submissions, "LISTING_SECONDS", 60.0)
    omics_local.switch(request_id_repeat="conflict", list_delay=11)
    omics_local.clock.freeze()
    begin(deferred(start_run(deferrable=True), context), omics_local)
    omics_local.force(omics_local.runs()[0]["id"], "FAILED")
    omics_local.clock.advance(9)
    omics_local.clock.resume()
    next_try(ti)
    omics_local.fault("StartRun", probability=1, containing=INTENTION.request_id(1), **THROTTLED)
    operator = start_run(deferrable=True, submit_timeout=timedelta(seconds=5))
    with pytest.raises(StartRunRefusedError, match=r"No run was started: .*ThrottlingException"):
        resumed(operator, context, deferred(operator, context))


def test_a_run_of_a_409_is_looked_for_longer_than_a_run_may_be_started(start_run, context, omics_local, monkeypatch):
    monkeypatch.setattr(submissions, "LISTING_SECONDS", 5.0)
    omics_local.fault("StartRun", "error", code="ConflictException", probability=1)
    operator = start_run(deferrable=True, submit_timeout=timedelta(seconds=2))
    with pytest.raises(StartRunConflictError, match="is taken"):
        resumed(operator, context, deferred(operator, context))


def test_the_deadline_ends_the_run_of_a_409(start_run, context, ti, omics_local, monkeypatch):
    omics_local.clock.freeze()
    begin(deferred(start_run(deferrable=True), context), omics_local)
    next_try(ti)
    omics_local.switch(request_id_repeat="conflict", list_delay=900)
    monkeypatch.setattr(submissions, "LISTING_SECONDS", 60.0)
    monkeypatch.setattr(submissions, "LOOK_AGAIN", 60.0)  # The deadline passes between two look-ups.
    to_cancel = HubDriver.to_cancel

    async def later(driver, **looks):
        omics_local.switch(list_delay=0)
        return await to_cancel(driver, **looks)

    monkeypatch.setattr(HubDriver, "to_cancel", later)
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=6))
    with pytest.raises(StartRunRefusedError, match="a retry finds it"):
        resumed(operator, context, deferred(operator, context))
    assert [run["status"] for run in omics_local.runs()] == ["STOPPING"]
