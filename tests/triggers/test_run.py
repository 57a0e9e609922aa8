# SPDX-License-Identifier: Apache-2.0
"""The trigger, in an event loop of its own, against the local endpoint."""

import asyncio
import json
import time

import pytest

from airflow_provider_omics.core.event import RunEvent
from airflow_provider_omics.core.hook_params import HookParams
from airflow_provider_omics.core.run import Run
from airflow_provider_omics.hooks.omics import VISIBLE_AFTER
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
        original = OmicsRunTrigger.of(Run.from_response(answer), HookParams(), 0.05)
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


@pytest.mark.parametrize(("cancels", "status"), [(True, "STOPPING"), (False, "PENDING")])
def test_the_deadline_cancels_the_run(cancels, status, trigger, omics_local):
    omics_local.clock.freeze()
    waiting = trigger()
    waiting.cancel_on_kill = cancels
    waiting.deadline = time.time() + 0.2
    [event] = asyncio.run(events(waiting))
    # What it was when its time was up.
    assert (event.timed_out, event.cancelled, event.run.status) == (True, cancels, "PENDING")
    assert omics_local.runs()[0]["status"] == status


def test_a_cancel_that_fails_is_left_to_the_worker(trigger, omics_local):
    omics_local.clock.freeze()
    waiting = trigger()
    waiting.deadline = time.time() + 0.2
    omics_local.fault("CancelRun", "error", probability=1)
    [event] = asyncio.run(events(waiting))
    assert (event.timed_out, event.run.status, event.error) == (True, "PENDING", None)


def test_a_run_that_ended_before_the_deadline_was_noticed_is_told_as_ended(trigger, omics_local):
    omics_local.clock.freeze()
    waiting = trigger()
    omics_local.force(waiting.run_args["id"], "COMPLETED")
    waiting.deadline = time.time() - 60
    [event] = asyncio.run(events(waiting))
    assert (event.timed_out, event.run.status) == (False, "COMPLETED")
    assert "CancelRun" not in omics_local.counts()
