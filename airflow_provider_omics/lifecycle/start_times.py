# SPDX-License-Identifier: Apache-2.0
"""Until when an attempt in the triggerer may look for a run, and start one: all times are in epoch seconds."""

from __future__ import annotations

import time
from typing import Final

# Seconds in which a trigger that begins after the time to start a run looks for one that was started in time: it may be
# one of thousands that a triggerer takes over, whose calls Airflow answers one by one.
LATE_SECONDS: Final = 900.0
# Seconds after the deferral in which the first call may be made, however short the time to start a run is: that bounds
# for how long refusals are waited out. And seconds that such a call has when its turn has come.
_FIRST_CALL_SECONDS: Final = 60.0
_CALL_SECONDS: Final = 2.0


class StartTimes:
    """
    The times of one attempt.

    :param until: until when to try to start a run.
    :param submit_seconds: for how long to try after the end of a run that was STOPPING.
    :param deadline: until when the try may wait.
    """

    def __init__(self, until: float, submit_seconds: float, deadline: float | None) -> None:
        self.until = until
        self._deadline = deadline
        self._submit_seconds = submit_seconds
        self._looks_until = until if (now := time.time()) < until else now + LATE_SECONDS
        self._first_call_until = self._by_deadline(until - submit_seconds + _FIRST_CALL_SECONDS)

    @property
    def ends_at_deadline(self) -> bool:
        """Whether the run may be started until the try's deadline."""
        return self._deadline is not None and self.until >= self._deadline

    @property
    def may_wait_until(self) -> float | None:
        """Until when to get the run that was started, perhaps at the last moment; None means without end."""
        return self._deadline and max(self.may_look_until, self._deadline)

    @property
    def may_look_until(self) -> float:
        """Until when to look for a run."""
        return max(self.may_start_until, self._looks_until)

    @property
    def may_start_until(self) -> float:
        """Until when StartRun may be called."""
        return max(self.until, self._first_call_until)

    def begin_late(self) -> None:
        """Note that an earlier process of this attempt may have made the first call."""
        self._first_call_until = 0.0
        self._looks_until = time.time() + LATE_SECONDS

    def begin_anew(self) -> None:
        """Note that a run that was STOPPING has ended, and that the next one may be started."""
        self.until = self._by_deadline(time.time() + self._submit_seconds)
        self._first_call_until = self._by_deadline(time.time() + _FIRST_CALL_SECONDS)

    def first_call(self) -> float | None:
        """Return until when the first call may be answered, now that its turn has come; None if it was made before."""
        if not self._first_call_until:
            return None
        self._first_call_until = 0.0
        return max(self.until, self._by_deadline(time.time() + _CALL_SECONDS))

    def _by_deadline(self, moment: float) -> float:
        return moment if self._deadline is None else min(moment, self._deadline)
