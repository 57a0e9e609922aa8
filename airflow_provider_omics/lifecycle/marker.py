# SPDX-License-Identifier: Apache-2.0
"""
The marker: an XCom that a trigger writes before StartRun, for another triggerer that may take the task over.

Airflow keeps a task's XComs over a deferral and deletes them when the next try begins. If a triggerer crashes, or loses
its tasks to another one, the other one reads in the marker what was about to be started; and before each StartRun a
trigger reads in it whether another one has taken its place.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.compat import pull_in_trigger, push_from_trigger
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.versioned import UnreadableError, read

if TYPE_CHECKING:
    from airflow_provider_omics.compat import TaskKey

KEY: Final = "start_run"
# For so many seconds a marker that was read cannot have changed: a process loses its tasks only if it was suspended for
# longer.
FRESH_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Marker:
    """
    The submission that an attempt starts, or waits for.

    :param intention: digest of the intention.
    :param try_number: the task's try.
    :param owner: id of the trigger, in its process, that has written it; empty for the worker.
    :param submission: the submission, None before there is one.
    :param since: its run is this attempt's own if it was created at this time or later, in epoch seconds.
    :param over: uuid of an older run in the XComs, which is not the run of this submission.
    """

    intention: str
    try_number: int
    owner: str = ""
    submission: int | None = None
    since: float | None = None
    over: str | None = None

    def of_try(self, intention: str, try_number: int) -> bool:
        """Tell whether it was written in a try of an intention."""
        return (self.intention, self.try_number) == (intention, try_number)


def read_marker(task: TaskKey) -> Marker | None:
    """Return a task's marker, None if there is none that this release can read; Airflow's errors are raised."""
    return marker_of(pull_in_trigger(task, KEY))


def marker_of(value: object) -> Marker | None:
    """Return the marker that an XCom holds, None if this release can read none."""
    try:
        return read(Marker, value) if isinstance(value, dict) else None
    except UnreadableError:
        return None


def xcoms_deleted(task: TaskKey) -> bool:
    """
    Tell whether a deferred task has lost the XComs of its try, by ``airflow db clean``, say, or by a person.

    If a newer try were deferred, its worker would have pushed a marker or, with ``[omics] start_in = worker``, a run.
    """
    return all(pull_in_trigger(task, key, ended="") is None for key in (KEY, "uuid"))


def write_marker(task: TaskKey, before: Marker | None, marker: Marker, read_at: float) -> Marker | None:
    """
    Write a task's marker, unless another one has been written since it was read; return the present one.

    As Airflow answers the calls of all tasks one by one, this call may have waited for long: then the marker is read
    again here, immediately before it is written.

    :param before: the marker as it was read.
    :param read_at: when it was read, by ``time.monotonic()``.
    """
    if time.monotonic() - read_at > FRESH_SECONDS:
        read_at = time.monotonic()
        if (now := read_marker(task)) != before or time.monotonic() - read_at > FRESH_SECONDS:
            return now
    push_from_trigger(task, KEY, asdict(marker))
    # If this process was suspended meanwhile, it may have overwritten the marker of another one that calls StartRun.
    return marker if time.monotonic() - read_at <= FRESH_SECONDS else None


def pushed_run(task: TaskKey) -> Run | None:
    """Return the run in this try's XComs, None if there is none."""
    return Run.from_xcom(lambda key: pull_in_trigger(task, key))
