# SPDX-License-Identifier: Apache-2.0
"""How often and how long a worker repeats StartRun: after transient errors for minutes, after refusals for hours."""

from __future__ import annotations

import time
from typing import Final

from airflow_provider_omics.aws.errors import is_quota_exceeded, is_refused, is_transient
from airflow_provider_omics.exceptions import StartRunRefusedError
from airflow_provider_omics.polling.account_room import FULL_SECONDS
from airflow_provider_omics.polling.pacing import back_off

# Some minutes without an answer; after that a deferrable task waits in the triggerer.
_MAX_FAULTS: Final = 10


class RetryPolicy:
    """
    When an attempt in its worker repeats StartRun, by the answers so far.

    :param until: until when to repeat it, in epoch seconds; None repeats it after a few transient errors, and not after
        a refusal.
    """

    def __init__(self, until: float | None = None) -> None:
        self._until = until
        self._faults = 0
        self._refusals = 0

    def pause(self, error: Exception) -> float:
        """
        Return the seconds before the next call; raise any error that is neither a refusal nor transient.

        :raises StartRunRefusedError: if StartRun is refused or not answered for longer than this task may wait here.
        """
        if is_refused(error):
            return self._after_refusal(error, full=is_quota_exceeded(error))
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
