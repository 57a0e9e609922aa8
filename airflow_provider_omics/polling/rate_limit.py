# SPDX-License-Identifier: Apache-2.0
"""How many calls a second a triggerer process makes: of one connection, and of all its connections together."""

from __future__ import annotations

import asyncio

from airflow_provider_omics.core.pacing import Budget


class SharedLimit:
    """
    The calls of all connections of a process.

    :param limit: calls a second.
    """

    def __init__(self, limit: float) -> None:
        self.budget = Budget(limit)
        # Held by who is the next to call.
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

    async def spend(self) -> None:
        """Wait until both limits allow a call, in the order of asking, and count it."""
        loop = asyncio.get_running_loop()
        async with self._next:
            await asyncio.sleep(self.budget.pause(loop.time()))
            async with self._shared.next:
                await asyncio.sleep(self._shared.budget.pause(loop.time()))
                self._shared.budget.spend(loop.time())
            self.budget.spend(loop.time())
