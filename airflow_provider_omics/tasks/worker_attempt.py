# SPDX-License-Identifier: Apache-2.0
"""One attempt of a task in its worker: find or start the run, push its XComs, wait for it."""

from __future__ import annotations

import logging
import time
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_omics.cancellation.worker import may_cancel_late, soon, state_of
from airflow_provider_omics.compat import KILL_SECONDS, conf, loop_pass, push_link, state_store
from airflow_provider_omics.exceptions import (
    OmicsError,
    RunWaitError,
)
from airflow_provider_omics.lifecycle.intention import Intention
from airflow_provider_omics.polling.pacing import interval
from airflow_provider_omics.tasks.attempt_end import IN_A_HURRY, AttemptEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.in_worker import WorkerDriver
    from airflow_provider_omics.lifecycle.protocol import Fail, Succeed, Wait
    from airflow_provider_omics.lifecycle.run_submissions import RunSubmissions
    from airflow_provider_omics.lifecycle.submissions import Submissions
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.run import Run
    from airflow_provider_omics.results.progress_log import RunProgressLogger
    from airflow_provider_omics.tasks.run_options import RunOptions

log = logging.getLogger(__name__)


class WorkerAttempt(AttemptEnd):
    """
    One try of a task in its worker process.

    :param options: the operator's arguments.
    :param context: Airflow's context of the try.
    :param deadline: until when the try may wait, in epoch seconds.
    :param is_killed: returns whether the process was told to end.
    """

    def __init__(
        self, options: RunOptions, context: Context, deadline: float | None, *, is_killed: Callable[[], bool]
    ) -> None:
        super().__init__(options, context, deadline)
        self.driver: WorkerDriver[Run] | None = None
        self._is_killed = is_killed
        self._submissions: RunSubmissions | None = None
        self._looks_back = False

    @cached_property
    def progress(self) -> RunProgressLogger:
        """What says how the run is going, in a task that waits here."""
        from airflow_provider_omics.results.progress_log import RunProgressLogger  # noqa: PLC0415 - not before a deferral

        return RunProgressLogger(self.options.new_hook, forward_logs=self.options.forward_logs)

    def carry_out(
        self, request: dict[str, JsonValue], *, retry: bool, until: Callable[[float | None], float]
    ) -> Wait[Run] | Succeed[Run] | Fail[Run]:
        """
        Find or start the run of this intention; its XComs are pushed before any waiting.

        :param request: the StartRun request, without requestId, name and tags of the intention.
        :param retry: whether an earlier attempt, or an earlier part of this one, may have started a run.
        :param until: returns until when to try to start a run; its argument is the deadline.
        """
        from airflow_provider_omics.lifecycle.in_worker import WorkerDriver  # noqa: PLC0415 - no boto3 in DAG files
        from airflow_provider_omics.lifecycle.retry_policy import RetryPolicy  # noqa: PLC0415 - likewise

        options = self.options
        # Read the connection from Airflow now: after SIGTERM its answer may come too late.
        self.hurried = options.new_hook(**IN_A_HURRY)
        self.hurried.conn_config  # noqa: B018 - a cached property
        self._submissions = submissions = self.submissions(request)
        stored = submissions.stored() if retry else None
        known = submissions.known(stored, retry=retry, waits=options.wait_for_completion)
        self._looks_back = retry or known.own_request_id
        self.driver = WorkerDriver(
            submissions,
            options.new_hook,
            lambda: RetryPolicy(until(self.deadline)),
            show=self.show,
            is_killed=self._is_killed,
            wait=None if options.deferrable else self.wait,
        )
        verdict = self.driver.carry_out(known)
        if self._is_killed():
            # SIGTERM came during StartRun, and Airflow 3 lets the process go on.
            self.settle(time.monotonic() + KILL_SECONDS)
        return verdict

    def submissions(self, request: dict[str, JsonValue]) -> RunSubmissions:
        """Return the StartRun requests of this intention."""
        from airflow_provider_omics.lifecycle.run_submissions import RunSubmissions  # noqa: PLC0415 - no boto3 in DAG files

        return RunSubmissions(
            request,
            self.intention,
            try_number=self.context["ti"].try_number,
            airflow_tags=self.options.airflow_tags,
            store=state_store(self.context),
        )

    @property
    def intention(self) -> Intention:
        """The intention of the task instance."""
        return intention_of(self.context)

    def show(self, run: Run, own: bool | None = None) -> None:  # noqa: FBT001 - as the driver calls it
        """Push the run's XComs and links; log whether it was started or reattached to, if that is known."""
        known, self.run = self.run, run
        if known is None or known.uuid != run.uuid:
            for key, value in run.shown().items():
                self.context["ti"].xcom_push(key=key, value=value)
            for link, page in self.options.links(run):
                push_link(self.context, link, page)
        if own is not None and self._submissions is not None:
            log.info("%s", self._submissions.said_of(run, own=own))

    def wait(self, run: Run) -> Run:
        """Poll the run until it has ended; transient errors are retried."""
        from airflow_provider_omics.polling.faults import Faults  # noqa: PLC0415 - no boto3 in DAG files

        hook, progress, faults = self.options.new_hook(), self.progress, Faults(f"GetRun of run {run.id}")
        shortest = conf.getfloat("omics", "poll_interval", fallback=30.0)
        while not run.ended:
            pause = interval(time.time() - (run.creation_time or 0.0), self.options.poll_interval, shortest)
            pause = faults.pause(pause)
            left = pause if self.deadline is None else self.deadline - time.time()
            if left <= 0:
                ti = self.context["ti"]
                if may_cancel_late(ti, state_of(ti)):
                    return self.time_out(run)
                # Airflow ends this process; on 2.11 an error here would end the later try, too.
                log.warning("A later try of this task has begun: run %s is left to it", run.id)
                self.deadline = None
                continue
            time.sleep(min(left, pause))
            try:
                now = hook.get_run(run)
            except Exception as error:
                # The provider's own errors, such as WrongAccountError, are raised as they are.
                if not faults.should_retry(error) and not isinstance(error, OmicsError):
                    raise RunWaitError.of(run, f"{type(error).__name__}: {error}") from error
                if faults.note(error):
                    hook = self.options.new_hook()
                continue
            faults.count = 0
            progress.seen(run, now)
            self.run = run = now
        return run

    def _in_flight(self, hook: OmicsHook, until: float) -> Run | None:
        """Return the run of an unanswered StartRun, or of an earlier try; None if there is none."""
        from airflow_provider_omics.aws.errors import is_transient  # noqa: PLC0415 - no boto3 in DAG files
        from airflow_provider_omics.lifecycle.calls import answered  # noqa: PLC0415 - likewise

        driver, looks_back = self.driver, self._looks_back
        submissions: Submissions[Run]
        if driver is not None:
            submissions = driver.submissions
        else:  # Killed before it has looked for the run of an earlier try.
            request = self.options.request()
            submissions = self.submissions(request)
            looks_back = self.context["ti"].try_number > 1 or "requestId" in request
        while (asked := driver and driver.asked) is not None or looks_back:
            try:
                newest = answered(submissions.newest(), lambda call: call(hook)).newest  # type: ignore[operator]  # it never pauses
            except Exception as error:
                if not is_transient(error):
                    raise
                log.info("The look-up of the run failed, trying again: %s", error)
            else:
                if newest is not None and newest.submission >= (asked or 0):
                    return newest.run
                if asked is None:
                    return None
            if time.monotonic() >= until:
                log.error("The run was not found in time and may go on: cancel it by CancelOmicsRunOperator")
                break
            time.sleep(soon(1))
        return None


def intention_of(context: Context) -> Intention:
    """Return the intention of a task instance."""
    ti = context["ti"]
    return Intention(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        dag_run_start=context["dag_run"].start_date,
        max_tries=ti.max_tries,
        **loop_pass(context),
    )
