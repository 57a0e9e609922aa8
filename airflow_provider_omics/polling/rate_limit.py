# SPDX-License-Identifier: Apache-2.0
"""The rate limit of a triggerer process: of one connection, and of all its connections together."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from airflow_provider_omics.polling.pacing import CallPace


class SharedLimit:
    """
    The calls of all connections of a process.

    :param limit: calls a second.
    """

    def __init__(self, limit: float) -> None:
        self.pace = CallPace(limit)
        # Held by the next caller.
        self.next = asyncio.Lock()


class RateLimit:
    """
    The calls of one connection: a throttled connection slows down alone.

    :param shared: the limit of all connections.
    """

    def __init__(self, shared: SharedLimit) -> None:
        self.pace = CallPace(shared.pace.limit)
        self._next = asyncio.Lock()
        self._shared = shared
        # Set when a call was answered or failed, which changes the pause.
        self._changed = asyncio.Event()

    async def acquire(self) -> None:
        """Wait until both limits allow a call, in the order of asking, and count it."""
        loop = asyncio.get_running_loop()
        async with self._next:
            while (pause := self.pace.pause(loop.time())) > 0:
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
            async with self._shared.next:
                await asyncio.sleep(self._shared.pace.pause(loop.time()))
                self._shared.pace.note_call(loop.time())
            self.pace.note_call(loop.time())

    def unanswered(self, begun: float) -> None:
        """Note that a call made at ``begun``, by the event loop's clock, was not answered: the next ones wait."""
        self.pace.unanswered(begun, asyncio.get_running_loop().time())
        self._changed.set()

    def answered(self) -> None:
        """Note that a call was answered, with success or an error."""
        if self.pace.faults:
            self.pace.answered(asyncio.get_running_loop().time())
            self._changed.set()
