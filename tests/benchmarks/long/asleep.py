# SPDX-License-Identifier: Apache-2.0
"""The triggers that the others are compared with: one only sleeps, one notes when the event loop was held up."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger

BEAT = 0.01
# What is shorter is not written down.
WORTH = 0.015


class SleepingTrigger(BaseTrigger):
    """Wait for ever."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "asleep.SleepingTrigger", {"number": self.number}

    async def run(self):
        await asyncio.sleep(1e6)
        yield


class MetronomeTrigger(BaseTrigger):
    """
    Wake every hundredth of a second, and write down how late: by the clock, and by the CPU time of thread and process.

    On a machine that does other things too, the clock says how long those took, the CPU time what this process did.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "asleep.MetronomeTrigger", {"path": self.path}

    async def run(self):
        with Path(self.path).open("a", buffering=1, encoding="utf-8") as file:  # noqa: ASYNC230 - a line now and then
            clocks = (time.monotonic, time.thread_time, time.process_time)
            while True:
                before = [clock() for clock in clocks]
                await asyncio.sleep(BEAT)
                wall, thread, process = (clock() - then for clock, then in zip(clocks, before, strict=True))
                if wall - BEAT >= WORTH:
                    file.write(f"{time.time():.3f} {wall - BEAT:.4f} {thread:.4f} {process:.4f}\n")
        yield
