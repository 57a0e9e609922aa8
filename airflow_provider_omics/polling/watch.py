# SPDX-License-Identifier: Apache-2.0
"""A run that somebody waits for in the triggerer, as it was last seen."""

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
    One member: its run as it was last seen, and when to look again.

    ``changed`` is set when the run's status changed, a look failed (``fault``), nobody will look again (``error``), or
    nothing of this has been the case for long, since ``told``.
    """

    run: Run
    poll_interval: float | None
    due: float
    told: float
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    fault: Exception | None = None
    error: Exception | None = None
    faults: int = 0
    missing: bool = False
    planned: float = 0.0

    def waited(self, now: float) -> float:
        """Return which part of its pause is over: to look at it now saves as much of a call, as it then waits anew."""
        return min(1.0, (now - self.planned) / max(self.due - self.planned, 1e-9))

    # Whether HealthOmics has shown the run since this process waits for it.
    seen: bool = False

    async def next(self, deadline: float | None) -> Run:
        """
        Wait until something has changed, and return the run.

        :param deadline: until when to wait, in epoch seconds.
        :raises TimeoutError: if the deadline passes; any other error says why the run can no longer be looked at.
        """
        async with asyncio.timeout(None if deadline is None else max(0.0, deadline - time.time())):
            await self.changed.wait()
        self.changed.clear()
        self.told = asyncio.get_running_loop().time()
        if self.error is not None:
            raise self.error
        return self.run
