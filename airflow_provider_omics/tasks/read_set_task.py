# SPDX-License-Identifier: Apache-2.0
"""The base of the operators that import and activate read sets: one job per intention, and the wait for it."""

from __future__ import annotations

import logging
from abc import abstractmethod
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_omics.compat import conf, is_deferral_timeout, is_failed_deferral
from airflow_provider_omics.exceptions import ReadSetJobWaitError, StartRunRefusedError
from airflow_provider_omics.tasks.read_set_wait import ReadSetJobWait

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.lifecycle.in_worker import WorkerDriver
    from airflow_provider_omics.lifecycle.protocol import Fail, Known, Succeed, Wait
    from airflow_provider_omics.read_sets.job_submissions import ReadSetJobSubmissions
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.read_set_job import ReadSetJob
    from airflow_provider_omics.tasks.read_set_wait import Limits

log = logging.getLogger(__name__)


class ReadSetJobOperator(ReadSetJobWait):
    """
    Find or start the job of this intention, and wait for it.

    HealthOmics cannot cancel such a job: it goes on when the task is ended.

    :param sequence_store_id: sequence store, 10 to 36 digits.
    :param sources: the sources of the job.
    :param client_token: idempotency token, sent unchanged.
    :param wait_for_completion: whether to wait for the job's end.
    :param deferrable: whether to wait in the triggerer.
    :param poll_interval: time between two polls of the job, as ``timedelta`` or in seconds.
    :param submit_timeout: how long to wait, as ``timedelta`` or in seconds, while the quota of active jobs is exceeded
        or the call is throttled.
    """

    airflow_tags = True

    def __init__(
        self,
        *,
        sequence_store_id: str,
        sources: Sequence[object] | str,
        client_token: str | None = None,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: timedelta | float | None = None,
        submit_timeout: timedelta | float = timedelta(hours=24),
        **kwargs: Any,  # noqa: ANN401 - whatever BaseOperator takes
    ) -> None:
        super().__init__(**kwargs)
        self.sequence_store_id = sequence_store_id
        self.sources = sources
        self.client_token = client_token
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self._check_switches("wait_for_completion", "deferrable")
        self.poll_interval = None if poll_interval is None else self._seconds("poll_interval", poll_interval)
        self.submit_timeout = timedelta(seconds=self._seconds("submit_timeout", submit_timeout, zero=True))
        # On Airflow 3 the process goes on after on_kill: it must start nothing more.
        self.killed = False

    # --- different in the two operators ---

    @abstractmethod
    def find_and_wait(
        self,
        context: Context,
        *,
        retry: bool,
        request: dict[str, JsonValue] | None = None,
        deadline: float | None = None,
        until: float | None = None,
    ) -> dict[str, Any]:
        """Find or start the job, wait for it, and return what the task returns."""

    # --- called by Airflow ---

    def execute(self, context: Context) -> dict[str, Any]:
        """Find or start the job of this intention, and wait for it."""
        return self.find_and_wait(context, retry=context["ti"].try_number > 1)

    def execute_again(
        self,
        context: Context,
        event: object = None,  # noqa: ARG002 - Airflow's signature
        *,
        try_number: int | None = None,
        request: dict[str, JsonValue] | None = None,
        deadline: float | None = None,
        until: float | None = None,
        **unknown: object,
    ) -> dict[str, Any]:
        """Call HealthOmics again after a pause in the triggerer."""
        self._warn_of("execute_again", unknown)
        if try_number != context["ti"].try_number:
            return self.find_and_wait(context, retry=True)
        return self.find_and_wait(context, retry=True, request=request, deadline=deadline, until=until)

    def execute_complete(
        self,
        context: Context,
        event: dict[str, object] | None = None,
        *,
        try_number: int | None = None,
        waiting: dict[str, Any] | None = None,
        **unknown: object,
    ) -> dict[str, Any]:
        """
        Resume after the trigger's event; may be called twice.

        :param event: the trigger's event.
        :param try_number: the try that deferred; an event of another try is ignored.
        :param waiting: what the task knew when it was deferred.
        :param unknown: arguments of a newer release, which are ignored with a warning.
        """
        from airflow_provider_omics.records.run_event import ReadSetJobEvent  # noqa: PLC0415 - keep DAG parsing fast

        self._warn_of("execute_complete", unknown)
        # `dag.test()` of Airflow 3.3 passes no kwargs: then the event is used, as a new look-up would start another job
        # after each failed one, without end.
        if try_number is not None and try_number != context["ti"].try_number:
            self.log.info("The event is of try %s and is ignored: looking for the job again", try_number)
            return self.find_and_wait(context, retry=True)
        waiting = {"ours": True, "earlier": [], **asdict(self.limits(None, None)), **(waiting or {})}
        try:
            read = ReadSetJobEvent.deserialize(event)
        except ValueError as error:
            self.log.warning("The trigger's event cannot be read, looking for the job again: %s", error)
            same = {name: waiting.get(name) for name in ("request", "deadline", "until")}
            return self.find_and_wait(context, retry=True, **same)
        if read.error:
            raise ReadSetJobWaitError.of(read.job, read.error)
        if read.timed_out:
            raise self.timed_out(read.job)
        # The event leaves out the sources.
        return self.conclude(context, self.poll_until_ended(read.job, waiting["deadline"]), waiting)

    def _warn_of(self, method: str, unknown: Iterable[str]) -> None:
        from airflow_provider_omics.records.versioned import ignore  # noqa: PLC0415 - keep DAG parsing fast

        ignore(f"{type(self).__name__}.{method}", unknown)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:  # noqa: ANN401
        """
        Resume after a deferral.

        :raises ReadSetJobWaitError: if the trigger failed; the job goes on.
        :raises ReadSetJobTimeoutError: after Airflow's own time-out of a deferral; the job goes on.
        """
        from airflow_provider_omics.records.read_set_job import ReadSetJob  # noqa: PLC0415 - keep DAG parsing fast

        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowException as error:
            ti, job_id = context["ti"], None
            if is_failed_deferral(next_method):
                job_id = ti.xcom_pull(task_ids=ti.task_id, key="job_id", map_indexes=ti.map_index)
            if not job_id:
                raise
            job = ReadSetJob(self.kind, job_id, self.sequence_store_id)
            if is_deferral_timeout(next_method, next_kwargs):
                raise self.timed_out(job) from error
            raise ReadSetJobWaitError.of(job, f"the trigger failed: {error}") from error

    def on_kill(self) -> None:
        """Start nothing more; a job that has begun goes on, as HealthOmics cannot cancel it."""
        self.killed = True

    # --- finding and starting ---

    def submissions(
        self, context: Context, request: dict[str, JsonValue], first_answer: float | None = None
    ) -> ReadSetJobSubmissions:
        """Return the requests for the job of this try."""
        from airflow_provider_omics.read_sets.job_submissions import ReadSetJobSubmissions  # noqa: PLC0415 - no boto3 in DAG files
        from airflow_provider_omics.tasks.worker_attempt import intention_of  # noqa: PLC0415 - keep DAG parsing fast

        return ReadSetJobSubmissions(
            self.kind, request, intention_of(context), airflow_tags=self.airflow_tags, first_answer=first_answer
        )

    def driver(self, context: Context, submissions: ReadSetJobSubmissions, limits: Limits) -> WorkerDriver[ReadSetJob]:
        """Return the driver of this try."""
        from airflow_provider_omics.lifecycle.in_worker import (  # noqa: PLC0415 - no boto3 in DAG files
            RetryPolicy,
            WorkerDriver,
        )

        return WorkerDriver(
            submissions,
            self.hook,
            lambda: RetryPolicy(None if self.deferrable else limits.until),
            show=lambda job, own: self.show(context, job, own),
            is_killed=lambda: self.killed,
        )

    def find_or_start(
        self,
        context: Context,
        driver: WorkerDriver[ReadSetJob],
        request: dict[str, JsonValue],
        limits: Limits,
        *,
        retry: bool,
    ) -> Wait[ReadSetJob] | Succeed[ReadSetJob] | Fail[ReadSetJob]:
        """Find or start the job of this intention, and return the verdict."""
        from airflow_provider_omics.lifecycle.protocol import Known  # noqa: PLC0415 - keep DAG parsing fast

        known: Known[ReadSetJob] = Known(
            retry=retry, waits=self.wait_for_completion, own_request_id=bool(self.client_token)
        )
        if self.deferrable:
            from airflow_provider_omics.records.read_set_job import ReadSetJob as Job  # noqa: PLC0415 - not in a DAG file
            from airflow_provider_omics.triggers.read_sets import OmicsReadSetJobTrigger as Trigger  # noqa: PLC0415

            trigger = Trigger.of(
                Job(self.kind, "0", "0"), self.hook_params, self.poll_interval, deadline=limits.deadline
            )
            self.check_deferral(trigger, "execute_complete", {"request": request, **asdict(limits)})
        try:
            return driver.carry_out(known)
        except StartRunRefusedError as refused:
            self.ask_later(context, request, limits, refused)

    def show(self, context: Context, job: ReadSetJob, own: bool | None) -> None:  # noqa: FBT001 - as the driver calls it
        """Push the job's XComs before any waiting; log whether it was started or reattached to, if that is known."""
        if own is not None:
            log.info("%s %s", "Started" if own else "Reattached to", job)
        for key in ("job_id", "sequence_store_id"):
            context["ti"].xcom_push(key=key, value=job.xcom()[key])

    @staticmethod
    def push_read_sets(context: Context, read_sets: list[dict[str, Any]]) -> dict[str, Any]:
        """Push read sets as XComs, also of a task that is about to fail, and return them."""
        shown = {"read_set_ids": [item["read_set_id"] for item in read_sets], "read_sets": read_sets}
        for key, value in shown.items():
            context["ti"].xcom_push(key=key, value=value)
        return shown
