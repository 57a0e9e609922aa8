# SPDX-License-Identifier: Apache-2.0
"""The endpoint's clock: real time, until a test freezes it or moves it on."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_LATEST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()


class Clock:
    """UTC time that can be frozen and advanced; between the two it runs at real speed, so that clients' times fit."""

    def __init__(self) -> None:
        # Whether it moves on to whatever is due next, again and again; freezing or resuming it ends that.
        self.jumps = False
        self._ahead = 0.0
        self._frozen_at: float | None = None

    def now(self) -> datetime:
        """Return the present."""
        return datetime.fromtimestamp(self._seconds(), UTC)

    def freeze(self) -> None:
        """Stop; only ``advance`` moves a frozen clock."""
        self.jumps = False
        if self._frozen_at is None:
            self._frozen_at = self._seconds()

    def resume(self) -> None:
        """Run on from where it was frozen."""
        self.jumps = False
        if self._frozen_at is not None:
            self._ahead, self._frozen_at = self._frozen_at - time.time(), None

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``, frozen or not; ValueError refuses to leave the years that every client can read."""
        if not 0 <= self._seconds() + seconds < _LATEST:
            raise ValueError(f"The clock cannot advance by {seconds!r}: it stays between the years 1970 and 9000.")
        if self._frozen_at is None:
            self._ahead += seconds
        else:
            self._frozen_at += seconds

    def _seconds(self) -> float:
        return time.time() + self._ahead if self._frozen_at is None else self._frozen_at


def later(moment: datetime, seconds: float) -> datetime:
    """Return the moment ``seconds`` after another; endless ones end with the calendar."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if seconds > 0 else datetime.min.replace(tzinfo=UTC)
