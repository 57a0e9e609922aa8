# SPDX-License-Identifier: Apache-2.0
"""The poller: polls thousands of runs, a few by GetRun, many by pages of ListRuns."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import math
import random
import sys
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.polling.background import background
from airflow_provider_omics.polling.listing import Listing
from airflow_provider_omics.polling.pacing import UNKNOWN_EVERY, back_off, first_pause, interval, jittered
from airflow_provider_omics.polling.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_omics.polling.client import Client
    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)
# The share of an interval that is reserved after a listing, for GetRun of the runs that it did not show.
_RESERVE: Final = 0.3
# How many missing runs are polled by GetRun for each page, before all are listed again.
_MISSING_A_PAGE: Final = 3
# Seconds between two heartbeat lines of very many tasks together: each line is sent between two processes.
_SECONDS_A_LINE: Final = 2.0
# How many calls may be under way at once, so that a slow one does not block the others.
IN_FLIGHT: Final = 8


class Poller:
    """
    Polls the runs of all waiting triggers, each at its interval, with as few calls as possible.

    :param client: makes the calls, within its rate limit.
    :param shortest: seconds between two polls of a new run.
    :param heartbeat: seconds after which a trigger is woken although nothing has changed; 0 means never.
    """

    def __init__(self, client: Client, shortest: float, heartbeat: float) -> None:
        self._client = client
        self._shortest = shortest
        self._heartbeat = heartbeat
        self._watches: set[Watch] = set()
        # A heap by time; entries of watches that have left, or are due at another time now, are skipped.
        self._queue: list[tuple[float, int, Watch]] = []
        self._numbers = itertools.count()
        # Runs that the pages did not show: they have ended, or are too new; GetRun follows.
        self._missing: deque[Watch] = deque()
        self._missing_next = True
        # How many of them are polled before the next listing, which would not show them either.
        self._before_listing = 0
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._polling: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._listing = Listing(client)
        # How long the last listing and the GetRun calls after it took.
        self._lead = 0.0

    @contextmanager
    def watching(self, run: Run, poll_interval: float | None) -> Iterator[Watch]:
        """Poll a run until it has ended or the caller leaves."""
        # Triggers that begin together, after a restart, must not log together later.
        spread = self._silence() - self._heartbeat
        watch = Watch(run, poll_interval, 0.0, _now() - spread * random.random())  # noqa: S311 - no secret
        self._watches.add(watch)
        self._plan(watch, first_pause(self._interval(watch)))
        if self._task is None or self._task.done():
            self._task = background(self._work())
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            if not self._watches:
                self._stop()

    def _stop(self) -> None:
        for task in (self._task, *self._polling):
            if task is not None:
                task.cancel()
        self._task = None
        self._queue.clear()
        self._missing.clear()

    async def _work(self) -> None:
        try:
            while self._watches:
                await self._until_due()
                await self._slots.acquire()
                try:
                    await self._client.acquire()
                except asyncio.CancelledError:
                    self._slots.release()
                    raise
                if self._listing_saves_calls():
                    self._slots.release()
                    await self._list()
                else:
                    self._poll_next()
        except Exception as error:
            # After a bug no trigger must wait for ever.
            log.exception("The poller failed")
            for watch in self._watches:
                _fail(watch, error)

    # --- who is next ---

    def _plan(self, watch: Watch, pause: float) -> None:
        watch.missing = False
        watch.planned = _now()
        watch.due = watch.planned + pause
        entry = (watch.due, next(self._numbers), watch)
        heapq.heappush(self._queue, entry)
        if self._queue[0] is entry:
            self._changed.set()

    def _interval(self, watch: Watch) -> float:
        age = max(0.0, time.time() - (watch.run.creation_time or 0.0))
        return interval(age, watch.poll_interval, self._shortest)

    def _first(self) -> Watch | None:
        """Return the watch that is due first, whether that is now or later."""
        while self._queue:
            due, _, watch = self._queue[0]
            if watch.due == due and watch in self._watches:
                return watch
            heapq.heappop(self._queue)
        return None

    def _first_missing(self) -> Watch | None:
        while self._missing:
            if self._missing[0] in self._watches:
                return self._missing[0]
            self._missing.popleft()
        return None

    async def _until_due(self) -> None:
        while self._first_missing() is None:
            first = self._first()
            pause = first.due - _now() if first else None
            if pause is not None and pause <= 0:
                return
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    def _poll_next(self) -> None:
        first, missing = self._first(), self._first_missing()
        if first is not None and first.due > _now():
            first = None
        # Missing and due runs take turns, so that neither many ends nor many new runs delay the others.
        if missing is not None and (first is None or self._missing_next or self._before_listing > 0):
            self._missing.popleft()
            self._before_listing -= 1
            watch = missing
        elif first is not None:
            heapq.heappop(self._queue)
            watch = first
        else:
            self._slots.release()
            return
        self._missing_next = watch is not missing
        watch.due = math.inf
        task = asyncio.get_running_loop().create_task(self._poll(watch))
        self._polling.add(task)
        task.add_done_callback(partial(self._polled, watch))

    def _polled(self, watch: Watch, task: asyncio.Task[None]) -> None:
        self._polling.discard(task)
        self._slots.release()
        # An error that is not transient, also a bug, fails this trigger; no trigger must wait for ever.
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            _fail(watch, error)

    # --- GetRun ---

    async def _poll(self, watch: Watch) -> None:
        try:
            run = await self._client.call(methodcaller("get_run", watch.run))
        except Exception as error:  # noqa: BLE001 - it fails only this trigger
            self._note_fault(watch, error)
        else:
            watch.faults = 0
            self._client.pace.succeeded()
            self._saw(watch, run)

    def _saw(self, watch: Watch, run: Run) -> None:
        if run.status != watch.run.status or self._is_silent(watch):
            watch.changed.set()
        watch.run, watch.seen = run, True
        if not run.ended:
            self._plan(watch, jittered(self._interval(watch)))

    def _silence(self) -> float:
        """Return the seconds between two heartbeat lines of a trigger."""
        return max(self._heartbeat, _SECONDS_A_LINE * len(self._watches))

    def _is_silent(self, watch: Watch) -> bool:
        silence = _now() - watch.woken
        if not watch.run.known and silence >= UNKNOWN_EVERY:
            return True
        return self._heartbeat > 0 and silence >= self._silence()

    def _note_fault(self, watch: Watch, error: Exception) -> None:
        if not self._client.should_retry(error, watch.faults):
            raise error
        watch.faults += 1
        if not self._client.slowed_by(error):
            watch.fault = error
            watch.changed.set()
        missing = watch.missing
        self._plan(watch, min(self._interval(watch), back_off(watch.faults)))
        # The next pages would not show it either.
        watch.missing = missing

    # --- ListRuns ---

    def _listing_saves_calls(self) -> bool:
        """Tell whether the pages of all active runs take fewer calls than the GetRun calls that they save."""
        first = self._first()
        if first is None or first.missing or first.due > _now():
            return False
        if self._before_listing > 0 and self._first_missing() is not None:
            return False
        now = _now()
        listed = [watch for watch in self._watches if not watch.missing and watch.run.known]
        return self._listing.saves_calls(sum(watch.waited(now) for watch in listed), len(listed))

    async def _list(self) -> None:
        wanted: dict[str, list[Watch]] = {}
        for watch in self._watches:
            if self._is_listed(watch):
                wanted.setdefault(watch.run.id, []).append(watch)
        begun = _now()
        not_shown = await self._listing.read(wanted, self._saw_listed)
        self._before_listing = _MISSING_A_PAGE * self._listing.pages
        if not_shown is None:
            return
        for watch in filter(self._is_listed, not_shown):
            watch.missing = True
            watch.due = math.inf
            self._missing.append(watch)
        # The next listing begins so much earlier that the missing runs are polled in time.
        self._lead = _now() - begun + len(self._missing) / self._client.pace.rate

    def _is_listed(self, watch: Watch) -> bool:
        # Only runs of known statuses are listed.
        return watch in self._watches and watch.run.known and not watch.missing and watch.due < math.inf

    def _saw_listed(self, watch: Watch, status: str) -> None:
        if not self._is_listed(watch):
            return
        watch.seen = True
        if status != watch.run.status:
            watch.run = replace(watch.run, status=sys.intern(status))
            watch.changed.set()
        elif self._is_silent(watch):
            watch.changed.set()
        seconds = self._interval(watch)
        # Next time many may have ended, and GetRun for each takes time.
        lead = max(self._lead, min(len(self._watches) / self._client.pace.rate, seconds * _RESERVE))
        self._plan(watch, max(jittered(seconds) - lead, seconds / 2))


def _fail(watch: Watch, error: Exception) -> None:
    watch.error = error
    watch.due = math.inf
    watch.changed.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
