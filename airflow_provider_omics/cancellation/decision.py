# SPDX-License-Identifier: Apache-2.0
"""Whether to cancel the run of a task that ends: yes if a person ended it, no if a machine was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from airflow_provider_omics.records.run import Run

# The task's state if Airflow does not answer.
UNKNOWN: Final = "unknown"
# The task's state if the task instance no longer exists, as its Dag run was deleted.
REMOVED: Final = "removed"

# Seconds by which the clocks of Airflow and HealthOmics may differ.
_CLOCK_SKEW: Final = 60.0
_BY_A_PERSON: Final = frozenset({"failed", "success", "skipped", REMOVED, "restarting"})
_TO_BE_CONTINUED: Final = frozenset({"up_for_retry", "up_for_reschedule", UNKNOWN})


def worker_cancels(state: str | None) -> bool:
    """
    Decide for a task process that got SIGTERM, by the present state of its task.

    After an eviction, lost heartbeats or a restart of the worker it is running or up for retry: a later try reattaches.
    """
    return state in _BY_A_PERSON


def trigger_cancels(state: str | None, *, mine: bool) -> bool:
    """
    Decide for a trigger that is cancelled, by the present state of its task.

    If the task is deferred and still waits for this trigger's run, only the triggerer changes. As long as the trigger
    has not fired, a task leaves the state deferred only through a person or a time-out.

    :param mine: whether the task, if it is deferred, waits for this trigger's run, and not for that of a newer try.
    """
    if state == "deferred":
        return not mine
    return state not in _TO_BE_CONTINUED


def deadline_cancels(state: str | None, *, current: bool) -> bool:
    """
    Decide when the deadline of a try has passed, by the present state of its task.

    If the process was suspended, a later try may have begun, which waits for the run. A task whose Dag run was deleted
    has no later try.

    :param current: whether the task is still in this process's try.
    """
    return state in {UNKNOWN, REMOVED} or (current and state in {"running", "deferred"} | _BY_A_PERSON)


def is_cancelled_at_deadline(run: Run, deadline: float | None, now: float) -> bool:
    """
    Tell whether a run was cancelled because the deadline of its try had passed, and not by anybody else before.

    It is decided by the times alone, as the answer to CancelRun, or the process that called it, may be lost.

    :param run: the run as GetRun shows it.
    :param deadline: the deadline of the try, in epoch seconds.
    :param now: the present time, in epoch seconds.
    """
    if run.status != "CANCELLED" or deadline is None or now < deadline:
        return False
    return (run.stop_time or now) >= deadline - _CLOCK_SKEW
