# SPDX-License-Identifier: Apache-2.0
"""Who ended the task: somebody who meant it, or a machine that went away. Only the first cancels a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from airflow_provider_omics.records.run import Run

# What the task's state is said to be when Airflow could not be asked.
UNKNOWN: Final = "unknown"
# What it is said to be when the task instance is no longer there: its Dag run was deleted.
REMOVED: Final = "removed"

# Clocks of Airflow and HealthOmics differ, in seconds.
_CLOCK_SKEW: Final = 60.0
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


def deadline_cancels(state: str | None, *, current: bool) -> bool:
    """
    Decide when the deadline of a try has passed, by the state that its task has meanwhile.

    A process that stood still may have lost its task: then a later try waits for the run, or will do so. A task whose
    Dag run was deleted has no later try.

    :param current: whether the task is still in this process's try.
    """
    return state in {UNKNOWN, REMOVED} or (current and state in {"running", "deferred"} | _BY_A_PERSON)


def is_cancelled_at_deadline(run: Run, deadline: float | None, now: float) -> bool:
    """
    Tell whether a run was cancelled because the deadline of its try had passed, and not by somebody else before.

    The answer to our CancelRun may be lost, and so may the process that called it: the deadline is known in any case.

    :param run: the run as GetRun shows it.
    :param deadline: until when the try might wait, in epoch seconds.
    :param now: the present, in epoch seconds.
    """
    if run.status != "CANCELLED" or deadline is None or now < deadline:
        return False
    return (run.stop_time or now) >= deadline - _CLOCK_SKEW
