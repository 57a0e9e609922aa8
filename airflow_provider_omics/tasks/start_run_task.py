# SPDX-License-Identifier: Apache-2.0
"""What a task that starts a run does, in its worker: before it is deferred, when it is resumed, and at its end."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.compat import conf, is_deferral_timeout, note_try, resumed_too_late
from airflow_provider_omics.exceptions import (
    RunWaitError,
    StartRunRefusedError,
    error_of,
)
from airflow_provider_omics.lifecycle.run_links import run_links
from airflow_provider_omics.tasks.run_end import RunEnd
from airflow_provider_omics.tasks.run_options import RunOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.lifecycle import protocol
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.run import Run
    from airflow_provider_omics.records.run_event import RunEvent
    from airflow_provider_omics.tasks.worker_attempt import WorkerAttempt


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
        dying: bool = False,
        deadline: float | None = None,
        **unknown: object,
    ) -> dict[str, str]:
        """
        Go on when the trigger has said how the run ended; may run twice.

        :param event: what the trigger said.
        :param try_number: the try that deferred; an event of another one is not believed.
        :param dying: whether the run was so before that try found it, so that its bad end is not the try's.
        :param deadline: until when the try may wait, in epoch seconds.
        :param unknown: what a newer release knew when it deferred, ignored with a warning.
        """
        from airflow_provider_omics.tasks.attempt_end import is_shown  # noqa: PLC0415 - a DAG file does not pay for it

        mine = self._is_mine(context, try_number, unknown)
        told = self._told(event) if mine else None
        if told is None:
            return self._resume_blindly(context, mine=mine, dying=dying, deadline=deadline)
        attempt = self._begin(context, deadline)
        # The trigger has shown it: each XCom costs the API server a call.
        if told.run is None or (told.shown and is_shown(context["ti"], told.run)):
            attempt.run = told.run
        else:
            attempt.show(told.run)
        attempt.progress.repeat(told.said)
        if told.run is None:
            raise error_of(told.failure, told.error)
        if told.error:
            raise RunWaitError.of(told.run, told.error)
        run = told.run
        if told.timed_out:
            run = attempt.time_out(run, cancelled=told.cancelled)
        if self.wait_for_completion and not run.ended:
            from airflow_provider_omics.lifecycle.protocol import Wait  # noqa: PLC0415 - a DAG file does not pay for it

            return self._wait(context, attempt, Wait(run))  # It did not wait when it deferred: the DAG has changed.
        return self._conclude(context, run, dying=dying)

    def _is_mine(self, context: Context, try_number: int | None, unknown: Iterable[str]) -> bool:
        """Tell whether it was this try that deferred, and warn of what it knew that this release does not."""
        from airflow_provider_omics.records.versioned import ignore  # noqa: PLC0415 - a DAG file does not pay for it

        ignore(f"What {type(self).__name__} knew when it was deferred", unknown)
        if try_number is not None and try_number != context["ti"].try_number:
            self.log.info("The event is of try %s: looking for the run anew", try_number)
            return False
        return True

    def _told(self, event: Mapping[str, object] | None) -> RunEvent | None:
        """Return what the trigger said; None if it is not to be believed, so that the run is looked for anew."""
        from airflow_provider_omics.records.run_event import RunEvent  # noqa: PLC0415 - a DAG file does not pay for it

        try:
            return RunEvent.deserialize(event)
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

    def _begin(self, context: Context, deadline: float | None = None) -> WorkerAttempt:
        from airflow_provider_omics.tasks.worker_attempt import WorkerAttempt  # noqa: PLC0415 - a DAG file does not pay for it

        options = RunOptions(
            new_hook=self.hook,
            links=partial(run_links, self),
            deferrable=self.deferrable,
            wait_for_completion=self.wait_for_completion,
            poll_interval=self.poll_interval,
            submit_timeout=self.submit_timeout,
            execution_timeout=self.execution_timeout,
            cancel_on_kill=self.cancel_on_kill,
            airflow_tags=self.airflow_tags,
            forward_logs=self.forward_logs,
        )
        self.attempt = WorkerAttempt(options, context, deadline, is_killed=lambda: self.killed)
        return self.attempt

    def _pursue(self, context: Context, *, retry: bool, deadline: float | None = None) -> dict[str, str]:
        from airflow_provider_omics.lifecycle.protocol import Wait  # noqa: PLC0415 - a DAG file does not pay for it

        attempt = self._begin(context, deadline or self._deadline())
        until = self._until(attempt.deadline)
        request = self._build_request()
        if self.deferrable:
            self._defer_to_start(context, attempt, request, until, retry=retry)
        if attempt.deadline is not None:
            note_try(context["ti"])
        try:
            verdict = attempt.carry_out(request, retry=retry, until=self._until)
        except StartRunRefusedError as refused:
            if refused.full is None and until == attempt.deadline:
                attempt.give_up()
            raise
        if not isinstance(verdict, Wait):
            return self._finish(context, verdict.run)
        return self._wait(context, attempt, verdict)

    def _until(self, deadline: float | None) -> float:
        """Return until when to wait, from now on, while no run is started."""
        until = time.time() + self.submit_timeout.total_seconds()
        return min(until, deadline) if deadline else until

    def _defer_to_start(
        self, context: Context, attempt: WorkerAttempt, request: dict[str, JsonValue], until: float, *, retry: bool
    ) -> None:
        """Leave all the rest to the triggerer, if it may start runs here."""
        from airflow_provider_omics.lifecycle.protocol import Wait  # noqa: PLC0415 - likewise
        from airflow_provider_omics.records.run import Run  # noqa: PLC0415 - likewise
        from airflow_provider_omics.tasks import deferral  # noqa: PLC0415 - not for a task that waits here

        if starts_in_worker():
            # After StartRun it would be too late to fail of a deferral that Airflow cannot store.
            self.check_deferral(**deferral.until_end(attempt, self.hook_params, Wait(Run("0"))))
            return
        hook = self.hook()
        deferred = deferral.to_start(
            attempt,
            request,
            # The triggerer's environment may name another Region than the worker's.
            replace(self.hook_params, region_name=hook.region),
            until,
            retry=retry,
            check=lambda deferred: self.check_deferral(**deferred),
            account=hook.account,
        )
        key, value = deferral.first_marker(attempt)
        context["ti"].xcom_push(key=key, value=value)
        self.defer(**deferred)

    def _wait(self, context: Context, attempt: WorkerAttempt, waiting: protocol.Wait[Run]) -> dict[str, str]:
        if self.deferrable:
            from airflow_provider_omics.tasks import deferral  # noqa: PLC0415 - not for a task that waits here

            self.defer(**deferral.until_end(attempt, self.hook_params, waiting))
        return self._conclude(context, attempt.wait(waiting.run), dying=waiting.dying)

    def _resume_blindly(self, context: Context, *, mine: bool, dying: bool, deadline: float | None) -> dict[str, str]:
        """Go on without what the trigger said; the run that this try waits for is its only one, however it ended."""
        from airflow_provider_omics.lifecycle.protocol import Wait  # noqa: PLC0415 - a DAG file does not pay for it
        from airflow_provider_omics.tasks.attempt_end import pushed  # noqa: PLC0415 - likewise

        run = pushed(context["ti"]) if mine else None
        if run is None:
            return self._pursue(context, retry=True, deadline=deadline if mine else None)
        attempt = self._begin(context, deadline or self._deadline())
        # It may be too new to be visible: the quarter of an hour for that counts from now.
        attempt.run = run = replace(run, creation_time=time.time())
        return self._wait(context, attempt, Wait(run, dying=dying))

    def _conclude(self, context: Context, run: Run, *, dying: bool) -> dict[str, str]:
        if dying and not run.succeeded:
            from airflow_provider_omics.lifecycle.attempt import next_run_follows  # noqa: PLC0415 - not for DAG files

            self.log.info("%s", next_run_follows(run))
            return self._pursue(context, retry=True, deadline=self.attempt.deadline if self.attempt else None)
        return self._finish(context, run)


def starts_in_worker() -> bool:
    """
    Tell whether a deferrable task starts its run in its worker, as ``[omics] start_in`` says.

    :raises ValueError: if it says neither ``triggerer`` nor ``worker``.
    """
    start_in: str = conf.get("omics", "start_in", fallback="triggerer")
    if start_in not in ("triggerer", "worker"):
        raise ValueError(f"[omics] start_in must be triggerer or worker, not {start_in}: mend Airflow's configuration")
    return start_in == "worker"
