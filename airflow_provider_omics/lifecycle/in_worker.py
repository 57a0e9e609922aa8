# SPDX-License-Identifier: Apache-2.0
"""Carry an attempt out in a worker: one call after the other, with a new client after each fault."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Generic, cast

from airflow_provider_omics.aws.errors import is_refused
from airflow_provider_omics.exceptions import OmicsError, StartRunConflictError
from airflow_provider_omics.lifecycle.attempt import attempt, next_run_follows
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
from airflow_provider_omics.polling.pacing import WARN_EVERY, Reminder

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.attempt import Answer
    from airflow_provider_omics.lifecycle.calls import Call, Calls
    from airflow_provider_omics.lifecycle.protocol import Action, Fail, Succeed, Verdict
    from airflow_provider_omics.lifecycle.retry_policy import RetryPolicy
    from airflow_provider_omics.lifecycle.submissions import Submissions

log = logging.getLogger(__name__)


class WorkerDriver(Generic[R]):
    """
    Carries one attempt out.

    :param submissions: the requests of the intention.
    :param hooks: returns a new hook, and one for starting alone, which repeats nothing.
    :param retry_policy: returns how often and how long HealthOmics is asked from now on.
    :param show: shows a run to people and to tasks downstream; says whether it is the attempt's own, if that is known.
    :param is_killed: tells whether somebody has ended the task's process, so that nothing is started any more.
    :param wait: waits for the end of a run that is dying; without it the attempt ends with the verdict to do so.
    """

    def __init__(
        self,
        submissions: Submissions[R],
        hooks: Callable[[], tuple[OmicsHook, OmicsHook]],
        retry_policy: Callable[[], RetryPolicy],
        *,
        show: Callable[[R, bool | None], None],
        is_killed: Callable[[], bool] = lambda: False,
        wait: Callable[[R], R] | None = None,
    ) -> None:
        self.submissions = submissions
        self._hooks = hooks
        self.hook, self.starter = hooks()
        self._new_policy = retry_policy
        self._retry_policy = retry_policy()
        self._show = show
        self._is_killed = is_killed
        self._wait = wait
        self._warning = Reminder(WARN_EVERY)
        # The submission that StartRun was last asked for; None if no run can have come of it.
        self.asked: int | None = None
        self._unanswered = False

    def carry_out(self, known: Known[R]) -> Wait[R] | Succeed[R] | Fail[R]:
        """
        Return the verdict.

        :raises StartRunRefusedError: if HealthOmics refuses, or does not answer, for too long.
        :raises StartRunConflictError: if it says that the run exists, and does not list it.
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

    def _do(self, action: Action[R]) -> Answer[R]:
        match action:
            case LookAt(run):
                return self._call(lambda hook: self.submissions.get_run(hook, run))
            case LookUp(submission):
                return self.look_up(submission)
            case Start(submission, why):
                log.info("%s", why)
                return self._start(submission)
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
        """Make a call about what may exist, again after each fault that passes."""
        while True:
            try:
                return cast("R", call(self.hook))
            except Exception as error:  # noqa: BLE001 - what does not pass is raised again
                self._recover(error)

    def _recover(self, error: Exception) -> None:
        """Go on with new clients after a pause; raise what does not pass."""
        pause = self._retry_policy.pause(error)
        log.log(self._warning.level(time.monotonic()), "Going on in %.1f s with a new client: %s", pause, error)
        time.sleep(pause)
        self.hook, self.starter = self._hooks()

    def _start(self, submission: int) -> R | NoRun:
        """Ask for a run, again while HealthOmics refuses: it knows the requestId."""
        of = self.submissions
        log.info("%s with %s %s", of.operation, of.key, of.request_id(submission))
        while True:
            if self._is_killed():
                raise OmicsError(f"The task was killed before it could start a {of.what}: nothing was started")
            self.asked = submission
            try:
                return of.submit(self.starter, submission)
            except StartRunConflictError as error:
                log.warning("%s", error)
                return NoRun.CONFLICT
            except Exception as error:  # noqa: BLE001 - what does not pass is raised again
                if not is_refused(error):
                    self._recover(error)
                    self._unanswered = True
                    return NoRun.UNANSWERED
                if not self._unanswered:
                    self.asked = None  # This is an answer, and none was lost before.
                pause = self._retry_policy.pause(error)
                log.info("%s is asked again in %.1f s: %s", of.operation, pause, error)
                time.sleep(pause)
