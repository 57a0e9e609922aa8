# SPDX-License-Identifier: Apache-2.0
"""How often to call HealthOmics: pure calculations with times in seconds, of any clock."""

from __future__ import annotations

import logging
import random
from typing import Final

# Seconds between two warnings while an error lasts.
WARN_EVERY: Final = 600.0
# Seconds between two warnings about a status that this release does not know.
UNKNOWN_EVERY: Final = 3600.0
# After so many errors in a row the connection is read again: it may have been edited.
READ_ANEW: Final = 3
# The longest time between two polls.
MAX_INTERVAL: Final = 300.0
# The time between two polls of an older run is its age divided by this.
_POLLS: Final = 60
_FIRST_PAUSE: Final = 5.0
_MAX_BACK_OFF: Final = 60.0


def interval(age: float, poll_interval: float | None, shortest: float) -> float:
    """
    Return the seconds between two polls of a run.

    :param age: seconds since the run's creation.
    :param poll_interval: the operator's argument, for runs of any age.
    :param shortest: the interval for a new run; it is longer for an older one, up to five minutes.
    """
    if poll_interval is not None:
        return poll_interval
    return min(max(shortest, age / _POLLS), max(shortest, MAX_INTERVAL))


def jittered(seconds: float) -> float:
    """Return up to 10 % less, so that tasks that began together do not poll together."""
    return seconds * random.uniform(0.9, 1.0)  # noqa: S311 - no secret


def first_pause(seconds: float) -> float:
    """Return the pause before the first poll: short, but not zero, as Airflow may fail a task resumed at once."""
    return min(seconds, _FIRST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def back_off(faults: int) -> float:
    """Return the pause after so many errors in a row: 50 to 100 % of 1, 2, 4 … 60 seconds."""
    return min(_MAX_BACK_OFF, 2.0 ** min(faults - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


class Reminder:
    """
    Limits how often a lasting problem is a warning: at first, and then every so many seconds.

    :param seconds: the time between two warnings.
    """

    __slots__ = ("_next", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next: float | None = None

    def due(self, now: float) -> bool:
        """Tell whether a warning is due; if so, the next one is due that much later."""
        if self._next is not None and now < self._next:
            return False
        self._next = now + self._seconds
        return True

    def level(self, now: float) -> int:
        """Return the log level: WARNING if a warning is due, else INFO."""
        return logging.WARNING if self.due(now) else logging.INFO


class CallPace:
    """
    Spaces calls evenly, fewer than ``limit`` a second; a throttled call halves the rate, a success adds 1 %.

    While calls are not answered, one is made at a time, with longer and longer pauses.

    :param limit: calls a second.
    """

    _LEAST: Final = 0.25
    # Calls may arrive a little closer together than they were sent, and HealthOmics counts them when they arrive.
    _SLACK: Final = 1.02

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.rate = limit
        # How many calls in a row were not answered.
        self.faults = 0
        self._next = 0.0
        self._slowed = -1.0
        self._failed = -1.0

    def pause(self, now: float) -> float:
        """Return the seconds until the next call may be made."""
        return max(0.0, self._next - now)

    def note_call(self, now: float) -> None:
        """Note that a call is made: the gap before the next one begins now."""
        # While AWS does not answer, the result of this one call decides when the next one is made.
        self._next = now + (_MAX_BACK_OFF if self.faults > 1 else self._SLACK / self.rate)

    def throttled(self, now: float) -> None:
        """Slow down; the calls that were under way together count once."""
        if now - self._slowed >= 1:
            self._slowed = now
            self.rate = max(self.rate / 2, min(self.limit, self._LEAST))

    def unanswered(self, begun: float, now: float) -> None:
        """Note that a call made at ``begun`` was not answered; calls that were under way together count once."""
        if begun >= self._failed:
            self._failed = now
            self.faults += 1
            if self.faults > 1:
                self._next = now + back_off(self.faults - 1)

    def answered(self, now: float) -> None:
        """Note that a call was answered, with success or an error."""
        if self.faults:
            self.faults = 0
            self._next = min(self._next, now + self._SLACK / self.rate)

    def succeeded(self) -> None:
        """Speed up."""
        self.rate = min(self.limit, self.rate + self.limit / 100)
