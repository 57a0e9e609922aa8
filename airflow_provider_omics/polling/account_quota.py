# SPDX-License-Identifier: Apache-2.0
"""When to call StartRun again after exceeded quotas: a pure calculation with times in seconds."""

from __future__ import annotations

from typing import Final

# Seconds between two StartRun while the account is full, and before a request that exceeded a quota is sent again.
FULL_SECONDS: Final = 60.0
# After so many requests in a row that exceeded a quota, the account counts as full.
_FULL: Final = 3


class AccountQuota:
    """After several requests in a row that exceeded a quota, it allows one call a minute until a run is started."""

    def __init__(self) -> None:
        self._exceeded: list[int] = []
        self._closed_until = 0.0

    @property
    def is_full(self) -> bool:
        """Whether the account is full."""
        return len(self._exceeded) >= _FULL

    def pause(self, now: float) -> float:
        """Return the seconds until the next call is allowed."""
        return max(0.0, self._closed_until - now) if self.is_full else 0.0

    def note_call(self, now: float) -> None:
        """Note that StartRun is called."""
        self._closed_until = now + FULL_SECONDS

    def exceeded_by(self, request: int, now: float) -> None:
        """Note that a request exceeded a quota."""
        if request not in self._exceeded and not self.is_full:
            self._exceeded.append(request)
        self._closed_until = now + FULL_SECONDS

    def unknown(self, now: float) -> None:
        """Note that the answer says nothing about the quotas: the next call is allowed at once."""
        self._closed_until = min(self._closed_until, now)

    def started(self) -> None:
        """Note that a run was started."""
        self._exceeded.clear()
