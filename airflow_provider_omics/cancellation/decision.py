# SPDX-License-Identifier: Apache-2.0
"""Who ended the task: somebody who meant it, or a machine that went away. Only the first cancels a run."""

from __future__ import annotations

from typing import Final

# What the task's state is said to be when Airflow could not be asked.
UNKNOWN: Final = "unknown"
# What it is said to be when the task instance is no longer there: its Dag run was deleted.
REMOVED: Final = "removed"

_BY_A_PERSON: Final = frozenset({"failed", "success", "skipped", REMOVED, "restarting"})
_TO_BE_CONTINUED: Final = frozenset({"up_for_retry", "up_for_reschedule", UNKNOWN})


def worker_cancels(state: str | None) -> bool:
    """
    Decide for a task process that got SIGTERM, by the state that its task has meanwhile.

    An eviction, lost heartbeats or a restarting worker leave it running or up for retry: the next try reattaches.
    """
    return state in _BY_A_PERSON


def trigger_cancels(state: str | None, *, mine: bool) -> bool:
    """
    Decide for a trigger that is cancelled, by the state that its task has meanwhile.

    A deferred task whose run is still this trigger's only changes its triggerer. If the trigger has not fired, a task
    leaves deferral, into whatever state, by a person's hand or a time-out alone.

    :param mine: whether the task, if it is deferred, waits for the trigger's run, and not for that of a newer try.
    """
    if state == "deferred":
        return not mine
    return state not in _TO_BE_CONTINUED
