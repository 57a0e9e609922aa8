# SPDX-License-Identifier: Apache-2.0
"""What the tests of triggers wait for."""

import asyncio

from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.polling import hub as hubs

DEFAULT = HookParams()


async def end_of(run, poll_interval=0.05, params=DEFAULT):
    """Wait for a run's end as a trigger does, and return it."""
    async with hubs.join(params) as hub:
        with hub.poller.watching(run, poll_interval) as watch:
            while not run.ended:
                run = await watch.next(None)
    return run


async def until(condition):
    """Wait until something is true; a test that waits in vain for a minute fails."""
    async with asyncio.timeout(60):
        while not (value := condition()):  # noqa: ASYNC110 - it is another process that changes it
            await asyncio.sleep(0.02)
    return value


async def finish(omics, waiting):
    """Let all runs end, and return what was waited for."""
    omics.clock.advance(3600)
    async with asyncio.timeout(60):
        return await asyncio.gather(*waiting)


def calls(omics, operation, status=None):
    """Return the calls of an operation, those with a status if one is given."""
    return [call for call in omics.calls(operation) if status in (None, call["status"])]
