# SPDX-License-Identifier: Apache-2.0
"""How a worker asks about what exists: faults that pass are waited out."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Final, TypeVar

from airflow_provider_omics.aws.errors import may_pass, takes_new_client
from airflow_provider_omics.polling.pacing import MAX_INTERVAL, READ_ANEW, WARN_EVERY, Reminder, back_off, jittered

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.hooks.omics import OmicsHook

T = TypeVar("T")
log = logging.getLogger(__name__)
# How many faults that pass are borne, in about a minute, by what decides on a retry or would be lost for good.
MOST_FAULTS: Final = 6


class Faults:
    """
    Faults in a row of one who waits, in its worker, for something that exists: what passes is borne.

    :param what: what is asked, for people.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._warning = Reminder(WARN_EVERY)
        self.count = 0

    def bears(self, error: Exception) -> bool:
        """Tell whether an error may pass."""
        return may_pass(error, self.count)

    def met(self, error: Exception) -> bool:
        """
        Say what went wrong, as a warning only every so often; tell whether to go on with a new client.

        :raises Exception: the error, if it does not pass.
        """
        if not self.bears(error):
            raise error
        self.count += 1
        log.log(self._warning.level(time.monotonic()), "%s failed, asking again: %s", self._what, error)
        return takes_new_client(error) or self.count >= READ_ANEW

    def pause(self, usual: float) -> float:
        """Return the seconds after which to ask again, at the latest after the usual ones."""
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
    Ask something about what exists; faults that pass are waited out.

    :param hook: the way to AWS; the connection is read anew when that may help.
    :param faults: those met so far.
    :param until: until when to ask, in epoch seconds.
    :param most: how many faults, with those met before, to bear.
    """
    while True:
        try:
            return question(hook)
        except Exception as error:
            if faults.met(error):
                hook.renew()
            pause = faults.pause(MAX_INTERVAL)
            if faults.count > most or time.time() + pause >= until:
                raise
            time.sleep(pause)
