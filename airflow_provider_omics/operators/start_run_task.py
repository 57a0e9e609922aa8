# SPDX-License-Identifier: Apache-2.0
"""What a task that starts a run does, in its worker: before it is deferred, when it is resumed, and at its end."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_omics.compat import is_deferral_timeout, note_try, resumed_too_late
from airflow_provider_omics.exceptions import (
    RunWaitError,
    StartRunRefusedError,
)
from airflow_provider_omics.operators.run_end import RunEnd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta
    from typing import TypeVar

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.core import protocol
    from airflow_provider_omics.core.event import RunEvent, TurnEvent
    from airflow_provider_omics.core.run import Run
    from airflow_provider_omics.operators.attempt import Attempt
    from airflow_provider_omics.polling.pacing import Report, Turn
    from airflow_provider_omics.request.documents import JsonValue

    Told = TypeVar("Told", RunEvent, TurnEvent)


class StartRunTask(RunEnd):
    """An operator that pursues one run: finds or starts it, waits for it, here or in the triggerer, and judges it."""

    deferrable: bool
    poll_interval: float | None
    submit_timeout: timedelta
    cancel_on_kill: bool
    forward_logs: bool
    # Airflow 3 lets the process go on: whatever it comes to, it starts nothing more.
    killed: bool = False

    def execute(self, context: Context) -> dict[str, str]:
        """Find or start the run of this intention, and wait for it."""
        # First of all: what is imported below takes seconds on a slow machine, and Airflow's own clock is running.
        deadline = self._deadline()
        return self._pursue(context, retry=context["ti"].try_number > 1, deadline=deadline)

    def execute_complete(
        self,
        context: Context,
        event: dict[str, object] | None = None,
        *,
        try_number: int | None = None,
        judge: bool = False,
        deadline: float | None = None,
        **unknown: object,
    ) -> dict[str, str]:
        """
        Go on when the trigger has said how the run ended; may run twice.

        :param event: what the trigger said.
        :param try_number: the try that deferred; an event of another one is not believed.
        :param judge: whether the run was dying before that try found it, so that its bad end is not the try's.
        :param deadline: until when the try may wait, in epoch seconds.
        :param unknown: what a newer release knew when it deferred, ignored with a warning.
        """
        from airflow_provider_omics.core.event import RunEvent  # noqa: PLC0415 - a DAG file does not pay for it

        mine = self._is_mine(context, try_number, unknown)
        told = self._told(RunEvent, event, mine=mine)
        if told is None:
            return self._resume_blindly(context, mine=mine, judge=judge, deadline=deadline)
        attempt = self._begin(context, deadline)
        # Shown it was before the deferral, over which Airflow keeps XComs; each costs the API server a call.
        attempt.run = told.run
        attempt.progress.repeat(told.said)
        if told.error:
            raise RunWaitError.of(told.run, told.error)
        run = told.run
        if told.timed_out:
            run = attempt.time_out(run, cancelled=told.cancelled)
        return self._conclude(context, run, judge=judge)

    def execute_turn(
        self,
        context: Context,
        event: dict[str, object] | None = None,
        *,
        try_number: int | None = None,
        request: dict[str, JsonValue] | None = None,
        began: float | None = None,
        deadline: float | None = None,
        until: float | None = None,
        why: str = "",
        full: bool | None = False,
        starting: int | None = None,
        first: bool = False,
        **unknown: object,
    ) -> dict[str, str]:
        """
        Call StartRun again when the trigger has said that it is this task's turn.

        :param event: what the trigger said.
        :param try_number: the try that deferred; an event of another one is not believed.
        :param request: the request as it was first rendered.
        :param began: when HealthOmics first answered this try, in epoch seconds.
        :param deadline: until when the try may wait, in epoch seconds.
        :param until: until when it may wait for its run to be started, in epoch seconds.
        :param why: what StartRun answered before.
        :param full: whether it said that the account is full; None if it did not answer.
        :param starting: the submission that it was asked for, if an answer was lost.
        :param first: whether no run of the intention is older than this try.
        :param unknown: what a newer release knew when it deferred, ignored with a warning.
        """
        from airflow_provider_omics.core.event import TurnEvent  # noqa: PLC0415 - a DAG file does not pay for it

        mine = self._is_mine(context, try_number, unknown)
        told = self._told(TurnEvent, event, mine=mine)
        if not mine:
            return self._pursue(context, retry=True)
        return self._pursue(
            context,
            retry=True,
            turn=told.turn if told else None,
            given_up=StartRunRefusedError(why, full=full) if told and not told.turn else None,
            request=request,
            began=began,
            starting=starting,
            first=first,
            deadline=deadline,
            until=until,
        )

    def _is_mine(self, context: Context, try_number: int | None, unknown: Iterable[str]) -> bool:
        """Tell whether it was this try that deferred, and warn of what it knew that this release does not."""
        from airflow_provider_omics.core.versions import ignore  # noqa: PLC0415 - a DAG file does not pay for it

        ignore(f"What {type(self).__name__} knew when it was deferred", unknown)
        if try_number is not None and try_number != context["ti"].try_number:
            self.log.info("The event is of try %s: looking for the run anew", try_number)
            return False
        return True

    def _told(self, kind: type[Told], event: Mapping[str, object] | None, *, mine: bool) -> Told | None:
        """Return what the trigger said; None if it is not to be believed, so that the run is looked for anew."""
        try:
            return kind.deserialize(event) if mine else None
        except ValueError as error:
            self.log.warning("Looking for the run anew: %s", error)
            return None

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:  # noqa: ANN401
        """Let Airflow's own time-out of a deferral, too, cancel the run; any other failure of the trigger leaves it."""
        if is_deferral_timeout(next_method, next_kwargs) and self.cancel_on_kill:
            self._begin(context).cancel_pushed()
        return super().resume_execution(next_method, next_kwargs, context)

    def on_kill(self) -> None:
        """Cancel the run if somebody meant this task's end; leave it to the next try if the machine goes away."""
        self.killed = True
        if self.attempt is not None:
            self.attempt.kill()
        elif self.cancel_on_kill and (late := resumed_too_late(self.execution_timeout)):
            self._begin(late).cancel_pushed()

    def _begin(self, context: Context, deadline: float | None = None) -> Attempt:
        from airflow_provider_omics.operators.attempt import Attempt  # noqa: PLC0415 - a DAG file does not pay for it

        self.attempt = Attempt(self, context, deadline)
        return self.attempt

    def _pursue(
        self,
        context: Context,
        *,
        retry: bool,
        turn: Turn | None = None,
        given_up: StartRunRefusedError | None = None,
        request: dict[str, JsonValue] | None = None,
        began: float | None = None,
        starting: int | None = None,
        first: bool = False,
        deadline: float | None = None,
        until: float | None = None,
    ) -> dict[str, str]:
        from airflow_provider_omics.core.protocol import Wait  # noqa: PLC0415 - a DAG file does not pay for it
        from airflow_provider_omics.hooks.retry_policy import RetryPolicy  # noqa: PLC0415 - DAG files need no boto3
        from airflow_provider_omics.polling.pacing import Report  # noqa: PLC0415 - a DAG file does not pay for it

        attempt = self._begin(context, deadline or self._deadline())
        if attempt.deadline is not None:
            note_try(context["ti"])
        if until is None:
            until = time.time() + self.submit_timeout.total_seconds()
            until = min(until, attempt.deadline) if attempt.deadline else until
        request = self._build_request() if request is None else request
        if self.deferrable:
            from airflow_provider_omics.operators import deferral  # noqa: PLC0415 - a task that waits here does without

            deferral.check(self, context, attempt, request, until)
        elsewhere = self.deferrable and given_up is None
        retry_policy = RetryPolicy(None if elsewhere else until, turn, given_up)
        try:
            verdict = attempt.pursue(
                request, retry=retry, retry_policy=retry_policy, began=began, starting=starting, first=first
            )
        except StartRunRefusedError as refused:
            if not elsewhere:
                if refused.full is None and until == attempt.deadline:
                    attempt.give_up()
                raise
            report = Report(turn.key if turn else "", refused.refusals, answered=False, full=bool(refused.full))
            self._defer_for_turn(context, attempt, request, until, report=report, refused=refused)
        if not isinstance(verdict, Wait):
            return self._finish(context, verdict.run)
        return self._wait(context, attempt, verdict, retry_policy.report())

    def _wait(
        self, context: Context, attempt: Attempt, waiting: protocol.Wait[Run], report: Report | None = None
    ) -> dict[str, str]:
        if self.deferrable:
            from airflow_provider_omics.operators import deferral  # noqa: PLC0415 - not for a task that waits here

            self.defer(**deferral.until_end(self, context, attempt, waiting, report))
        return self._conclude(context, attempt.wait(waiting.run), judge=waiting.judge)

    def _resume_blindly(self, context: Context, *, mine: bool, judge: bool, deadline: float | None) -> dict[str, str]:
        """Go on without what the trigger said; the run that this try waits for is its only one, however it ended."""
        from airflow_provider_omics.core.protocol import Wait  # noqa: PLC0415 - a DAG file does not pay for it
        from airflow_provider_omics.operators.attempt import pushed  # noqa: PLC0415 - likewise

        run = pushed(context["ti"]) if mine else None
        if run is None:
            return self._pursue(context, retry=True, deadline=deadline if mine else None)
        attempt = self._begin(context, deadline or self._deadline())
        # It may be too new to be visible: the quarter of an hour for that counts from now.
        attempt.run = run = replace(run, creation_time=time.time())
        return self._wait(context, attempt, Wait(run, judge=judge))

    def _defer_for_turn(
        self,
        context: Context,
        attempt: Attempt,
        request: dict[str, JsonValue],
        until: float,
        *,
        report: Report,
        refused: StartRunRefusedError,
    ) -> NoReturn:
        from airflow_provider_omics.operators.deferral import for_turn  # noqa: PLC0415 - DAG files need no boto3
        from airflow_provider_omics.triggers.turn import waiting_for_turn  # noqa: PLC0415 - likewise

        key, value = waiting_for_turn(attempt.intention)
        context["ti"].xcom_push(key=key, value=value)
        why = refused.why if refused.full is False else refused
        self.log.info("Queued in the triggerer to call StartRun again: %s", why)
        self.defer(**for_turn(self, context, attempt, request, until, refused=refused, report=report))

    def _conclude(self, context: Context, run: Run, *, judge: bool) -> dict[str, str]:
        if judge and not run.succeeded:
            self.log.info("HealthOmics %s; it was ending before this try came, so the next run is this try's", run)
            return self._pursue(context, retry=True, deadline=self.attempt.deadline if self.attempt else None)
        return self._finish(context, run)
