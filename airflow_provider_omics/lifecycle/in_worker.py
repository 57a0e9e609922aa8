# SPDX-License-Identifier: Apache-2.0
"""The driver of an attempt in a worker: one call after the other, with a new client after each transient error."""

from __future__ import annotations

import logging
import time
from functools import cached_property
from typing import TYPE_CHECKING, Final, Generic, cast

from airflow_provider_omics.aws.errors import is_quota_exceeded, is_refused, is_transient
from airflow_provider_omics.aws.hook_params import ONE_ATTEMPT
from airflow_provider_omics.exceptions import OmicsError, StartRunConflictError, StartRunRefusedError
from airflow_provider_omics.lifecycle.attempt import attempt, next_run_follows, why_started
from airflow_provider_omics.lifecycle.calls import Pause, answered
from airflow_provider_omics.lifecycle.protocol import (
    Found,
    GiveUp,
    Known,
    LookAt,
    LookUp,
    NoRun,
    R,
    Show,
    Start,
    Wait,
    Write,
)
from airflow_provider_omics.polling.account_quota import FULL_SECONDS
from airflow_provider_omics.polling.pacing import WARN_EVERY, Reminder, back_off

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.attempt import Answer
    from airflow_provider_omics.lifecycle.calls import Call, Calls
    from airflow_provider_omics.lifecycle.protocol import Action, Fail, Succeed, Verdict
    from airflow_provider_omics.lifecycle.submissions import Submissions

log = logging.getLogger(__name__)
# Some minutes without an answer; after that a deferrable task waits in the triggerer.
_MAX_FAULTS: Final = 10


class RetryPolicy:
    """
    When an attempt in its worker repeats StartRun, by the answers so far.

    :param until: until when to repeat it, in epoch seconds; None repeats it after a few transient errors, and not after
        a refusal.
    """

    def __init__(self, until: float | None = None) -> None:
        self._until = until
        self._faults = 0
        self._refusals = 0

    def pause(self, error: Exception) -> float:
        """
        Return the seconds before the next call; raise any error that is neither a refusal nor transient.

        :raises StartRunRefusedError: if StartRun is refused or not answered for longer than this task may wait here.
        """
        if is_refused(error):
            return self._after_refusal(error, full=is_quota_exceeded(error))
        if not is_transient(error):
            raise error
        self._faults += 1
        pause = back_off(self._faults)
        if self._faults > _MAX_FAULTS if self._until is None else time.time() + pause >= self._until:
            raise StartRunRefusedError(str(error), self._refusals, full=None) from error
        return pause

    def _after_refusal(self, error: Exception, *, full: bool) -> float:
        self._refusals += 1
        pause = FULL_SECONDS if full else back_off(self._refusals)
        if self._until is None or time.time() + pause >= self._until:
            raise StartRunRefusedError(str(error), self._refusals, full=full) from error
        return pause


class WorkerDriver(Generic[R]):
    """
    Does the actions of one attempt.

    :param submissions: the requests of the intention.
    :param new_hook: returns a new hook; its arguments win over those of ``botocore_config``.
    :param retry_policy: returns a new retry policy.
    :param show: pushes a run's XComs and links; its second argument is whether the run is the attempt's own, if known.
    :param is_killed: returns whether the task's process was told to end, so that nothing more is started.
    :param wait: waits for the end of a run that is STOPPING; if None, the attempt ends with the verdict to wait.
    """

    def __init__(
        self,
        submissions: Submissions[R],
        new_hook: Callable[..., OmicsHook],
        retry_policy: Callable[[], RetryPolicy],
        *,
        show: Callable[[R, bool | None], None],
        is_killed: Callable[[], bool] = lambda: False,
        wait: Callable[[R], R] | None = None,
    ) -> None:
        self.submissions = submissions
        self._new_hook = new_hook
        self.hook, self.starter = self._hooks()
        self._new_policy = retry_policy
        self._retry_policy = retry_policy()
        self._show = show
        self._is_killed = is_killed
        self._wait = wait
        # The submission of the last StartRun; None if it cannot have started a run.
        self.asked: int | None = None
        self._unanswered = False

    @cached_property
    def _warning(self) -> Reminder:
        return Reminder(WARN_EVERY)

    def carry_out(self, known: Known[R]) -> Wait[R] | Succeed[R] | Fail[R]:
        """
        Return the verdict.

        :raises StartRunRefusedError: if StartRun is refused or not answered for too long.
        :raises StartRunConflictError: after a 409, if the run is not found.
        """
        actions = attempt(known)
        answer: Answer[R] = None
        while True:
            try:
                action = actions.send(answer)
            except StopIteration as done:
                verdict: Verdict[R] = done.value
                break
            if isinstance(action, Wait) and self._wait is None:
                return action
            answer = self._do(action)
        if isinstance(verdict, GiveUp):
            raise self.submissions.taken(verdict.submission)
        return verdict

    def _hooks(self) -> tuple[OmicsHook, OmicsHook]:
        """Return a new hook, and one for StartRun, whose client does not retry: the retry policy does."""
        return self._new_hook(), self._new_hook(retries=ONE_ATTEMPT)

    def _do(self, action: Action[R]) -> Answer[R]:
        match action:
            case LookAt(run):
                return self._call(lambda hook: self.submissions.look_at(hook, run))
            case LookUp(submission):
                return self.look_up(submission)
            case Start() as start:
                of = self.submissions
                log.info("%s", why_started(start, operation=of.operation, what=of.what, key=of.key))
                return self._start(start.submission)
            case Write(record):
                self.submissions.write(record)
            case Show(run, own):
                self._show(run, own)
            case Wait(run) if self._wait:
                ended = self._wait(run)
                if not ended.succeeded:
                    log.info("%s", next_run_follows(ended))
                self._retry_policy = self._new_policy()
                return ended
        return None

    def look_up(self, at_least: int | None = None) -> Found[R]:
        """Look for the newest run of the intention."""
        return self._answered(self.submissions.look_up(at_least))

    def _answered(self, calls: Calls[Found[R]]) -> Found[R]:
        def answer(call: Call) -> object:
            if not isinstance(call, Pause):
                return self._call(call)
            time.sleep(call.seconds)
            return None

        return answered(calls, answer)

    def _call(self, call: Callable[[OmicsHook], object]) -> R:
        """Make a call, and repeat it after transient errors."""
        while True:
            try:
                return cast("R", call(self.hook))
            except Exception as error:  # noqa: BLE001 - _recover() raises it unless it is transient
                self._recover(error)

    def _recover(self, error: Exception) -> None:
        """After a transient error, pause and make new clients; raise any other error."""
        pause = self._retry_policy.pause(error)
        log.log(self._warning.level(time.monotonic()), "Trying again in %.1f s with a new client: %s", pause, error)
        time.sleep(pause)
        self.hook, self.starter = self._hooks()

    def _start(self, submission: int) -> R | NoRun:
        """Start a run, and repeat the call while it is refused: the requestId stays the same."""
        of = self.submissions
        log.info("%s with %s %s", of.operation, of.key, of.request_id(submission))
        while True:
            if self._is_killed():
                raise OmicsError(f"The process was told to end before it started a {of.what}: nothing was started")
            self.asked = submission
            try:
                return of.submit(self.starter, submission)
            except StartRunConflictError as error:
                log.warning("%s", error)
                return NoRun.CONFLICT
            except Exception as error:  # noqa: BLE001 - raised again unless it is transient
                if not is_refused(error):
                    self._recover(error)
                    self._unanswered = True
                    return NoRun.UNANSWERED
                if not self._unanswered:
                    self.asked = None  # A refusal starts no run, and no answer was lost before.
                pause = self._retry_policy.pause(error)
                log.info("%s is called again in %.1f s: %s", of.operation, pause, error)
                time.sleep(pause)
