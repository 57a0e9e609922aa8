# SPDX-License-Identifier: Apache-2.0
"""A run that a trigger waits for, as it was last seen."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_omics.records.run import Run


@dataclass(slots=True, eq=False)
class Watch:
    """
    The run of one trigger as it was last seen, and when to poll again.

    ``changed`` is set when the run's status has changed, after a transient error (``fault``), after an error that ends
    the polling (``error``), or when it was not set for long, since ``woken``.
    """

    run: Run
    poll_interval: float | None
    due: float
    woken: float
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    fault: Exception | None = None
    error: Exception | None = None
    faults: int = 0
    missing: bool = False
    planned: float = 0.0
    # Whether HealthOmics has shown the run since this process began to wait.
    seen: bool = False

    def waited(self, now: float) -> float:
        """Return the share of its pause that has passed: polling it now saves that share of a call."""
        return min(1.0, (now - self.planned) / max(self.due - self.planned, 1e-9))

    async def next(self, deadline: float | None) -> Run:
        """
        Wait until something has changed, and return the run.

        :param deadline: until when to wait, in epoch seconds.
        :raises TimeoutError: if the deadline passes; any other error has ended the polling.
        """
        async with asyncio.timeout(None if deadline is None else max(0.0, deadline - time.time())):
            await self.changed.wait()
        self.changed.clear()
        self.woken = asyncio.get_running_loop().time()
        if self.error is not None:
            raise self.error
        return self.run
