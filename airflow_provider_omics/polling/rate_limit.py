# SPDX-License-Identifier: Apache-2.0
"""The rate limit of a triggerer process: of one connection, and of all its connections together."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from airflow_provider_omics.polling.pacing import Budget


class SharedLimit:
    """
    The calls of all connections of a process.

    :param limit: calls a second.
    """

    def __init__(self, limit: float) -> None:
        self.budget = Budget(limit)
        # Held by the next caller.
        self.next = asyncio.Lock()


class RateLimit:
    """
    The calls of one connection: a throttled connection slows down alone.

    :param shared: the limit of all connections.
    """

    def __init__(self, shared: SharedLimit) -> None:
        self.budget = Budget(shared.budget.limit)
        self._next = asyncio.Lock()
        self._shared = shared
        # Set when a call was answered or failed, which changes the pause.
        self._told = asyncio.Event()

    async def spend(self) -> None:
        """Wait until both limits allow a call, in the order of asking, and count it."""
        loop = asyncio.get_running_loop()
        async with self._next:
            while (pause := self.budget.pause(loop.time())) > 0:
                self._told.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._told.wait()
            async with self._shared.next:
                await asyncio.sleep(self._shared.budget.pause(loop.time()))
                self._shared.budget.spend(loop.time())
            self.budget.spend(loop.time())

    def unanswered(self, begun: float) -> None:
        """Note that a call made at ``begun``, by the event loop's clock, was not answered: the next ones wait."""
        self.budget.unanswered(begun, asyncio.get_running_loop().time())
        self._told.set()

    def answered(self) -> None:
        """Note that a call was answered, with success or an error."""
        if self.budget.faults:
            self.budget.answered(asyncio.get_running_loop().time())
            self._told.set()
