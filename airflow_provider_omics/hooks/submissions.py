# SPDX-License-Identifier: Apache-2.0
"""What an attempt asks of HealthOmics, whatever it is that it wants once: a run, or a job of a sequence store."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, Generic

from botocore.exceptions import ClientError

from airflow_provider_omics.aws.errors import is_denied, is_refused, is_stale
from airflow_provider_omics.core.attempt import pursue
from airflow_provider_omics.core.protocol import R
from airflow_provider_omics.exceptions import StartRunConflictError, StartRunRefusedError
from airflow_provider_omics.hooks.retry_policy import RetryPolicy
from airflow_provider_omics.polling.pacing import WARN_EVERY, Reminder

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.core.intention import Intention
    from airflow_provider_omics.core.protocol import ExistingRun, Known, Record, Verdict
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.request.documents import JsonValue

log = logging.getLogger(__name__)
# Seconds for which a run that must exist is looked for: as long as a new run may take to be listed.
LISTING_SECONDS: Final = 120.0
LOOK_AGAIN: Final = 5.0


def pursue_renewing(
    known: Known[R], service: Submissions[R], hooks: Callable[[], tuple[OmicsHook, OmicsHook]]
) -> Verdict[R]:
    """
    Go on until there is a verdict, with a new client, and the connection as it is then, after each fault that passes.

    :param hooks: returns a new hook, and a new one for starting alone.
    """
    # Whatever there is of the intention is this attempt's, also when it looks again with a new client.
    service.is_first = service.is_first or not (known.retry or known.own_request_id)
    warning = Reminder(WARN_EVERY)
    while True:
        try:
            return pursue(known, service)
        except StartRunRefusedError:
            raise
        except Exception as error:  # noqa: BLE001 - what does not pass is raised again
            pause = service.retry_policy.pause(error)
            log.log(warning.level(time.monotonic()), "Going on in %.1f s with a new client: %s", pause, error)
            time.sleep(pause)
            service.renew(*hooks())
            known = replace(known, retry=True)


class Submissions(ABC, Generic[R]):
    """
    What an attempt asks of HealthOmics to find or start what it wants once, be it a run or a job.

    :param hook: a hook of this attempt's own, which notes when HealthOmics first answered it.
    :param intention: whose run or job it is.
    :param own_request_id: the caller's own token, if it chose one.
    :param starter: another hook, for starting alone, which repeats nothing; by default ``hook``.
    :param retry_policy: how often and how long HealthOmics is asked to start it.
    :param began: when HealthOmics first answered this attempt, if that was before this process, in epoch seconds.
    :param starting: the submission that this attempt has asked for before this process, if its answer was lost.
    :param is_first: whether nothing of the intention is older than this attempt.
    :param may_start: called before each start; raises when nothing may be started any more.
    :param started: called with each answer, before anything else is asked.
    """

    # The operation, what it starts, and the member that makes it idempotent, for people.
    operation: ClassVar[str]
    what: ClassVar[str]
    key: ClassVar[str]

    def __init__(
        self,
        hook: OmicsHook,
        intention: Intention,
        own_request_id: JsonValue,
        *,
        starter: OmicsHook | None = None,
        retry_policy: RetryPolicy | None = None,
        began: float | None = None,
        starting: int | None = None,
        is_first: bool = False,
        may_start: Callable[[], None] = lambda: None,
        started: Callable[[R], None] = lambda _run: None,
    ) -> None:
        self.hook = hook
        self.intention = intention
        self.starter = starter or hook
        self._own_request_id = own_request_id
        self.retry_policy = retry_policy or RetryPolicy()
        self._began = began
        self._may_start = may_start
        self._started = started
        self.starting = starting
        self.is_first = is_first

    def request_id(self, submission: int) -> str:
        """Return the requestId of a submission."""
        return str(self._own_request_id or self.intention.request_id(submission))

    def way_out(self, argument: str) -> str:
        """Say what else helps when a token is taken by what nothing finds: a clear changes a token that is derived."""
        return f"another {argument} starts anew" if self._own_request_id else "a clear of the task starts anew"

    @abstractmethod
    def submit(self, submission: int) -> R:
        """Ask once for the run of a submission; StartRunConflictError if HealthOmics answers 409."""

    @abstractmethod
    def newest(self, hook: OmicsHook) -> ExistingRun[R] | None:
        """Look once for the newest run of the intention."""

    @abstractmethod
    def get_run(self, run: R) -> R:
        """Ask how it is now."""

    def write(self, record: Record[R]) -> None:
        """Keep nothing."""

    def look_up(self, at_least: int | None) -> ExistingRun[R] | None:
        """Return the intention's newest run, looked for as long as it may take to be listed if it must exist."""
        until = time.monotonic() + LISTING_SECONDS
        while True:
            # When the look begins: a process that then stands still has not looked for as long as it seems.
            looked = time.monotonic()
            try:
                found = self.newest(self.hook)
            except ClientError as error:
                if not is_denied(error):
                    raise
                log.warning("A retry may not look for its %s, and relies on the %s: %s", self.what, self.key, error)
                return None
            if at_least is None or (found is not None and found.submission >= at_least):
                return found
            if looked >= until:
                return None
            log.info(
                "The %s of %s %s is not listed yet, looking again",
                self.what,
                self.key,
                self.request_id(at_least),
            )
            time.sleep(LOOK_AGAIN)

    def start_run(self, submission: int) -> R | None:
        """Ask for it, again as the retry policy says: HealthOmics knows the requestId."""
        log.info("%s with %s %s", self.operation, self.key, self.request_id(submission))
        while True:
            self._may_start()
            self.retry_policy.check()
            self.starting = submission
            try:
                run = self.submit(submission)
            except StartRunConflictError as error:
                log.warning("%s", error)
                return None
            except Exception as error:
                if is_stale(error):
                    raise  # It takes a new client.
                if is_refused(error) and not self.retry_policy.faults:
                    self.starting = None  # Nothing is under way: this is an answer, and none was lost before.
                pause = self.retry_policy.pause(error)
                log.info("%s is asked again in %.1f s: %s", self.operation, pause, error)
                time.sleep(pause)
            else:
                self._started(run)
                return run

    def created_here(self, run: R) -> bool:
        """Compare the run's creation with HealthOmics' first answer to this attempt."""
        if self.is_first:
            return True
        first = self.first_answer
        return run.creation_time is not None and first is not None and run.creation_time >= first

    @property
    def first_answer(self) -> float | None:
        """When HealthOmics first answered this attempt, by its own clock, in epoch seconds."""
        answers = (self._began, self.hook.first_answer, self.starter.first_answer)
        return min((answer for answer in answers if answer is not None), default=None)

    def renew(self, hook: OmicsHook, starter: OmicsHook) -> None:
        """Go on with hooks that have new credentials."""
        self._began = self.first_answer
        self.hook, self.starter = hook, starter
