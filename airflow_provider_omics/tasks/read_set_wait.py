# SPDX-License-Identifier: Apache-2.0
"""Wait for a read set job, or before it is started again, in the worker or in the triggerer."""

from __future__ import annotations

import random
import time
from abc import abstractmethod
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_omics.exceptions import ReadSetJobRefusedError, ReadSetJobTimeoutError, StartRunRefusedError
from airflow_provider_omics.polling.airflow_cfg import poll_interval
from airflow_provider_omics.tasks.read_set_fields import ReadSetJobFields

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from typing import NoReturn, TypeVar

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.in_worker import WorkerDriver
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.read_set_job import Kind, ReadSetJob

    T = TypeVar("T")

# At least so many seconds before the next call: Airflow has to notice that the task is deferred.
_FULL = 45.0
_THROTTLED = 15.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Until when a try may wait for its job, and until when it may try to start it, in epoch seconds."""

    deadline: float | None
    until: float


class ReadSetJobWait(ReadSetJobFields):
    """An operator that waits for a job."""

    kind: ClassVar[Kind]
    deferrable: bool
    poll_interval: float | None
    submit_timeout: timedelta

    @abstractmethod
    def conclude(self, context: Context, job: ReadSetJob, waiting: dict[str, Any]) -> dict[str, Any]:
        """Return the task's result for a job that has ended, or raise; ``waiting`` is what the task knew before."""

    def limits(self, deadline: float | None, until: float | None) -> Limits:
        """Return until when this try may wait for its job, and until when it may try to start it."""
        deadline = deadline or self._deadline()
        until = until or time.time() + self.submit_timeout.total_seconds()
        return Limits(deadline, min(until, deadline) if deadline else until)

    def wait(
        self,
        context: Context,
        driver: WorkerDriver[ReadSetJob],
        job: ReadSetJob,
        limits: Limits,
        **known: Any,  # noqa: ANN401 - JSON
    ) -> dict[str, Any]:
        """Wait for the end of a job, here or in the triggerer, and return the task's result."""
        waiting = {"deadline": limits.deadline, "until": limits.until, **known}
        if self.deferrable:
            self._defer(context, driver.hook.region, job, limits, waiting)
        return self.conclude(context, self.poll_until_ended(job, limits.deadline), waiting)

    def _defer(
        self, context: Context, region: str | None, job: ReadSetJob, limits: Limits, waiting: dict[str, Any]
    ) -> NoReturn:
        from airflow_provider_omics.triggers.read_sets import OmicsReadSetJobTrigger  # noqa: PLC0415 - no boto3 in DAG files

        # The triggerer's environment may name another Region than the worker's.
        params = replace(self.hook_params, region_name=self.region_name or region)
        self.defer(
            trigger=OmicsReadSetJobTrigger.of(job, params, self.poll_interval, deadline=limits.deadline),
            method_name="execute_complete",
            kwargs={"try_number": context["ti"].try_number, "waiting": waiting},
        )

    def ask(
        self, context: Context, request: dict[str, JsonValue], limits: Limits, question: Callable[[OmicsHook], T]
    ) -> T:
        """Make a call before there is a job; it is repeated after the same errors as the start of a job."""
        from airflow_provider_omics.lifecycle.in_worker import RetryPolicy  # noqa: PLC0415 - no boto3 in DAG files

        retry_policy = RetryPolicy(None if self.deferrable else limits.until)
        while True:
            try:
                return question(self.hook())
            except Exception as error:  # noqa: BLE001 - pause() raises it unless it is transient
                try:
                    pause = retry_policy.pause(error)
                except StartRunRefusedError as refused:
                    self.ask_later(context, request, limits, refused)
                self.log.warning("Trying again in %.1f s: %s", pause, error)
                time.sleep(pause)

    def ask_later(
        self, context: Context, request: dict[str, JsonValue], limits: Limits, refused: StartRunRefusedError
    ) -> NoReturn:
        """Defer the task before the call is made again, or fail after `submit_timeout`."""
        pause = (_FULL if refused.full else _THROTTLED) * random.uniform(1.0, 2.0)  # noqa: S311 - no secret
        if not self.deferrable or time.time() + pause > limits.until:
            raise ReadSetJobRefusedError(
                f"HealthOmics does not answer: {refused.why}: if a job was started all the same, a retry finds it"
                if refused.full is None
                else f"No read set {self.kind} job was started: {refused.why}"
            ) from refused
        self.log.info("Trying again in %.0f s, deferred until then: %s", pause, refused.why)
        self.pause(context, request, limits, pause)

    def pause(self, context: Context, request: dict[str, JsonValue], limits: Limits, seconds: float) -> NoReturn:
        """Defer the task for some seconds, with its rendered request."""
        from airflow_provider_omics.triggers.pause import OmicsPauseTrigger  # noqa: PLC0415 - no boto3 in DAG files

        self.defer(
            trigger=OmicsPauseTrigger(time.time() + seconds),
            method_name="execute_again",
            kwargs={"try_number": context["ti"].try_number, "request": request, **asdict(limits)},
        )

    def poll_until_ended(self, job: ReadSetJob, deadline: float | None) -> ReadSetJob:
        """Poll a job until it has ended, and return it; the deadline is in epoch seconds."""
        from airflow_provider_omics.read_sets.job_calls import wait_for  # noqa: PLC0415 - no boto3 in DAG files

        now = wait_for(job, self.hook, self.poll_interval, poll_interval(), deadline)
        if not now.ended:
            raise self.timed_out(now)
        return now

    def timed_out(self, job: ReadSetJob) -> ReadSetJobTimeoutError:
        """Return the error of a job that has not ended in time."""
        return ReadSetJobTimeoutError(
            f"HealthOmics {job}: not ended within execution_timeout {self.execution_timeout}; it goes on, as "
            "HealthOmics cannot cancel it, and a retry waits for it"
        )
