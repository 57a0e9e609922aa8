# SPDX-License-Identifier: Apache-2.0
"""The start queue: calls StartRun for one request after the other, at the pace of the quota."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final, TypeVar, cast

from airflow_provider_omics.polling.account_quota import FULL_SECONDS, AccountQuota
from airflow_provider_omics.polling.queued_request import QueuedCall, QueuedRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.polling.client import Client
    from airflow_provider_omics.polling.start_pace import PacedCall, StartPace

T = TypeVar("T")

# Expected seconds of a caller's check: at first, at most, and a margin.
_LEAD: Final = 0.3
_MOST_LEAD: Final = 1.0
_MARGIN: Final = 0.02
# After a shorter check, this share of the expected time is kept.
_KEEP: Final = 0.9
# How many requests at the head of the queue are handled at once.
_MOST_NEAR: Final = 12
# Seconds after which a request checks again whether those before it take too long.
_CHECK_AGAIN: Final = 0.25


class StartQueue:
    """
    Starts the runs of one connection, first come, first served.

    :param client: makes the calls.
    :param pace: decides how often.
    :param at_once: how many calls may be under way.
    """

    def __init__(self, client: Client, pace: StartPace, *, at_once: int) -> None:
        self._client = client
        self._pace = pace
        self._at_once = at_once
        self._numbers = count()
        # Only the first few requests are inside, in order.
        self._near = asyncio.Semaphore(_MOST_NEAR)
        self._inside: list[QueuedRequest] = []
        self._under_way = 0
        self._lead = _LEAD
        self._quota = AccountQuota()
        self._changed = asyncio.Event()

    async def start(
        self,
        call: Callable[[OmicsHook], T],
        *,
        ready: Callable[[], Awaitable[None]],
        refused: Callable[[Exception], None],
    ) -> T:
        """
        Start a run when it is its turn, and again after each refusal; return the answer.

        Any other error of ``ready`` or ``call`` is raised. A caller that is cancelled leaves the queue; only a call
        that was sent before continues.

        :param call: calls StartRun, in a thread.
        :param ready: the caller's check, which is awaited just before each call, and may raise.
        :param refused: is called with each refusal.
        """
        await self._client.connect()
        request = next(self._numbers)
        while True:
            async with self._near:
                queued = QueuedRequest(next(self._numbers), request)
                self._inside.append(queued)
                try:
                    return await self._call_until_answered(queued, call, ready, refused)
                except Exception as error:
                    if not queued.exceeded_quota:
                        raise
                    refused(error)
                finally:
                    self._leave(queued)
            await asyncio.sleep(FULL_SECONDS)

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _leave(self, queued: QueuedRequest) -> None:
        queued.given_up = True
        if queued in self._inside:
            self._inside.remove(queued)
        self._wake()

    async def _call_until_answered(
        self,
        queued: QueuedRequest,
        call: Callable[[OmicsHook], T],
        ready: Callable[[], Awaitable[None]],
        refused: Callable[[Exception], None],
    ) -> T:
        """Call until the call is not throttled."""
        while True:
            await self._come_first(queued, ready)
            queued_call = QueuedCall(call, queued.ready_at)
            task = self._send(queued, queued_call)
            try:
                answer = await asyncio.shield(task)
            except asyncio.CancelledError:
                queued_call.withdraw()
                raise
            except Exception as error:
                if queued not in self._inside:
                    raise
                refused(error)
            else:
                if queued_call.sent:
                    return cast("T", answer)

    async def _come_first(self, queued: QueuedRequest, ready: Callable[[], Awaitable[None]]) -> None:
        """Wait until this request may be sent, with a check of its caller just before."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            before = [it for it in self._inside if it.number < queued.number and not it.waits_for_caller(now)]
            due, fresh = self._until_due(now), queued.fresh(now)
            if self._under_way >= self._at_once:
                await self._wait(None)
            elif fresh and not before and not due:
                return
            elif fresh:
                await self._wait(min(fresh, _CHECK_AGAIN if before else due))
            elif seconds := self._until_asked(before, now):
                await self._wait(min(seconds, _CHECK_AGAIN) if before else seconds)
            else:
                # Make the client before the check, so that the call does not wait for it.
                await self._client.connect()
                queued.ask(loop.time())
                await ready()
                took = queued.answer(loop.time())
                self._lead = min(_MOST_LEAD, max(took, self._lead * _KEEP))
                self._wake()

    def _send(self, queued: QueuedRequest, queued_call: QueuedCall[T]) -> asyncio.Task[T | None]:
        now = asyncio.get_running_loop().time()
        paced = self._pace.note_call(now)
        self._client.pace.note_call(now)
        self._quota.note_call(now)
        self._inside.remove(queued)
        queued.forget()
        self._under_way += 1
        # A task of its own, which continues if the caller is cancelled, and logs in the caller's log.
        task = asyncio.get_running_loop().create_task(self._client.call(queued_call))
        task.add_done_callback(partial(self._learn, queued, queued_call, paced))
        self._wake()
        return task

    def _learn(
        self, queued: QueuedRequest, queued_call: QueuedCall[T], paced: PacedCall, task: asyncio.Task[T | None]
    ) -> None:
        """Note an answer, before any other request continues."""
        from airflow_provider_omics.aws.errors import is_quota_exceeded, is_throttled  # noqa: PLC0415 - imported in a thread

        now = asyncio.get_running_loop().time()
        self._under_way -= 1
        gone = task.cancelled()
        error = None if gone else task.exception()
        again = False
        if gone or not queued_call.sent:
            self._pace.unknown(paced, now)
            again = not gone and error is None
        elif error is None:
            self._pace.started(paced, now)
            self._quota.started()
        elif again := is_throttled(error):
            self._pace.refused(paced, now)
            self._quota.unknown(now)
        else:
            self._pace.unknown(paced, now)
            if is_quota_exceeded(error):
                queued.exceeded_quota = True
                self._quota.exceeded_by(queued.request, now)
        if again and not queued.given_up:
            # It is the next one again, as it keeps its number.
            self._inside.append(queued)
        self._wake()

    def _until_due(self, now: float) -> float:
        """Return the seconds until the next call may be sent."""
        return max(self._pace.pause(now), self._until_open(now))

    def _until_asked(self, before: list[QueuedRequest], now: float) -> float:
        """Return the seconds until a caller should be checked, if these requests go first."""
        due = now + max(self._pace.soonest(now), self._until_open(now))
        gap = FULL_SECONDS if self._quota.is_full else self._pace.gap
        for queued in sorted(before, key=lambda it: it.number):
            due = max(due, queued.expected(now, self._lead)) + gap
        return max(0.0, due - now - self._lead - _MARGIN)

    def _until_open(self, now: float) -> float:
        pace = self._client.pace
        # While HealthOmics does not answer, one call is made at a time.
        unanswered = pace.pause(now) if pace.faults > 1 else 0.0
        return max(unanswered, self._quota.pause(now))

    def _wake(self) -> None:
        """Let the requests inside check again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait(self, seconds: float | None) -> None:
        changed = self._changed
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await changed.wait()
