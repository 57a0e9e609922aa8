# SPDX-License-Identifier: Apache-2.0
"""A task that starts a run, in its worker: execute, resume after a deferral, on_kill."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_omics.compat import (
    KILL_SECONDS,
    conf,
    is_deferral_timeout,
    is_failed_deferral,
    note_try,
    resumed_too_late,
)
from airflow_provider_omics.exceptions import RunWaitError, StartRunRefusedError, StartRunRequestError, error_of
from airflow_provider_omics.lifecycle.run_links import run_links
from airflow_provider_omics.records import documents
from airflow_provider_omics.request.build import OWN_TAGS, UNRENDERED, build_request, rendered
from airflow_provider_omics.request.members import BY_ARGUMENT
from airflow_provider_omics.request.violations import RequestError
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
    """An operator that finds or starts its run, waits for it here or in the triggerer, and reports its end."""

    deferrable: bool
    poll_interval: float | None
    submit_timeout: timedelta
    cancel_on_kill: bool
    airflow_tags: bool
    forward_logs: bool
    # On Airflow 3 the process goes on after on_kill: it must start nothing more.
    killed: bool = False

    def execute(self, context: Context) -> dict[str, str]:
        """Find or start the run of this intention, and wait for it."""
        # Before the imports below, which may take seconds: Airflow's own execution_timeout counts already.
        deadline = self._deadline()
        return self._find_or_start(context, retry=context["ti"].try_number > 1, deadline=deadline)

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
        Resume after the trigger's event; may be called twice.

        :param event: the trigger's event.
        :param try_number: the try that deferred; an event of another try is ignored.
        :param dying: whether the run was STOPPING when that try found it: then a new run follows, and the task does
            not fail because of the old one.
        :param deadline: until when the try may wait, in epoch seconds.
        :param unknown: arguments of a newer release, which are ignored with a warning.
        """
        from airflow_provider_omics.tasks import attempt_end  # noqa: PLC0415 - keep DAG parsing fast

        mine = self._is_mine(context, try_number, unknown)
        read = self._read_event(event) if mine else None
        if read is None:
            return self._resume_anew(context, mine=mine, dying=dying, deadline=deadline)
        attempt = self._begin(context, deadline)
        # Not again if the trigger has pushed the run's XComs: each one is a call to the API server.
        if read.run is None or (read.shown and attempt_end.is_shown(context["ti"], read.run)):
            attempt.run = read.run
        else:
            attempt.show(read.run)
        attempt.progress.repeat(read.said)
        if read.run is None:
            raise error_of(read.failure, read.error)
        if read.error:
            raise RunWaitError.of(read.run, read.error)
        run = read.run
        if read.timed_out:
            run = attempt_end.time_out(attempt, run, cancelled=read.cancelled)
        if self.wait_for_completion and not run.ended:
            from airflow_provider_omics.lifecycle.protocol import Wait  # noqa: PLC0415 - keep DAG parsing fast

            return self._wait(context, attempt, Wait(run))  # It did not wait when it deferred: the DAG was changed.
        return self._conclude(context, run, dying=dying)

    def _is_mine(self, context: Context, try_number: int | None, unknown: Iterable[str]) -> bool:
        """Tell whether this try deferred the task; warn of arguments that this release does not know."""
        from airflow_provider_omics.records.versioned import ignore  # noqa: PLC0415 - keep DAG parsing fast

        ignore(f"{type(self).__name__}.execute_complete", unknown)
        if try_number is not None and try_number != context["ti"].try_number:
            self.log.info("The event is of try %s and is ignored: looking for the run again", try_number)
            return False
        return True

    def _read_event(self, event: Mapping[str, object] | None) -> RunEvent | None:
        """Return the trigger's event; None if it cannot be read, so that the run is looked for again."""
        from airflow_provider_omics.records.run_event import RunEvent  # noqa: PLC0415 - keep DAG parsing fast

        try:
            return RunEvent.deserialize(event)
        except ValueError as error:
            self.log.warning("The trigger's event cannot be read, looking for the run again: %s", error)
            return None

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:  # noqa: ANN401
        """Cancel the run after Airflow's own time-out of a deferral, too; after other failures say that it goes on."""
        from airflow_provider_omics.tasks.attempt_end import pushed  # noqa: PLC0415 - keep DAG parsing fast

        cancels = is_deferral_timeout(next_method, next_kwargs) and self.cancel_on_kill
        if cancels:
            self._cancel_deferred(context)
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowException as error:
            run = pushed(context["ti"]) if is_failed_deferral(next_method) and not cancels else None
            if run is None:
                raise
            raise RunWaitError.of(run, f"the trigger failed: {error}") from error

    def on_kill(self) -> None:
        """Cancel the run if a person ended the task; leave it to the next try if the machine is shut down."""
        self.killed = True
        if self.attempt is not None:
            from airflow_provider_omics.tasks import attempt_end  # noqa: PLC0415 - imported with the attempt

            attempt_end.kill(self.attempt)
        elif self.cancel_on_kill and (late := resumed_too_late(self.execution_timeout)):
            self._cancel_deferred(late)

    def _cancel_deferred(self, context: Context) -> None:
        from airflow_provider_omics.tasks import attempt_end  # noqa: PLC0415 - keep DAG parsing fast

        attempt_end.cancel_deferred(self._begin(context))

    def _begin(self, context: Context, deadline: float | None = None) -> WorkerAttempt:
        from airflow_provider_omics.tasks.worker_attempt import WorkerAttempt  # noqa: PLC0415 - keep DAG parsing fast

        options = RunOptions(
            new_hook=self.hook,
            request=self._build_request,
            links=partial(run_links, self.operator_extra_links),
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

    def _find_or_start(self, context: Context, *, retry: bool, deadline: float | None = None) -> dict[str, str]:
        from airflow_provider_omics.lifecycle.protocol import Wait  # noqa: PLC0415 - keep DAG parsing fast
        from airflow_provider_omics.tasks import attempt_end  # noqa: PLC0415 - before a kill, which leaves no time for it

        attempt = self._begin(context, deadline or self._deadline())
        until = self._until(attempt.deadline)
        request = self._build_request()
        if self.deferrable:
            self._defer_to_start(context, attempt, request, until, retry=retry)
        if attempt.deadline is not None:
            note_try(context["ti"])
        try:
            wait = None if self.deferrable else partial(attempt_end.wait, attempt)
            verdict = attempt.carry_out(request, retry=retry, until=self._until, wait=wait)
        except StartRunRefusedError as refused:
            if refused.full is None and until == attempt.deadline:
                attempt_end.give_up(attempt)
            raise
        if self.killed:
            # SIGTERM came during StartRun, and Airflow 3 lets the process go on.
            attempt_end.settle(attempt, time.monotonic() + KILL_SECONDS)
        if not isinstance(verdict, Wait):
            return self._finish(context, verdict.run)
        return self._wait(context, attempt, verdict)

    def _build_request(self, *, known_only: bool = False) -> dict[str, JsonValue]:
        """Return the request; with ``known_only``, only check what needs no rendering."""
        none = self._rendered_to_none()

        def value(argument: str) -> Any:  # noqa: ANN401 - whatever a template may be
            raw = getattr(self, argument)
            # If the constructor of a mapped task raises, Airflow 2 cannot call the task's callbacks.
            known = (
                argument not in none and rendered(raw) and not (isinstance(raw, str) and documents.is_file_name(raw))
            )
            return raw if known or not known_only else UNRENDERED

        try:
            request, warnings = build_request(
                {argument: value(argument) for argument in BY_ARGUMENT},
                value("start_run_kwargs"),
                reserved_tags=OWN_TAGS if self.airflow_tags else 0,
                none=() if known_only else none,
                files=self._files,
            )
        except RequestError as error:
            raise StartRunRequestError(f"{type(self).__name__} {self.task_id}: {error}") from None
        if not known_only:
            for warning in warnings:
                self.log.warning("%s", warning)
        return request

    def _until(self, deadline: float | None) -> float:
        """Return until when to try to start a run, in epoch seconds: `submit_timeout` from now, or the deadline."""
        until = time.time() + self.submit_timeout.total_seconds()
        return min(until, deadline) if deadline else until

    def _defer_to_start(
        self, context: Context, attempt: WorkerAttempt, request: dict[str, JsonValue], until: float, *, retry: bool
    ) -> None:
        """Defer the task, so that the triggerer starts the run, unless `[omics] start_in` is worker."""
        from airflow_provider_omics.lifecycle.protocol import Wait  # noqa: PLC0415 - keep DAG parsing fast
        from airflow_provider_omics.records.run import Run  # noqa: PLC0415 - likewise
        from airflow_provider_omics.tasks import deferral  # noqa: PLC0415 - not for a task that waits here

        if starts_in_worker():
            # Before StartRun: a deferral that Airflow cannot store must not fail the task after it.
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
        from airflow_provider_omics.tasks.attempt_end import wait  # noqa: PLC0415 - keep DAG parsing fast

        return self._conclude(context, wait(attempt, waiting.run), dying=waiting.dying)

    def _resume_anew(self, context: Context, *, mine: bool, dying: bool, deadline: float | None) -> dict[str, str]:
        """Resume without an event: with the run in this try's XComs, however it ended, else with a new look-up."""
        from airflow_provider_omics.lifecycle.protocol import Wait  # noqa: PLC0415 - keep DAG parsing fast
        from airflow_provider_omics.tasks.attempt_end import pushed  # noqa: PLC0415 - likewise

        run = pushed(context["ti"]) if mine else None
        if run is None:
            return self._find_or_start(context, retry=True, deadline=deadline if mine else None)
        attempt = self._begin(context, deadline or self._deadline())
        attempt.run = run
        return self._wait(context, attempt, Wait(run, dying=dying))

    def _conclude(self, context: Context, run: Run, *, dying: bool) -> dict[str, str]:
        if dying and not run.succeeded:
            from airflow_provider_omics.lifecycle.attempt import next_run_follows  # noqa: PLC0415 - not for DAG files

            self.log.info("%s", next_run_follows(run))
            return self._find_or_start(context, retry=True, deadline=self.attempt.deadline if self.attempt else None)
        return self._finish(context, run)


def starts_in_worker() -> bool:
    """
    Tell whether a deferrable task starts its run in its worker, as ``[omics] start_in`` says.

    :raises ValueError: if it is neither ``triggerer`` nor ``worker``.
    """
    start_in: str = conf.get("omics", "start_in", fallback="triggerer")
    if start_in not in ("triggerer", "worker"):
        raise ValueError(f"[omics] start_in must be triggerer or worker, not {start_in}: correct it in airflow.cfg")
    return start_in == "worker"
