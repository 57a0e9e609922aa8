# SPDX-License-Identifier: Apache-2.0
"""The StartRun calls of one attempt in the triggerer, each in a thread that nobody can call back."""

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
    """The account, as far as STS says it, and the Region in which the worker would have started the run."""

    account: str | None
    region: str | None

    def check(self, hook: OmicsHook) -> None:
        """Raise StartRunElsewhereError if a hook leads to another one."""
        hook.check_place(self.account, self.region)


class StartCalls:
    """
    Calls StartRun, and knows what has come of it.

    :param submissions: the StartRun requests of the intention.
    :param place: where the run is to be.
    :param say: tells people something.
    """

    def __init__(self, submissions: RunSubmissions, place: Place, say: Callable[[str], None]) -> None:
        self._submissions = submissions
        self._place = place
        self._say = say
        # The submission that was last asked for, here or in an earlier process of this attempt; None if no run can have
        # come of it.
        self.asked: int | None = None
        # Whether the answer to a call was lost: a run may have come of it.
        self.unanswered = False
        self.refusals = 0
        # What was last in the way of a run.
        self.why: Exception | None = None
        self._under_way: concurrent.futures.Future[Run] | None = None
        self._is_over = False

    def take_over(self, submission: int | None) -> None:
        """Note what an earlier process has asked for; whether that was answered nobody knows."""
        self.asked, self.unanswered = submission, True

    def begin(self) -> None:
        """Forget the call before."""
        self._under_way = None

    def end(self) -> None:
        """Send nothing more."""
        self._is_over = True

    def send(self, hook: OmicsHook, submission: int) -> Run:
        """
        Call StartRun, in a thread: who ends the task waits for what comes of it.

        :raises NotNowError: if the task was ended.
        """
        self._place.check(hook)
        answer: concurrent.futures.Future[Run] = concurrent.futures.Future()
        # In this order: who ends it then looks for a call that is under way.
        self._under_way = answer
        try:
            if self._is_over:
                raise NotNowError("The task was ended")  # noqa: TRY301 - who waits for the answer is told, too
            self.asked = submission
            run = self._submissions.submit(hook, submission)
        except BaseException as error:
            answer.set_exception(error)
            raise
        answer.set_result(run)
        return run

    def note_refusal(self, error: Exception) -> None:
        """Note that StartRun was refused: no run has come of it."""
        from airflow_provider_omics.aws.errors import is_full  # noqa: PLC0415 - imported in a thread by now

        self.why = error
        self.refusals += 1
        if not self.unanswered:
            self.asked = None  # This is an answer, and none was lost before.
        if self.refusals == 1:
            self._say(f"{StartRunRefusedError(str(error), full=is_full(error))}: StartRun is asked again")

    def note_fault(self, error: Exception) -> None:
        """Note that there was no answer."""
        self.why = error
        self.unanswered = self.unanswered or self.asked is not None

    async def settled(self) -> Run | None:
        """Return the run of a call that is under way, or was answered before it was known, when it is answered."""
        from airflow_provider_omics.aws.errors import is_refused, may_pass  # noqa: PLC0415 - imported in a thread by now

        if self._under_way is None:
            return None
        try:
            # Who is cancelled while it waits for the answer must not take it from those who ask after it.
            return await asyncio.shield(asyncio.wrap_future(self._under_way))
        except NotNowError:
            return None
        except Exception as error:  # noqa: BLE001 - who asks wants the run
            if is_refused(error):
                self.note_refusal(error)
            elif may_pass(error, 0):
                self.note_fault(error)
            else:
                self.why = error
            return None
