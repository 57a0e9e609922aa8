# SPDX-License-Identifier: Apache-2.0
"""The queue of tasks whose StartRun was refused: each gets its turn, in the order of their coming."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.core.pacing import Turns
from airflow_provider_omics.triggers.background import background

if TYPE_CHECKING:
    from airflow_provider_omics.core.pacing import Report, Turn

_PACE: Final = 0.25


class StartQueue:
    """Hands out the turns of one connection."""

    def __init__(self) -> None:
        self._turns = Turns()
        self._waiting: deque[asyncio.Future[Turn]] = deque()
        self._task: asyncio.Task[None] | None = None

    def report(self, report: Report) -> None:
        """Learn what came of a turn."""
        self._turns.report(time.time(), report)

    async def turn(self) -> Turn:
        """Wait for a turn."""
        mine: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        if self._task is None or self._task.done():
            self._task = background(self._hand_out())
        try:
            return await mine
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)

    async def _hand_out(self) -> None:
        while self._waiting:
            while self._waiting and (turn := self._turns.hand_out(time.time())):
                self._waiting.popleft().set_result(turn)
            await asyncio.sleep(_PACE)
