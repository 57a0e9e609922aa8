# SPDX-License-Identifier: Apache-2.0
"""Watching a queue as Airflow's triggerer does: one that says when it has stored an event, and one that does not."""

import asyncio
from contextlib import asynccontextmanager, suppress


class Watching:
    """Triggers in Airflow's manager of shared streams, and what they have told; it counts as stored on demand."""

    def __init__(self, **options):
        from airflow.triggers.shared_stream import SharedStreamManager  # noqa: PLC0415 - new in Airflow 3.3

        self.manager = SharedStreamManager(**options)
        self.told = []
        self.seqs = []

    @asynccontextmanager
    async def by(self, *triggers, given_up=False):
        tasks = [asyncio.create_task(self._watch(number, it)) for number, it in enumerate(triggers)]
        try:
            yield
            assert all(task.done() is given_up for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.manager.stop_all()

    async def _watch(self, trigger_id, trigger):
        key = trigger.shared_stream_key()
        stream = self.manager.subscribe(trigger_id=trigger_id, trigger=trigger, key=key)
        try:
            async for event in trigger.filter_shared_stream(stream):
                self.seqs.append(self.manager.bind_pending_event(trigger_id=trigger_id, key=key))
                self.told.append((trigger_id, event.payload["detail"]["status"]))
        finally:
            await self.manager.unsubscribe(trigger_id, key)

    def store(self):
        self.manager.confirm_persisted(self.seqs)
        self.seqs.clear()


async def in_thread(function):
    return await asyncio.to_thread(function)


async def becomes(function, value):
    async with asyncio.timeout(60):
        while await in_thread(function) != value:  # noqa: ASYNC110 - it is another process that changes it
            await asyncio.sleep(0.1)


@asynccontextmanager
async def run_of(trigger, seen):
    """Run a trigger as an Airflow that does not say when it has stored an event."""

    async def go():
        async for event in trigger.run():
            seen.append(event.payload["detail"]["status"])

    task = asyncio.create_task(go())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
