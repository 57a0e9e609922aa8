# SPDX-License-Identifier: Apache-2.0
"""
Check that a task waits for this trigger, and not for one of another try or in another triggerer.

The marker is written before StartRun. Immediately before StartRun the task's state is read, which must be deferred, and
the marker, which another triggerer changes if it takes the trigger over. If that has happened, or if Airflow does not
answer, StartRun is not called.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from typing import TYPE_CHECKING, Final, TypeVar

from airflow_provider_omics.cancellation.ask_airflow import ask_airflow
from airflow_provider_omics.compat import task_states
from airflow_provider_omics.exceptions import OmicsError
from airflow_provider_omics.lifecycle.marker import KEY, Marker, pushed_run, read_marker, write_marker
from airflow_provider_omics.polling.pacing import WARN_EVERY, Reminder, back_off

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.compat import TaskKey
    from airflow_provider_omics.records.run import Run

    T = TypeVar("T")

log = logging.getLogger(__name__)
# Seconds after which a trigger that must not call StartRun checks again. If its task was ended or taken over, Airflow
# ends the trigger within seconds.
NOT_NOW_SECONDS: Final = 15.0


class NotNowError(OmicsError):
    """The task is not known to wait for this trigger at present: StartRun must not be called."""


class Claim:
    """
    The marker of a trigger's task: written by this trigger, and read to see whether another one has written it.

    :param task: the task instance.
    :param intention: digest of the intention.
    :param try_number: the task's try.
    """

    def __init__(self, task: TaskKey, intention: str, try_number: int) -> None:
        self._task = task
        self._try = intention, try_number
        self._owner = uuid.uuid4().hex
        # The marker as it was last read or written, and when it was read, by `time.monotonic()`.
        self._marker: Marker | None = None
        self._read_at = 0.0
        # Why StartRun must not be called at present, for messages.
        self.blocked_by: str | None = None
        self._warning = Reminder(WARN_EVERY)

    async def earlier(self, *, retry: bool = False) -> tuple[Marker, Run | None] | None:
        """
        Return the marker that another process of this attempt has written, and its run if that is in XCom.

        :param retry: whether it may have pushed the run of an earlier try, with no submission in the marker yet.
        """
        await self._read()
        marker = self._marker
        if marker is None or not marker.of_try(*self._try) or (marker.submission is None and not retry):
            return None
        run = await self._ask(pushed_run, self._task)
        return marker, run if run is not None and run.uuid != marker.over else None

    @property
    def marker_is_lost(self) -> bool:
        """Whether the marker was deleted, or another try has begun."""
        return self._marker is None

    async def write(self, submission: int, since: float | None, over: str | None) -> bool:
        """
        Write the marker; False if another process has written it since this one last read it.

        :param submission: the submission to start, or to wait for.
        :param since: its run is the attempt's own if it was created at this time or later, in epoch seconds.
        :param over: uuid of an older run in the XComs, which is not the run of this submission.
        """
        mine = Marker(*self._try, self._owner, submission, since, over)
        while mine != self._marker:
            if self._marker is None or not (self._marker.of_try(*self._try) or self._is_older(self._marker)):
                # If another try has begun, Airflow is about to end this trigger.
                why = f"another try has begun, or the XCom {KEY} was deleted, or the XCom backend does not keep it"
                self.blocked_by = why
                log.log(self._warning.level(time.monotonic()), "StartRun is not called: %s", why)
                await asyncio.sleep(NOT_NOW_SECONDS)
                await self._read()
                if self._marker is not None and self._is_older(self._marker):
                    return False
                continue
            before, begun = self._marker, time.monotonic()
            self._marker = await self._ask(write_marker, self._task, before, mine, self._read_at)
            self._read_at = begun
            if self._marker not in (before, mine):
                return False
        return True

    def _is_older(self, marker: Marker) -> bool:
        """Tell whether a trigger of an earlier try has written a marker late: it was suspended while it did."""
        return marker.try_number < self._try[1]

    async def check(self) -> None:
        """Raise NotNowError unless the task is deferred in this try, and waits for this trigger."""
        try:
            await self._check()
        except NotNowError as error:
            self.blocked_by = str(error)
            raise
        self.blocked_by = None

    async def _check(self) -> None:
        try:
            [state] = await ask_airflow(task_states, [self._task])
            begun = time.monotonic()
            marker = await ask_airflow(read_marker, self._task)
        except Exception as error:
            raise NotNowError(f"Airflow does not return whether the task is still deferred: {error}") from error
        if state != "deferred":
            raise NotNowError(f"The task is {state} and no longer deferred")
        if marker != self._marker:
            self._marker, self._read_at = marker, begun
            raise NotNowError("Another triggerer has taken this task over, or another try has begun")

    async def _read(self) -> None:
        begun = time.monotonic()
        self._marker = await self._ask(read_marker, self._task)
        self._read_at = begun

    async def _ask(self, question: Callable[..., T], *arguments: object) -> T:
        """Call Airflow until it answers."""
        faults = 0
        while True:
            try:
                answer = await ask_airflow(question, *arguments)
            except Exception as error:  # noqa: BLE001 - any error: without an answer StartRun is not called
                faults += 1
                self.blocked_by = f"Airflow does not answer: {error}"
                log.warning("%s: StartRun is not called until it does", self.blocked_by)
                await asyncio.sleep(back_off(faults))
            else:
                self.blocked_by = None
                return answer


class NoClaim(Claim):
    """For a task that no other process can have, in ``dag.test()``: nothing is checked and nothing written."""

    marker_is_lost = False

    async def earlier(self, *, retry: bool = False) -> None:
        """Return nothing."""

    async def write(self, submission: int, since: float | None, over: str | None) -> bool:  # noqa: ARG002 - as Claim
        """Write nothing."""
        return True

    async def check(self) -> None:
        """Raise nothing."""
