# SPDX-License-Identifier: Apache-2.0
"""The queue of tasks whose StartRun was refused: each gets its turn; who had one in vain gets the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.polling.background import background
from airflow_provider_omics.polling.pacing import Turns

if TYPE_CHECKING:
    from airflow_provider_omics.polling.pacing import Report, Turn

_PACE: Final = 0.25


class StartQueue:
    """Hands out the turns of one connection."""

    def __init__(self) -> None:
        self._turns = Turns()
        self._waiting: deque[tuple[asyncio.Future[Turn], bool]] = deque()
        self._task: asyncio.Task[None] | None = None

    def report(self, report: Report) -> None:
        """Learn what came of a turn."""
        self._turns.report(asyncio.get_running_loop().time(), report)

    async def turn(self, *, first: bool = False, told: bool = True) -> Turn:
        """
        Wait for a turn.

        :param first: whether to go before those who wait.
        :param told: whether an answer to StartRun will be reported.
        """
        mine: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        (self._waiting.appendleft if first else self._waiting.append)((mine, told))
        if self._task is None or self._task.done():
            self._task = background(self._hand_out())
        try:
            return await mine
        except asyncio.CancelledError:
            if mine.cancelled():
                self._waiting.remove((mine, told))
            else:  # It was handed out in the same moment.
                self._turns.give_back(mine.result())
            raise

    async def _hand_out(self) -> None:
        while self._waiting:
            self._serve()
            await asyncio.sleep(_PACE)

    def _serve(self) -> None:
        # One that is cancelled leaves the queue only when its trigger goes on.
        for waiting, told in [entry for entry in self._waiting if not entry[0].done()]:
            turn = self._turns.hand_out(asyncio.get_running_loop().time(), told=told)
            if turn is None:
                break
            self._waiting.remove((waiting, told))
            waiting.set_result(turn)
