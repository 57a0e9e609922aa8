# SPDX-License-Identifier: Apache-2.0
"""Quotas: requests a second of each operation."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from airflow_provider_omics.local.wire.service_error import ServiceError

if TYPE_CHECKING:
    from datetime import datetime


class Throttle:
    """A token bucket of each operation; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, datetime]] = {}

    def take(self, operation: str, rate: float | None, now: datetime) -> None:
        """Take a token of the operation's bucket, which holds one second's worth, or raise ThrottlingException."""
        if rate is None:
            return
        burst = max(rate, 1.0)
        with self._lock:
            tokens, last = self._buckets.get(operation, (burst, now))
            tokens = min(burst, tokens + rate * (now - last).total_seconds())
            enough = tokens >= 1
            self._buckets[operation] = (tokens - enough, now)
        if not enough:
            raise ServiceError(
                "ThrottlingException", f"Rate exceeded: {operation} may be called {rate:g} times a second"
            )
