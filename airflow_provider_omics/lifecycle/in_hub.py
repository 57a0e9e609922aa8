# SPDX-License-Identifier: Apache-2.0
"""The driver of an attempt in a triggerer: calls within the hub's rate limits, StartRun in its start queue."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_omics.exceptions import OmicsError, StartRunConflictError, StartRunRefusedError
from airflow_provider_omics.lifecycle.attempt import attempt, next_run_follows, why_started
from airflow_provider_omics.lifecycle.calls import Pause, answered_later
from airflow_provider_omics.lifecycle.claim import NOT_NOW_SECONDS, NotNowError
from airflow_provider_omics.lifecycle.protocol import (
    GiveUp,
    LookAt,
    LookUp,
    NoRun,
    Record,
    Show,
    Start,
    Wait,
    Write,
)
from airflow_provider_omics.lifecycle.start_calls import StartCalls
from airflow_provider_omics.lifecycle.start_times import LATE_SECONDS
from airflow_provider_omics.lifecycle.submissions import LISTING_SECONDS, LOOK_AGAIN
from airflow_provider_omics.polling.pacing import WARN_EVERY, Reminder, back_off

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.attempt import Answer
    from airflow_provider_omics.lifecycle.calls import Call, Calls
    from airflow_provider_omics.lifecycle.claim import Claim
    from airflow_provider_omics.lifecycle.protocol import Action, Fail, Known, Succeed, Verdict
    from airflow_provider_omics.lifecycle.run_submissions import RunSubmissions
    from airflow_provider_omics.lifecycle.start_calls import Place
    from airflow_provider_omics.lifecycle.start_times import StartTimes
    from airflow_provider_omics.polling.hub import Hub
    from airflow_provider_omics.records.run import Run

    T = TypeVar("T")

log = logging.getLogger(__name__)


class HubDriver:
    """
    Does the actions of one attempt.

    :param hub: the hub of the connection.
    :param submissions: the StartRun requests of the intention.
    :param claim: checks that the task waits for this trigger.
    :param place: account and Region of the run.
    :param times: until when to look for a run, and to start one.
    :param show: pushes a run's XComs and links.
    :param say: logs a line here and, later, in the worker.
    :param wait: waits for the end of a run that is STOPPING.
    """

    def __init__(
        self,
        hub: Hub,
        submissions: RunSubmissions,
        claim: Claim,
        place: Place,
        times: StartTimes,
        *,
        show: Callable[[Run], Awaitable[None]],
        say: Callable[[str], None],
        wait: Callable[[Run], Awaitable[Run]],
    ) -> None:
        self.hub = hub
        self.submissions = submissions
        self._claim = claim
        self._place = place
        self.starts = StartCalls(submissions, place, say)
        self._show = show
        self._say = say
        self._wait = wait
        self.times = times
        self._shown: str | None = None
        # The last answer of StartRun; whether a look-up was not answered in time; and whether the marker of an earlier
        # process has been read.
        self._answer: Run | NoRun | None = None
        self._looked_in_vain = self._looked_at_earlier = False
        self._reminder = Reminder(WARN_EVERY)
        self._faults = 0
        self._logged = ""

    async def carry_out(self, known: Known[Run]) -> Wait[Run] | Succeed[Run] | Fail[Run]:
        """
        Return the verdict.

        :param known: what the worker knew.
        :raises StartRunRefusedError: if StartRun is refused or not answered for too long.
        :raises StartRunConflictError: after a 409, if the run is not found.
        """
        until = max(self.times.until, time.time() + LATE_SECONDS)
        actions = attempt(await self._in_time(self._after_others(known), until))
        answer: Answer[Run] = None
        while True:
            try:
                action = actions.send(answer)
            except StopIteration as done:
                verdict: Verdict[Run] = done.value
                break
            answer = await self._do(action)
        if isinstance(verdict, GiveUp):
            raise self.submissions.taken(verdict.submission)
        return verdict

    async def _after_others(self, known: Known[Run]) -> Known[Run]:
        """Add to what is known the marker and the run of an earlier process of this attempt."""
        earlier = await self._claim.earlier(retry=known.retry)
        self._looked_at_earlier = True
        if earlier is None:
            # Without its marker this process starts nothing; an earlier one may have started the run.
            return replace(known, retry=True, asked=0, since=0.0) if self._claim.marker_is_lost else known
        marker, run = earlier
        if marker.submission is None:
            self._shown = run.uuid if run else None
            return known
        self.starts.take_over(marker.submission)
        self.times.begin_late()
        self._answer, self._shown = run, run.uuid if run else marker.over
        record = Record(marker.submission, run)
        return replace(known, retry=True, asked=marker.submission, since=marker.since, record=record)

    async def _do(self, action: Action[Run]) -> Answer[Run]:  # noqa: C901 - a case for each action
        until = self.times.may_look_until
        match action:
            case LookAt(run):
                look = self._call(lambda hook: self.submissions.look_at(hook, run))
                return await self._in_time(look, self.times.may_wait_until if run is self._answer else until)
            case LookUp(submission):
                # After a 409 there is a run, and the look-up ends by itself when it is not found.
                up_to = until if submission is None else self.times.may_wait_until
                return await self._in_time(self._answered(self.submissions.look_up(submission)), up_to)
            case Start() as start:
                of = self.submissions
                why = why_started(start, operation=of.operation, what=of.what, key=of.key)
                if why != self._logged:  # Not again each minute, for a day.
                    self._logged = why
                    self._say(why)
                self._answer = answer = await self._start(start.submission)
                return answer
            case Write(record) if record.run is None or record.adopted:
                since, over = (0.0, None) if record.adopted else (record.since, self._shown)
                written = await self._in_time(self._claim.write(record.submission, since, over), until)
                return None if written else NoRun.UNANSWERED
            case Show(run, own):
                if run.uuid != self._shown:
                    self._shown = run.uuid
                    await self._show(run)
                if own is not None:
                    self._say(self.submissions.said_of(run, own=own))
            case Wait(run):
                run = await self._wait(run)
                if not run.succeeded:
                    self._say(next_run_follows(run))
                    self.times.begin_anew()
                return run
        return None

    # --- looking ---

    async def _answered(self, calls: Calls[T]) -> T:
        """Return the result of several calls."""

        async def answer(call: Call) -> object:
            return await (asyncio.sleep(call.seconds) if isinstance(call, Pause) else self._call(call))

        return await answered_later(calls, answer)

    async def _call(self, call: Callable[[OmicsHook], T]) -> T:
        why = self.starts.why

        def noted(hook: OmicsHook) -> T:
            nonlocal why
            try:
                self._place.check(hook)
                return call(hook)
            except Exception as error:
                why = error
                raise

        what = f"The look-up of a run with requestId {self.submissions.request_id(0)} failed"
        try:
            return await self.hub.repeat(noted, what)
        except asyncio.CancelledError:  # The time is up.
            self._looked_in_vain, self.starts.why = True, why
            raise

    async def _in_time(self, doing: Awaitable[T], until: float | None) -> T:
        """Await something until a time; then raise why no run was started."""
        try:
            async with asyncio.timeout(None if until is None else max(0.0, until - time.time())) as limit:
                return await doing
        except TimeoutError:
            if not limit.expired():  # It is the network's.
                raise
            raise self._too_late() from self.starts.why

    def _too_late(self) -> OmicsError:
        """Return the error that no run was started in time."""
        from airflow_provider_omics.aws.errors import is_quota_exceeded, is_refused  # noqa: PLC0415 - already imported, in a thread

        starts = self.starts
        # If StartRun, or the look-up, was not answered, it is not known whether there is a run.
        unknown = starts.unanswered or self._looked_in_vain
        if self._claim.blocked_by and not unknown:
            return OmicsError(f"No run was started in time, and a retry tries again: {self._claim.blocked_by}")
        if starts.why is None:
            return StartRunRefusedError("the start queue was too long", full=None if unknown else False)
        full = is_quota_exceeded(starts.why) if is_refused(starts.why) and not unknown else None
        return StartRunRefusedError(str(starts.why), starts.refusals, full=full)

    # --- starting ---

    async def _start(self, submission: int) -> Run | NoRun:
        """Call StartRun through the start queue."""
        self.starts.begin()
        loop = asyncio.get_running_loop()

        async def ready() -> None:
            await self._claim.check()
            if until := self.times.first_call():
                limit.reschedule(loop.time() + until - time.time())

        def refused(error: Exception) -> None:
            self.starts.note_refusal(error)
            limit.reschedule(loop.time() + self.times.until - time.time())

        starting = self.hub.starts.start(lambda hook: self.starts.send(hook, submission), ready=ready, refused=refused)
        try:
            async with asyncio.timeout(max(0.0, self.times.may_start_until - time.time())) as limit:
                return await starting
        except StartRunConflictError as error:
            self.starts.note_fault(error)
            self._say(str(error))
            return NoRun.CONFLICT
        except NotNowError as error:
            self._remind(f"{error}: StartRun is not called")
            await self._in_time(asyncio.sleep(NOT_NOW_SECONDS), self.times.may_start_until)
        except Exception as error:
            if limit.expired():
                # A call that is under way may be answered in a moment; no other one is sent.
                self.starts.end()
                if run := await self.starts.settled():
                    return run
                raise self._too_late() from self.starts.why
            if not self.hub.client.should_retry(error, self._faults):
                raise
            self.starts.note_fault(error)
            self._faults += 1
            self._remind(f"StartRun was not answered; a look-up follows, then StartRun again: {error}")
            await self._in_time(asyncio.sleep(back_off(self._faults)), self.times.until)
        return NoRun.UNANSWERED

    def _remind(self, line: str) -> None:
        """Log a line for the worker, too, but not more often than once in ten minutes."""
        if self._reminder.due(time.monotonic()):
            self._say(line)
        else:
            log.info("%s", line)

    # --- ending ---

    async def to_cancel(self, *, looks_back: bool) -> Run | str:
        """
        Return the run to cancel after the task was ended, or a text that says why there is none.

        :param looks_back: whether an earlier try may have started one.
        :raises OmicsError: if a StartRun was not answered, and no look-up finds its run.
        """
        starts = self.starts
        starts.end()
        if run := await starts.settled():
            return run
        # If the marker was not read yet, an earlier process may have called StartRun.
        if starts.asked is None and not looks_back and self._looked_at_earlier:
            return "it has started no run"
        until = time.monotonic() + LISTING_SECONDS
        while True:
            newest = (await self._answered(self.submissions.newest())).newest
            if newest is not None and newest.submission >= (starts.asked or 0):
                return newest.run
            if starts.asked is not None and not self.submissions.finds_runs:
                request_id = self.submissions.request_id(starts.asked)
                raise OmicsError(f"StartRun with requestId {request_id} was not answered, and its run cannot be found")
            if starts.asked is None or time.monotonic() >= until:
                return "it has started no run"
            await asyncio.sleep(LOOK_AGAIN)
