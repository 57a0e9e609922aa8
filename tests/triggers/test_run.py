# SPDX-License-Identifier: Apache-2.0
"""The trigger, in an event loop of its own, against the local endpoint."""

import asyncio
import json
import time

import pytest
from botocore.exceptions import ClientError

from airflow_provider_omics.core.event import RunEvent
from airflow_provider_omics.core.hook_params import HookParams
from airflow_provider_omics.core.run import Run
from airflow_provider_omics.hooks.omics import VISIBLE_AFTER
from airflow_provider_omics.triggers import run as module
from airflow_provider_omics.triggers.run import OmicsRunTrigger


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
        params = HookParams(botocore_config={"retries": {"total_max_attempts": 1}})
        original = OmicsRunTrigger.of(Run.from_response(answer), params, 0.05)
        return OmicsRunTrigger(**original.serialize()[1])

    return new


async def events(trigger):
    return [RunEvent.deserialize(event.payload) async for event in trigger.run()]


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "CANCELLED"])
def test_it_tells_how_the_run_ended(status, trigger, omics_local):
    omics_local.script(status=status, failureReason="X", statusMessage="y")
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


def test_triggers_share_a_client_while_one_of_them_waits(trigger, omics_local):
    omics_local.clock.freeze()

    async def wait():
        tasks = [asyncio.create_task(events(trigger())) for _ in range(3)]
        await asyncio.sleep(0.3)
        shared = [users for _, users in module._hooks.values()]
        tasks.pop().cancel()
        omics_local.clock.advance(60)
        await asyncio.gather(*tasks)
        return shared

    assert asyncio.run(wait()) == [3]
    assert module._hooks == {}


def test_it_polls_no_faster_than_it_was_told(trigger, omics_local):
    omics_local.clock.freeze()

    async def wait():
        task = asyncio.create_task(events(trigger()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(wait())
    assert 5 <= omics_local.counts()["GetRun"] <= 20


def test_expired_credentials_are_replaced(trigger, omics_local, monkeypatch):
    omics_local.clock.freeze()
    expired = ClientError({"Error": {"Code": "ExpiredTokenException"}}, "GetRun")

    async def wait():
        task = asyncio.create_task(events(trigger()))
        await asyncio.sleep(0.3)
        [(hook, _)] = module._hooks.values()
        monkeypatch.setattr(hook, "get_run", lambda _run: (_ for _ in ()).throw(expired))
        await asyncio.sleep(0.3)
        omics_local.clock.advance(60)
        return await task

    [event] = asyncio.run(wait())
    assert event.run.succeeded


def test_the_deadline_is_told(trigger, omics_local):
    omics_local.clock.freeze()
    waiting = trigger()
    waiting.deadline = time.time() + 0.2
    [event] = asyncio.run(events(waiting))
    assert event.timed_out
    assert not event.run.ended
