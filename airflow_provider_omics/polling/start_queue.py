# SPDX-License-Identifier: Apache-2.0
"""The queue at StartRun: each request in its turn, at the pace of the quota, and its caller asked just before."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final, TypeVar, cast

from airflow_provider_omics.polling.account_room import FULL_SECONDS, AccountRoom
from airflow_provider_omics.polling.start_place import Attempt, Place

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.polling.client import Client
    from airflow_provider_omics.polling.start_pace import PacedCall, StartPace

T = TypeVar("T")

# Seconds that a caller takes to answer, as long as nothing is known of it, and at most; and a little more.
_LEAD: Final = 0.3
_MOST_LEAD: Final = 1.0
_MARGIN: Final = 0.02
# Which share of a long answer is still expected after a short one.
_KEEP: Final = 0.9
# How many wait for their caller, for the time, or for an answer.
_MOST_NEAR: Final = 12
# How often one behind others looks whether they take too long.
_LOOK: Final = 0.25


class StartQueue:
    """
    Has the callers of one connection start their runs, in the order of asking.

    :param client: makes the calls.
    :param pace: tells how often.
    :param at_once: how many calls may be under way.
    """

    def __init__(self, client: Client, pace: StartPace, *, at_once: int) -> None:
        self._client = client
        self._pace = pace
        self._at_once = at_once
        self._numbers = count()
        # Only the first few come inside, in the order of asking; the others need not be looked at.
        self._near = asyncio.Semaphore(_MOST_NEAR)
        self._inside: list[Place] = []
        self._under_way = 0
        self._lead = _LEAD
        self._room = AccountRoom()
        self._changed = asyncio.Event()

    async def start(
        self,
        call: Callable[[OmicsHook], T],
        *,
        ready: Callable[[], Awaitable[None]],
        refused: Callable[[Exception], None],
        left: Callable[[asyncio.Task[T]], None] | None = None,
    ) -> T:
        """
        Start a run when its turn has come, and again as long as StartRun refuses; return the answer.

        What ``ready`` or ``call`` raises besides ends it. A caller that is cancelled has left the queue; only a call
        that was sent by then goes on.

        :param call: calls StartRun, in a thread.
        :param ready: is awaited just before each call, and may raise.
        :param refused: is told of each refusal.
        :param left: is given the task of the call if the caller is cancelled while that goes on.
        """
        await self._client.connect()
        request = next(self._numbers)
        while True:
            async with self._near:
                place = Place(next(self._numbers), request)
                self._inside.append(place)
                try:
                    return await self._until_told(place, call, ready, refused, left)
                except Exception as error:
                    if not place.had_no_room:
                        raise
                    refused(error)
                finally:
                    self._leave(place)
            await asyncio.sleep(FULL_SECONDS)

    def close(self) -> None:
        """Let go of the client."""
        self._client.close()

    def _leave(self, place: Place) -> None:
        place.given_up = True
        if place in self._inside:
            self._inside.remove(place)
        self._wake()

    async def _until_told(
        self,
        place: Place,
        call: Callable[[OmicsHook], T],
        ready: Callable[[], Awaitable[None]],
        refused: Callable[[Exception], None],
        left: Callable[[asyncio.Task[T]], None] | None,
    ) -> T:
        """Call until the answer is not that there are too many calls."""
        while True:
            await self._come_first(place, ready)
            attempt = Attempt(call, place.ready_at)
            task = self._send(place, attempt)
            try:
                answer = await asyncio.shield(task)
            except asyncio.CancelledError:
                if not attempt.take_back() and left is not None:
                    left(cast("asyncio.Task[T]", task))
                raise
            except Exception as error:
                if place not in self._inside:
                    raise
                refused(error)
            else:
                if attempt.sent:
                    return cast("T", answer)

    async def _come_first(self, place: Place, ready: Callable[[], Awaitable[None]]) -> None:
        """Wait until this request may be sent, its caller having been asked just before."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            before = [it for it in self._inside if it.number < place.number and not it.waits_for_caller(now)]
            due, fresh = self._until_due(now), place.fresh(now)
            if self._under_way >= self._at_once:
                await self._wait(None)
            elif fresh and not before and not due:
                return
            elif fresh:
                await self._wait(min(fresh, _LOOK if before else due))
            elif seconds := self._until_asked(before, now):
                await self._wait(min(seconds, _LOOK) if before else seconds)
            else:
                # A call does not wait for a client any more, only for the time.
                await self._client.connect()
                place.ask(loop.time())
                await ready()
                took = place.answer(loop.time())
                self._lead = min(_MOST_LEAD, max(took, self._lead * _KEEP))
                self._wake()

    def _send(self, place: Place, attempt: Attempt[T]) -> asyncio.Task[T | None]:
        now = asyncio.get_running_loop().time()
        paced = self._pace.spend(now)
        self._client.budget.spend(now)
        self._room.spend(now)
        self._inside.remove(place)
        place.forget()
        self._under_way += 1
        # Its own task goes on if the caller is cancelled, and what is logged in it is the caller's.
        task = asyncio.get_running_loop().create_task(self._client.call(attempt))
        task.add_done_callback(partial(self._learn, place, attempt, paced))
        self._wake()
        return task

    def _learn(self, place: Place, attempt: Attempt[T], paced: PacedCall, task: asyncio.Task[T | None]) -> None:
        """Learn from an answer, before anyone else goes on."""
        from airflow_provider_omics.aws.errors import is_full, is_throttled  # noqa: PLC0415 - imported in a thread

        now = asyncio.get_running_loop().time()
        self._under_way -= 1
        gone = task.cancelled()
        error = None if gone else task.exception()
        again = False
        if gone or not attempt.sent:
            self._pace.unknown(paced, now)
            again = not gone and error is None
        elif error is None:
            self._pace.started(paced, now)
            self._room.some()
        elif again := is_throttled(error):
            self._pace.refused(paced, now)
            self._room.unknown(now)
        else:
            self._pace.unknown(paced, now)
            if is_full(error):
                place.had_no_room = True
                self._room.none_for(place.request, now)
        if again and not place.given_up:
            # It is the next one again, as its number says.
            self._inside.append(place)
        self._wake()

    def _until_due(self, now: float) -> float:
        """Return the seconds until the next call may be sent."""
        return max(self._pace.pause(now), self._until_open(now))

    def _until_asked(self, before: list[Place], now: float) -> float:
        """Return the seconds until a caller should be asked, if these go before it."""
        due = now + max(self._pace.soonest(now), self._until_open(now))
        gap = FULL_SECONDS if self._room.is_full else self._pace.gap
        for place in sorted(before, key=lambda it: it.number):
            due = max(due, place.expected(now, self._lead)) + gap
        return max(0.0, due - now - self._lead - _MARGIN)

    def _until_open(self, now: float) -> float:
        budget = self._client.budget
        # While there is no answer, one call at a time asks whether there is one again.
        away = budget.pause(now) if budget.faults > 1 else 0.0
        return max(away, self._room.pause(now))

    def _wake(self) -> None:
        """Have those inside look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait(self, seconds: float | None) -> None:
        changed = self._changed
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await changed.wait()
