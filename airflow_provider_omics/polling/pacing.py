# SPDX-License-Identifier: Apache-2.0
"""How often to call HealthOmics: pure numbers, to which the time is given, in seconds of whatever clock."""

from __future__ import annotations

import logging
import random
from typing import Final

# How often a fault that goes on is a warning, in seconds.
WARN_EVERY: Final = 600.0
# How often a status that this release does not know is one.
UNKNOWN_EVERY: Final = 3600.0
# After so many faults in a row the connection is read anew: it may have another endpoint by now.
READ_ANEW: Final = 3
# The longest pause between two looks at an old run.
MAX_INTERVAL: Final = 300.0
# A run is looked at about this many times over its life, after its youth.
_LOOKS: Final = 60
_FIRST_LOOK: Final = 5.0
_MAX_BACK_OFF: Final = 60.0


def interval(age: float, poll_interval: float | None, shortest: float) -> float:
    """
    Return the seconds between two looks at a run.

    :param age: since when the run is, in seconds.
    :param poll_interval: what the caller asked for, which then holds at every age.
    :param shortest: the pause for a young run; it stretches with the run's age, up to five minutes.
    """
    if poll_interval is not None:
        return poll_interval
    return min(max(shortest, age / _LOOKS), max(shortest, MAX_INTERVAL))


def jittered(seconds: float) -> float:
    """Return a little less, so that those who began together do not go on together, and nobody looks late."""
    return seconds * random.uniform(0.9, 1.0)  # noqa: S311 - no secret


def first_look(seconds: float) -> float:
    """Return the pause before the first look: soon, but not at once, which Airflow may mistake for a lost task."""
    return min(seconds, _FIRST_LOOK) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def back_off(faults: int) -> float:
    """Return the pause after so many faults in a row, between half and the whole of 1, 2, 4 … 60 seconds."""
    return min(_MAX_BACK_OFF, 2.0 ** min(faults - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


class Reminder:
    """
    Tells when something that lasts is worth a warning: at once, and then every so often.

    :param seconds: how often.
    """

    __slots__ = ("_next", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next: float | None = None

    def due(self, now: float) -> bool:
        """Tell whether it is time; if so, the next time is that much later."""
        if self._next is not None and now < self._next:
            return False
        self._next = now + self._seconds
        return True

    def level(self, now: float) -> int:
        """Return the level to log at: a warning when it is time, and information in between."""
        return logging.WARNING if self.due(now) else logging.INFO


class Budget:
    """
    Spaces calls evenly, fewer than ``limit`` a second; a throttled one halves the rate, a good one mends it a little.

    While calls get no answer one is made at a time, with longer and longer pauses.

    :param limit: calls a second.
    """

    _LEAST: Final = 0.25
    # Calls may arrive a little closer together than they left, and the limit holds where they arrive.
    _SLACK: Final = 1.02

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.rate = limit
        # How many calls in a row got no answer.
        self.faults = 0
        self._next = 0.0
        self._slowed = -1.0
        self._failed = -1.0

    def pause(self, now: float) -> float:
        """Return the seconds until the next call may be made."""
        return max(0.0, self._next - now)

    def spend(self, now: float) -> None:
        """Note that a call is made: from now, not from when it might have been, the next one keeps its distance."""
        # What becomes of a call that only tries whether AWS answers again decides when the next one is made.
        self._next = now + (_MAX_BACK_OFF if self.faults > 1 else self._SLACK / self.rate)

    def throttled(self, now: float) -> None:
        """Slow down; the calls that were under way together count once."""
        if now - self._slowed >= 1:
            self._slowed = now
            self.rate = max(self.rate / 2, min(self.limit, self._LEAST))

    def unanswered(self, begun: float, now: float) -> None:
        """Note that a call made at ``begun`` got no answer; those that were under way together count once."""
        if begun >= self._failed:
            self._failed = now
            self.faults += 1
            if self.faults > 1:
                self._next = now + back_off(self.faults - 1)

    def answered(self, now: float) -> None:
        """Note that a call got an answer, whatever it is."""
        if self.faults:
            self.faults = 0
            self._next = min(self._next, now + self._SLACK / self.rate)

    def succeeded(self) -> None:
        """Speed up."""
        self.rate = min(self.limit, self.rate + self.limit / 100)
