# SPDX-License-Identifier: Apache-2.0
"""How long a worker asks StartRun again: a fault passes soon, a refusal may take hours and is waited out elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.aws.errors import is_expired, is_full, is_refused, is_transient
from airflow_provider_omics.core.pacing import Report, back_off
from airflow_provider_omics.exceptions import StartRunRefusedError

if TYPE_CHECKING:
    from airflow_provider_omics.core.pacing import Turn

# Some minutes of a service that is away.
_MAX_FAULTS: Final = 10
_FULL_SECONDS: Final = 60.0


class Patience:
    """
    What one attempt in its worker has met at StartRun, and what it still puts up with.

    :param until: until when refusals are waited out here, in epoch seconds; None leaves that to who can wait better.
    :param turn: the turn in which to ask, if the task was given one.
    :param given_up: the error of a task whose time to start a run is up: StartRun is not asked any more.
    """

    def __init__(
        self, until: float | None = None, turn: Turn | None = None, given_up: StartRunRefusedError | None = None
    ) -> None:
        self._until = until
        self._turn = turn
        self._given_up = given_up
        self._turn_ends: float | None = None
        # Calls whose answer nobody knows.
        self.faults = 0
        self._refusals = 0

    def check(self) -> None:
        """
        Raise if StartRun must not be asked.

        :raises StartRunRefusedError: if the time to start a run is up.
        """
        if self._given_up is not None:
            raise self._given_up

    def pause(self, error: Exception) -> float:
        """
        Return the seconds after which to ask again.

        :raises StartRunRefusedError: if StartRun is refused for longer than this task may wait here.
        """
        if is_refused(error):
            return self._after_refusal(error, full=is_full(error))
        # An expired token needs a new client.
        if not is_transient(error) or is_expired(error) or self.faults >= _MAX_FAULTS:
            raise error
        self.faults += 1
        return back_off(self.faults)

    def report(self) -> Report | None:
        """Return what came of the turn, if StartRun answered in it."""
        return Report(self._turn.key, self._refusals, answered=True) if self._turn else None

    def _after_refusal(self, error: Exception, *, full: bool) -> float:
        self._refusals += 1
        if self._until is not None:
            pause = _FULL_SECONDS if full else back_off(self._refusals)
            if time.time() + pause < self._until:
                return pause
        elif self._turn is not None and not full:
            # The turn begins with the first call: what came before it, a client and a look-up, takes its time.
            self._turn_ends = self._turn_ends or time.monotonic() + self._turn.seconds
            if time.monotonic() < self._turn_ends:
                return self._turn.pause
        raise StartRunRefusedError(str(error), self._refusals, full=full) from error
