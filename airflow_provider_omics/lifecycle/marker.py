# SPDX-License-Identifier: Apache-2.0
"""
The XCom that a trigger writes before StartRun, for the trigger that may take its place.

Airflow keeps a task's XComs over a deferral and deletes them when the next try begins. A triggerer that dies, or loses
its tasks to another one, leaves so what it was about to start; and before each StartRun the trigger sees in it whether
another one has taken its place meanwhile.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.compat import pull_in_trigger, push_from_trigger
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.versioned import UnreadableError, read

if TYPE_CHECKING:
    from airflow_provider_omics.compat import TaskKey

KEY: Final = "start_run"
# After so many seconds what was read may have changed: a process that is taken over has stood still for longer.
FRESH_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Marker:
    """
    What an attempt has asked StartRun for, or waits for.

    :param intention: digest of the intention.
    :param try_number: the task's try.
    :param owner: names the trigger, in its process, that has written it; empty if the worker has.
    :param submission: the submission, None before there is one.
    :param since: from which creation on a run of it is this attempt's own, in epoch seconds.
    :param over: uuid of the run that is in XCom already and is not this one.
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
    value = pull_in_trigger(task, KEY)
    try:
        return read(Marker, value) if isinstance(value, dict) else None
    except UnreadableError:
        return None


def write_marker(task: TaskKey, before: Marker | None, marker: Marker, read_at: float) -> Marker | None:
    """
    Write a task's marker, unless another one has been written since it was read; return the one that it has now.

    The question may have waited for long for those of other tasks, which Airflow answers one by one: so it is read anew
    here, where nothing comes in between.

    :param before: the marker as it was read.
    :param read_at: when it was read, by ``time.monotonic()``.
    """
    if time.monotonic() - read_at > FRESH_SECONDS:
        read_at = time.monotonic()
        if (now := read_marker(task)) != before or time.monotonic() - read_at > FRESH_SECONDS:
            return now
    push_from_trigger(task, KEY, asdict(marker))
    # A process that stood still meanwhile may have written over the marker of one that has asked for a run.
    return marker if time.monotonic() - read_at <= FRESH_SECONDS else None


def pushed_run(task: TaskKey) -> Run | None:
    """Return the run that the try has pushed to XCom, as far as that tells, None if it has come to none."""
    run = Run.from_xcom(lambda key: pull_in_trigger(task, key))
    # It may be too new to be visible: the quarter of an hour for that counts from now.
    return run and replace(run, creation_time=time.time())
