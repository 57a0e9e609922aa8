# SPDX-License-Identifier: Apache-2.0
"""Whether an account has room for another run: pure numbers, to which the time is given, in seconds."""

from __future__ import annotations

from typing import Final

# A full account is asked once in so many seconds, and so is one for a request that it had no room for.
FULL_SECONDS: Final = 60.0
# So many requests in a row without room say that the account is full.
_FULL: Final = 3


class AccountRoom:
    """Closes when several requests in a row find no room, and then lets one call a minute try, until a run starts."""

    def __init__(self) -> None:
        self._without: list[int] = []
        self._closed_until = 0.0

    @property
    def is_full(self) -> bool:
        """Whether the account is full."""
        return len(self._without) >= _FULL

    def pause(self, now: float) -> float:
        """Return the seconds until the account may be asked."""
        return max(0.0, self._closed_until - now) if self.is_full else 0.0

    def spend(self, now: float) -> None:
        """Note that it is asked."""
        self._closed_until = now + FULL_SECONDS

    def none_for(self, request: int, now: float) -> None:
        """Note that it has no room for a request."""
        if request not in self._without and not self.is_full:
            self._without.append(request)
        self._closed_until = now + FULL_SECONDS

    def unknown(self, now: float) -> None:
        """Note that the answer says nothing of it, so that it may be asked again at once."""
        self._closed_until = min(self._closed_until, now)

    def some(self) -> None:
        """Note that a run was started."""
        self._without.clear()
