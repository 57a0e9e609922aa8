# SPDX-License-Identifier: Apache-2.0
"""How long a worker asks StartRun again: a fault passes soon, a refusal may take hours."""

from __future__ import annotations

import time
from typing import Final

from airflow_provider_omics.aws.errors import is_full, is_refused, is_transient
from airflow_provider_omics.exceptions import StartRunRefusedError
from airflow_provider_omics.polling.account_room import FULL_SECONDS
from airflow_provider_omics.polling.pacing import back_off

# Some minutes of a service that is away, after which who can wait elsewhere does so.
_MAX_FAULTS: Final = 10


class RetryPolicy:
    """
    How often and how long one attempt, in its worker, asks StartRun, by the answers that it has had.

    :param until: until when refusals and faults are waited out here, in epoch seconds; None waits out few faults and no
        refusal.
    """

    def __init__(self, until: float | None = None) -> None:
        self._until = until
        self._faults = 0
        self._refusals = 0

    def pause(self, error: Exception) -> float:
        """
        Return the seconds after which to ask again; raise what does not pass.

        :raises StartRunRefusedError: if StartRun is refused, or not answered, for longer than this task may wait here.
        """
        if is_refused(error):
            return self._after_refusal(error, full=is_full(error))
        if not is_transient(error):
            raise error
        self._faults += 1
        pause = back_off(self._faults)
        if self._faults > _MAX_FAULTS if self._until is None else time.time() + pause >= self._until:
            raise StartRunRefusedError(str(error), self._refusals, full=None) from error
        return pause

    def _after_refusal(self, error: Exception, *, full: bool) -> float:
        self._refusals += 1
        pause = FULL_SECONDS if full else back_off(self._refusals)
        if self._until is None or time.time() + pause >= self._until:
            raise StartRunRefusedError(str(error), self._refusals, full=full) from error
        return pause
