# SPDX-License-Identifier: Apache-2.0
"""How often to call StartRun, whose quota is unknown: pure calculations with times in seconds."""

from __future__ import annotations

from typing import Final, NamedTuple

# Seconds a call of the lowest published quota; a longer wait for the first token means that others take the tokens.
_SLOWEST: Final = 10.0
_LONGEST_PAUSE: Final = 60.0
# Seconds to wait for an answer that decides about the next call, so that a call without an answer delays no others.
_ANSWER: Final = 1.0
# A call that is later than this, in seconds or half gaps, was late because no caller was ready.
_LATE: Final = 0.5
# The pause after a refusal, in gaps: it doubles with each further one, up to half a gap; after many it grows by that.
_PAUSE: Final = 0.07
_MOST_PAUSE: Final = 0.5
_MANY: Final = 5
_MOST_GAPS: Final = 2.5
# While nothing is known of the quota, a pause is this share of the time since the last start.
_GROWTH: Final = 0.3
# The share by which the gap shrinks with each start: at least, at most, and after several refusals in a row.
_LEAST_STEP: Final = 0.001
_MOST_STEP: Final = 0.2
_HARD_STEP: Final = 0.15
_HARD: Final = 3
# A step is a third of the one before when the first call after a refusal starts a run.
_SMALLER: Final = 3.0
# After so many starts without a refusal the quota may have grown: the step grows with each further one.
_CALM: Final = 10
_FASTER: Final = 1.2
# A refusal, or several in a row, make the gap longer by at most this factor.
_MOST_RISE: Final = 1.4


class PacedCall(NamedTuple):
    """
    A call that was made.

    :param number: counts the calls.
    :param sent: when it was made.
    :param idle: whether it might have been made much earlier.
    """

    number: int
    sent: float
    idle: bool


class StartPace:
    """
    Spaces the calls of StartRun a little closer than the quota allows, so that sometimes one is throttled ("refused").

    The quota is a token bucket, which is empty at each refusal: its period is the time between two refusals, divided by
    the number of runs that were started in between. Without refusals the gap shrinks, first slowly and then faster, as
    the window of TCP CUBIC grows.

    :param shortest: the shortest gap, in seconds.
    """

    def __init__(self, shortest: float) -> None:
        self.gap = shortest
        self._shortest = shortest
        self._next = 0.0
        self._step = _LEAST_STEP
        self._made = 0
        self._refused = 0
        # The latest call that started a run.
        self._started: PacedCall | None = None
        # How many runs were started without a refusal.
        self._calm = 0
        # Refusals in a row, those that were under way together counted once, and each of them; and since when.
        self._row = 0
        self._row_refused = 0
        self._row_began = 0.0
        # The latest refused call, and the number of the last call that was made before a refusal was known.
        self._refusal: PacedCall | None = None
        self._known = 0
        self._learned = False
        # When the bucket was last known to be empty, and how many calls had not been refused until then.
        self._mark: tuple[float, int] | None = None

    def pause(self, now: float) -> float:
        """Return the seconds until the next call may be made."""
        return max(0.0, self._next - now)

    def soonest(self, now: float) -> float:
        """Return the seconds until the next call may be made, if the calls that are under way are not refused."""
        return max(0.0, self._next - max(0.0, _ANSWER - self.gap) - now) if self._row == 1 else self.pause(now)

    def note_call(self, now: float) -> PacedCall:
        """Note that a call is made; return the object by which its result is noted."""
        self._made += 1
        idle = now - self._next > max(_LATE, self.gap / 2)
        call = PacedCall(self._made, now, idle)
        if idle:
            self._mark = None
        # After a refusal the answer to one call decides about the next one.
        self._next = now + (max(self.gap, _ANSWER) if self._row else self.gap)
        return call

    def unknown(self, call: PacedCall, now: float) -> None:
        """Note that a call's answer says nothing about the quota, or that there is none."""
        self._mark = None
        if self._row and call.number > self._known:
            self._next = min(self._next, now + self.gap)

    def started(self, call: PacedCall, now: float) -> None:
        """Note that a call started a run."""
        if self._row and call.number > self._known:
            self._end_row(call)
            self._next = max(now, call.sent + self.gap)
        elif not self._row and not call.idle:
            self._calm += 1
            if self._calm > _CALM:
                self._step = min(_MOST_STEP, self._step * _FASTER)
            self.gap = max(self._shortest, self.gap * (1 - self._step))
        if self._started is None or call.number > self._started.number:
            self._started = call

    def refused(self, call: PacedCall, now: float) -> None:
        """Note that a call was throttled."""
        self._refused += 1
        self._row_refused += 1
        if self._refusal is None or call.number > self._refusal.number:
            self._refusal = call
        if call.number <= self._known:
            return
        # The calls that are under way with it count as one.
        alone = call.number == self._made
        self._known = self._made
        if not self._row:
            self._row_began = call.sent
        self._row += 1
        gaps = min(_MOST_PAUSE, _PAUSE * 2 ** min(self._row - 1, 10)) + _MOST_PAUSE * max(0, self._row - _MANY)
        pause = self.gap * min(_MOST_GAPS, gaps)
        if not self._learned:
            pause = max(pause, _GROWTH * min(_SLOWEST, call.sent - self._since()))
        pause = now + min(_LONGEST_PAUSE, pause)
        # If other calls were made after it, the gap after the last of them still applies.
        self._next = pause if alone or self._row > 1 else max(pause, self._next)

    def _since(self) -> float:
        """Return since when the first token of a row of refusals is waited for."""
        started = self._started.sent if self._started else 0.0
        return max(started, self._row_began - self.gap)

    def _end_row(self, call: PacedCall) -> None:
        """Learn from the first start after one or more refusals."""
        refusal = self._refusal
        assert refusal is not None  # noqa: S101 - there was one
        waited = call.sent - self._since()
        before = self._started.number if self._started else 0
        # Whether nothing came between that start and the refusals.
        alone = before + self._row_refused == refusal.number
        mark = refusal.sent, refusal.number - self._refused
        if not self._learned:
            if alone:
                # About half the period, if nobody else takes tokens: a gap that is too short is corrected sooner than
                # one that is too long.
                self._step = max(_LEAST_STEP, (call.sent - refusal.sent) / waited / 2)
                self.gap = max(self.gap, 2 * min(_GROWTH * _SLOWEST, call.sent - refusal.sent))
            self._learned = alone or self._row < _HARD
        else:
            gap = self._measured(mark)
            self.gap = max(self._shortest, min(gap, waited) if alone else gap)
            if self._row == 1:
                self._step = max(_LEAST_STEP, self._step / _SMALLER)
            elif self._row >= _HARD:
                self._step = max(self._step, _HARD_STEP)
        self._mark = mark
        self._calm = self._row = self._row_refused = 0

    def _measured(self, mark: tuple[float, int]) -> float:
        """Return the time between two refusals for each run that was started in between."""
        if self._mark is None:
            return self.gap
        period = (mark[0] - self._mark[0]) / max(1, mark[1] - self._mark[1])
        return min(period, _MOST_RISE * self.gap)
