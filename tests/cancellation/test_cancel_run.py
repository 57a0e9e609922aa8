# SPDX-License-Identifier: Apache-2.0
"""The one way to cancel, from a worker and from a triggerer: what settles it, and what does not."""

import asyncio
import time
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.cancellation import cancel_run as module
from airflow_provider_omics.cancellation.cancel_run import cancel, cancel_through
from airflow_provider_omics.exceptions import RunNotCancelledError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.polling import hub as hubs
from tests.cancellation.conftest import asked


def in_worker(run, *, known=True, seconds=60.0):
    hook = OmicsHook("aws_default", config={"retries": {"mode": "standard", "total_max_attempts": 1}})
    return cancel(hook, run, known=known, until=time.monotonic() + seconds, pause=lambda _faults: 0.05)


def in_triggerer(run, *, known=True):
    async def go():
        async with hubs.join(HookParams()) as hub, asyncio.timeout(60):
            return await cancel_through(hub, run, known=known)

    return asyncio.run(go())


@pytest.fixture(params=[in_worker, in_triggerer], ids=["worker", "triggerer"])
def ask(request, monkeypatch):
    monkeypatch.setattr(module, "_AGAIN", 0.05)
    return request.param


def status(omics_local):
    [run] = omics_local.runs()
    return run["status"]


def test_one_call_cancels(ask, start, omics_local):
    [run] = start()
    done = ask(run)
    assert (done.accepted, status(omics_local)) == (True, "STOPPING")
    assert asked(omics_local) == {"StartRun": 1, "CancelRun": 1}


@pytest.mark.parametrize("code", ["ConflictException", "ResourceNotFoundException"])
def test_a_refusal_while_the_run_is_active_is_asked_again(code, ask, start, omics_local):
    [run] = start()
    omics_local.fault("CancelRun", "error", code=code, times=3)
    assert ask(run).accepted
    assert status(omics_local) == "STOPPING"
    assert asked(omics_local) == {"StartRun": 1, "CancelRun": 4, "GetRun": 3}


@pytest.mark.parametrize("code", ["ConflictException", "ValidationException"])
@pytest.mark.parametrize("ended", ["COMPLETED", "FAILED", "CANCELLED", "STOPPING"])
def test_what_became_of_a_run_is_what_getrun_says(ended, code, ask, start, omics_local):
    [run] = start()
    omics_local.force(run.id, ended)
    omics_local.fault("CancelRun", "error", code=code)
    done = ask(run)
    assert (done.accepted, done.run.status) == (False, ended)
    assert status(omics_local) == ended
    assert omics_local.counts()["CancelRun"] == 1


@pytest.mark.parametrize("last", ["COMPLETED", "STOPPING"])
def test_a_run_that_was_seen_to_be_over_costs_no_call(last, ask, start, omics_local):
    [run] = start()
    assert ask(replace(run, status=last)).run.status == last
    assert asked(omics_local) == {"StartRun": 1}


@pytest.mark.parametrize("fault", ["lost", "drop"])
def test_an_answer_that_is_lost_is_asked_again(fault, ask, start, omics_local):
    [run] = start()
    omics_local.fault("CancelRun", fault)
    ask(run)
    assert status(omics_local) == "STOPPING"


def test_throttling_is_waited_out(ask, start, omics_local):
    [run] = start()
    omics_local.fault("CancelRun", "error", code="ThrottlingException", times=3)
    assert ask(run).accepted
    assert status(omics_local) == "STOPPING"


@pytest.mark.parametrize("known", [True, False])
def test_a_run_that_was_not_seen_lately_is_looked_at_first(known, ask, start, omics_local):
    """HealthOmics reuses the ids of deleted runs."""
    omics_local.switch(reuse_run_ids=True)
    [run] = start()
    omics_local.force(run.id, "DELETED")
    [other] = start()
    assert other.id == run.id
    done = ask(run, known=known)
    assert done.run.status == ("PENDING" if known else "DELETED")
    assert omics_local.client().get_run(id=other.id)["status"] == ("STOPPING" if known else "RUNNING")


def test_what_is_denied_is_told_at_once(ask, start, omics_local):
    [run] = start()
    omics_local.fault("CancelRun", "error", code="AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        ask(run)
    assert status(omics_local) == "RUNNING"


@pytest.mark.parametrize(
    ("code", "why"), [("ThrottlingException", "Throttling"), ("ConflictException", "CancelRun answers 409 or 404")]
)
def test_a_worker_says_what_it_could_not_cancel_in_time(code, why, start, omics_local):
    [run] = start()
    omics_local.fault("CancelRun", "error", code=code, probability=1)
    with pytest.raises(RunNotCancelledError, match=rf"Run {run.id} \(\w+\) is not cancelled and goes on: .*{why}"):
        in_worker(run, seconds=0.5)


def test_a_worker_that_is_late_tries_once(start, omics_local):
    """Airflow may take all the time there is to say in which state the task is."""
    [run] = start()
    assert in_worker(run, seconds=-1).accepted
    assert status(omics_local) == "STOPPING"


def test_a_dead_endpoint_is_asked_one_call_at_a_time(start, omics_local):
    runs = start(40)
    omics_local.fault("CancelRun", "drop", probability=1)

    async def go():
        async with hubs.join(HookParams()) as hub:
            ending = [asyncio.create_task(cancel_through(hub, run, known=True)) for run in runs]
            # Eight a second would be 48.
            await asyncio.wait(ending, timeout=6)
            assert asked(omics_local)["CancelRun"] < 24
            omics_local.clear_faults()
            async with asyncio.timeout(45):
                await asyncio.gather(*ending)

    asyncio.run(go())
    assert {run["status"] for run in omics_local.runs()} == {"STOPPING"}


def test_cancelruns_limit_is_its_own(start, omics_local):
    """A throttled CancelRun slows down no look at a run, and runs that are looked at hold up no CancelRun."""
    runs = start(5)
    omics_local.fault("CancelRun", "error", code="ThrottlingException", times=1)

    async def go():
        async with hubs.join(HookParams()) as hub:
            hub.client.pace.note_call(asyncio.get_running_loop().time() + 3600)
            async with asyncio.timeout(60):
                await asyncio.gather(*(cancel_through(hub, run, known=True) for run in runs))
            return hub.client.pace.rate, hub.cancels.pace.rate

    calls, cancels = asyncio.run(go())
    assert calls == 8.0 > cancels
    assert {run["status"] for run in omics_local.runs()} == {"STOPPING"}
