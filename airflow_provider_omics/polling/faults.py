# SPDX-License-Identifier: Apache-2.0
"""Repeat a worker's calls about a run or job that exists after transient errors."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Final, TypeVar

from airflow_provider_omics.aws.errors import should_retry, takes_new_client
from airflow_provider_omics.polling.pacing import MAX_INTERVAL, READ_ANEW, WARN_EVERY, Reminder, back_off, jittered

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.hooks.omics import OmicsHook

T = TypeVar("T")
log = logging.getLogger(__name__)
# How many transient errors, in about a minute, are retried by calls that must not delay a task for long.
MOST_FAULTS: Final = 6


class Faults:
    """
    The transient errors in a row of a call that a worker repeats.

    :param what: the call, for messages.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._warning = Reminder(WARN_EVERY)
        self.count = 0

    def should_retry(self, error: Exception) -> bool:
        """Tell whether to repeat the call after an error."""
        return should_retry(error, self.count)

    def note(self, error: Exception) -> bool:
        """
        Log and count an error, as a warning at most every ten minutes; return whether a new client is needed.

        :raises Exception: the error, if the call must not be repeated.
        """
        if not self.should_retry(error):
            raise error
        self.count += 1
        log.log(self._warning.level(time.monotonic()), "%s failed, trying again: %s", self._what, error)
        return takes_new_client(error) or self.count >= READ_ANEW

    def pause(self, usual: float) -> float:
        """Return the seconds before the next call, at most the usual ones."""
        return min(usual, back_off(self.count)) if self.count else jittered(usual)


def with_retries(
    hook: OmicsHook,
    question: Callable[[OmicsHook], T],
    faults: Faults,
    *,
    until: float = math.inf,
    most: float = math.inf,
) -> T:
    """
    Make a call, and repeat it after transient errors.

    :param hook: the hook of the connection, which is read again if that may help.
    :param faults: the errors so far.
    :param until: until when to repeat, in epoch seconds.
    :param most: how many errors to accept, with those so far.
    """
    while True:
        try:
            return question(hook)
        except Exception as error:
            if faults.note(error):
                hook.renew()
            pause = faults.pause(MAX_INTERVAL)
            if faults.count > most or time.time() + pause >= until:
                raise
            time.sleep(pause)
