# SPDX-License-Identifier: Apache-2.0
"""The calls that arrived."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_REMEMBERED_CALLS = 10_000


@dataclass(slots=True)
class Call:
    """One call that arrived: when, which, with which requestId, about which run, and the HTTP status it got."""

    operation: str
    time: datetime
    request_id: str | None
    id: str | None
    status: int | None = None


class CallLog:
    """The latest calls, and how many there were of each operation; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._calls: deque[Call] = deque(maxlen=_REMEMBERED_CALLS)

    def add(self, operation: str, time: datetime, params: Mapping[str, Any]) -> Call:
        """Count a call and remember it; the caller adds the status of its answer."""
        call = Call(operation, time, params.get("requestId"), params.get("id"))
        with self._lock:
            self._counts[operation] += 1
            self._calls.append(call)
        return call

    def counts(self) -> dict[str, int]:
        """Return how many calls of each operation arrived."""
        with self._lock:
            return dict(self._counts)

    def latest(self, operation: str | None = None) -> list[Call]:
        """Return the latest calls, of one operation or of all, oldest first."""
        with self._lock:
            return [call for call in self._calls if operation in (None, call.operation)]
