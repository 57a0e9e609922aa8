# SPDX-License-Identifier: Apache-2.0
"""The StartRun calls of one attempt in the triggerer, each in a thread that cannot be interrupted."""

from __future__ import annotations

import asyncio
import concurrent.futures
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_omics.exceptions import StartRunRefusedError
from airflow_provider_omics.lifecycle.claim import NotNowError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.run_submissions import RunSubmissions
    from airflow_provider_omics.records.run import Run


@dataclass(frozen=True, slots=True)
class Place:
    """The account, None if STS did not return it, and the Region of the worker's connection."""

    account: str | None
    region: str | None

    def check(self, hook: OmicsHook) -> None:
        """Raise StartRunElsewhereError if a hook's connection leads to another account or Region."""
        hook.check_place(self.account, self.region)


class StartCalls:
    """
    Calls StartRun, and keeps the state of the last call.

    :param submissions: the StartRun requests of the intention.
    :param place: account and Region of the run.
    :param say: logs a line here and, later, in the worker.
    """

    def __init__(self, submissions: RunSubmissions, place: Place, say: Callable[[str], None]) -> None:
        self._submissions = submissions
        self._place = place
        self._say = say
        # The submission of the last StartRun, here or in an earlier process of this attempt; None if it cannot have
        # started a run.
        self.asked: int | None = None
        # Whether a call was not answered: it may have started a run.
        self.unanswered = False
        self.refusals = 0
        # The last error.
        self.why: Exception | None = None
        self._under_way: concurrent.futures.Future[Run] | None = None
        self._is_over = False

    def take_over(self, submission: int | None) -> None:
        """Note the submission of an earlier process, whose StartRun may or may not have been answered."""
        self.asked, self.unanswered = submission, True

    def begin(self) -> None:
        """Forget the call before."""
        self._under_way = None

    def end(self) -> None:
        """Send nothing more."""
        self._is_over = True

    def send(self, hook: OmicsHook, submission: int) -> Run:
        """
        Call StartRun, in a thread; after the end of the task, :meth:`settled` waits for its answer.

        :raises NotNowError: if the task was ended.
        """
        self._place.check(hook)
        answer: concurrent.futures.Future[Run] = concurrent.futures.Future()
        # In this order: end(), which another thread may call now, comes before settled().
        self._under_way = answer
        try:
            if self._is_over:
                raise NotNowError("The task was ended")  # noqa: TRY301 - settled() needs it, too
            if submission != self.asked:
                self.unanswered = False  # The run of the submission before was found.
            self.asked = submission
            run = self._submissions.submit(hook, submission)
        except BaseException as error:
            answer.set_exception(error)
            raise
        answer.set_result(run)
        return run

    def note_refusal(self, error: Exception) -> None:
        """Note that StartRun was refused: it has started no run."""
        from airflow_provider_omics.aws.errors import is_quota_exceeded  # noqa: PLC0415 - already imported, in a thread

        self.why = error
        self.refusals += 1
        if not self.unanswered:
            self.asked = None  # A refusal starts no run, and no answer was lost before.
        if self.refusals == 1:
            self._say(f"{StartRunRefusedError(str(error), full=is_quota_exceeded(error))}: StartRun is called again")

    def note_fault(self, error: Exception) -> None:
        """Note that StartRun was not answered."""
        self.why = error
        self.unanswered = self.unanswered or self.asked is not None

    async def settled(self) -> Run | None:
        """Wait for the answer to the last call, if there was one, and return its run."""
        from airflow_provider_omics.aws.errors import is_refused, should_retry  # noqa: PLC0415 - already imported, in a thread

        if self._under_way is None:
            return None
        try:
            # Shielded: if this waiting is cancelled, the answer must still be there for a later call of settled().
            return await asyncio.shield(asyncio.wrap_future(self._under_way))
        except NotNowError:
            return None
        except Exception as error:  # noqa: BLE001 - the caller only needs the run
            if is_refused(error):
                self.note_refusal(error)
            elif should_retry(error, 0):
                self.note_fault(error)
            else:
                self.why = error
            return None
