# SPDX-License-Identifier: Apache-2.0
"""
Whether a task waits for this trigger, and not for one of another try or in another triggerer.

Before StartRun the marker is written. Immediately before it Airflow is asked whether the task is still deferred, and
the marker is read, which says whether another triggerer has taken this trigger's place. If so, or if Airflow does not
answer, nothing is sent.
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
from airflow_provider_omics.polling.pacing import back_off

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.compat import TaskKey
    from airflow_provider_omics.records.run import Run

    T = TypeVar("T")

log = logging.getLogger(__name__)
# Seconds after which a trigger that may not start its run looks again whether it may: Airflow ends, within seconds, one
# whose task was ended or taken over.
NOT_NOW_SECONDS: Final = 15.0


class NotNowError(OmicsError):
    """The task is not known to wait for this trigger at present, so that nothing may be started."""


class Claim:
    """
    What a trigger has written, and has seen written, about its task.

    :param task: the task instance.
    :param intention: digest of the intention whose run is wanted.
    :param try_number: the task's try.
    """

    def __init__(self, task: TaskKey, intention: str, try_number: int) -> None:
        self._task = task
        self._try = intention, try_number
        self._owner = uuid.uuid4().hex
        # The marker as it was last read or written, and when it was read, by `time.monotonic()`.
        self._marker: Marker | None = None
        self._read_at = 0.0
        # Why nothing may be started at present, for people.
        self.in_the_way: str | None = None

    async def earlier(self) -> tuple[Marker, Run | None] | None:
        """Return what another process of this attempt has written and, if it is that of the marker, the run."""
        await self._read()
        marker = self._marker
        if marker is None or marker.submission is None or not marker.of_try(*self._try):
            return None
        run = await self._ask(pushed_run, self._task)
        return marker, run if run is not None and run.uuid != marker.over else None

    async def write(self, submission: int, since: float | None, over: str | None) -> bool:
        """
        Write the marker; False if another process has done so since this one last read it.

        :param submission: what is about to be asked for, or waited for.
        :param since: from which creation on a run of it is the attempt's own, in epoch seconds.
        :param over: uuid of the run that is in XCom already and is not that one.
        """
        mine = Marker(*self._try, self._owner, submission, since, over)
        while mine != self._marker:
            if self._marker is None or not self._marker.of_try(*self._try):
                # If another try has begun, Airflow is about to end this trigger.
                self.in_the_way = f"another try has begun, or the XCom backend does not keep the XCom {KEY}"
                await asyncio.sleep(NOT_NOW_SECONDS)
                await self._read()
                continue
            before, begun = self._marker, time.monotonic()
            self._marker = await self._ask(write_marker, self._task, before, mine, self._read_at)
            self._read_at = begun
            if self._marker not in (before, mine):
                return False
        return True

    async def check(self) -> None:
        """Raise NotNowError unless the task is deferred in this try, and waits for this trigger."""
        try:
            await self._check()
        except NotNowError as error:
            self.in_the_way = str(error)
            raise
        self.in_the_way = None

    async def _check(self) -> None:
        try:
            [state] = await ask_airflow(task_states, [self._task])
            begun = time.monotonic()
            marker = await ask_airflow(read_marker, self._task)
        except Exception as error:
            raise NotNowError(f"Airflow does not say whether the task is still deferred: {error}") from error
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
        """Ask Airflow something, again until it answers."""
        faults = 0
        while True:
            try:
                answer = await ask_airflow(question, *arguments)
            except Exception as error:  # noqa: BLE001 - whatever it is, without an answer nothing is started
                faults += 1
                self.in_the_way = f"Airflow does not answer: {error}"
                log.warning("%s", self.in_the_way)
                await asyncio.sleep(back_off(faults))
            else:
                self.in_the_way = None
                return answer


class NoClaim(Claim):
    """That of a task which no other process can have, in ``dag.test()``: nothing is asked and nothing written."""

    async def earlier(self) -> None:
        """Return nothing."""

    async def write(self, submission: int, since: float | None, over: str | None) -> bool:  # noqa: ARG002 - as Claim
        """Write nothing."""
        return True

    async def check(self) -> None:
        """Raise nothing."""
