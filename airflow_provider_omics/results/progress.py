# SPDX-License-Identifier: Apache-2.0
"""Log lines on a run: every few minutes its status, times and tasks; at the end a summary."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.polling.pacing import UNKNOWN_EVERY, Reminder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_omics.records.read_set_job import ReadSetJob
    from airflow_provider_omics.records.run import Run

# In the order of a task's life (API_TaskListItem).
_STATUSES: Final = ("PENDING", "STARTING", "RUNNING", "STOPPING", "COMPLETED", "FAILED", "CANCELLED")


@dataclass(slots=True)
class TaskCounts:
    """
    A run's tasks by status, from one page of all of them or, if there are more, from one page of each status.

    Iterate over the statuses for ListRunTasks, None for all, and add each answer. A run may have thousands of tasks: of
    each status at most a hundred are counted.
    """

    _counts: Counter[str] = field(default_factory=Counter)
    _more: set[str] = field(default_factory=set)
    _all: bool = True

    def __iter__(self) -> Iterator[str | None]:
        """Yield each status for ListRunTasks."""
        yield None
        if not self._all:
            yield from _STATUSES

    def add(self, asked: str | None, statuses: Iterable[str], *, more: bool) -> None:
        """
        Add a page.

        :param asked: the status that was listed, None for all.
        :param statuses: the statuses of the tasks on the page.
        :param more: whether there is another page.
        """
        if asked is None and more:
            self._all = False
            return
        self._counts.update(statuses)
        if asked is not None and more:
            self._more.add(asked)

    def __str__(self) -> str:
        """Return the number of tasks in each status."""
        counts = [f"{self._counts[it]}{'+' * (it in self._more)} {it}" for it in _STATUSES if self._counts[it]]
        return ", ".join(counts) or "none yet"


class UnknownStatus:
    """Warns of a status that this release does not know: at first, and then every hour."""

    __slots__ = ("_reminder",)

    def __init__(self) -> None:
        self._reminder = Reminder(UNKNOWN_EVERY)

    def warning(self, seen: Run | ReadSetJob, now: float) -> str | None:
        """Return the warning, None if there is none to log now."""
        if seen.known or not self._reminder.due(now):
            return None
        return (
            f"This release of airflow-provider-omics does not know the status {seen.status!r} of run or job {seen.id}: "
            "it counts as active; a newer release may know it"
        )


def heartbeat(run: Run, now: float, tasks: TaskCounts | None = None) -> str:
    """
    Return one line on a run's progress.

    :param run: the run.
    :param now: the time, in epoch seconds.
    :param tasks: its tasks, if they were counted.
    """
    line = f"run {run.id} {run.status}"
    if run.creation_time:
        line += f", {_since(run.creation_time, now)} since StartRun"
        if run.start_time:
            line += f", {_since(run.creation_time, run.start_time)} of it in the queue"
        elif not has_tasks(run):
            line += ", all of it in the queue"
    return line + (f"; tasks: {tasks}" if tasks else "")


def summary(run: Run, about: Iterable[str] = ()) -> str:
    """
    Return one line on a run that has ended: its times in the queue and running, and its output URI.

    :param run: the run, if possible as GetRun showed it at its end.
    :param about: more parts of the line.
    """
    facts = list(about)
    if run.creation_time and run.start_time:
        facts.append(f"{_since(run.creation_time, run.start_time)} in the queue")
    if run.start_time and run.stop_time:
        facts.append(f"{_since(run.start_time, run.stop_time)} running")
    return f"{run}: {', '.join([*facts, f'outputs in {run.output_uri}'])}"


def has_tasks(run: Run) -> bool:
    """Tell whether a run may have tasks already."""
    return run.status not in ("PENDING", "STARTING")


def _since(then: float, now: float) -> timedelta:
    return timedelta(seconds=max(0, round(now - then)))
