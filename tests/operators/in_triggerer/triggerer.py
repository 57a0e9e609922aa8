# SPDX-License-Identifier: Apache-2.0
"""A triggerer of one trigger, without an Airflow."""

import asyncio
import json

import pytest

from airflow_provider_omics.cancellation import cancelling_trigger

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


def begin(deferral, omics_local):
    """Let a triggerer start the run of a task, and end."""

    async def start():
        (await started(of_database(deferral.trigger), omics_local)).cancel()

    asyncio.run(start())


async def killed(trigger, going):
    """End a trigger as Airflow does when its task is ended."""
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    if cancelling_trigger._HAS_ON_KILL:
        await trigger.on_kill()
