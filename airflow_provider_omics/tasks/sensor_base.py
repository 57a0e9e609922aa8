# SPDX-License-Identifier: Apache-2.0
"""The base of the sensors: poll in the worker or wait in the triggerer, then return the result or raise."""

from __future__ import annotations

import time
from abc import abstractmethod
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NoReturn, TypeVar

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
)

from airflow_provider_omics.compat import (
    AirflowRescheduleException,
    BaseOperator,
    conf,
    first_poke,
    is_deferral_timeout,
)
from airflow_provider_omics.exceptions import (
    ReadSetJobFailedError,
    ReadSetJobTimeoutError,
    RunEndedError,
    RunTimeoutError,
)
from airflow_provider_omics.request.arguments import verify_of
from airflow_provider_omics.tasks.base import OmicsConnection, OmicsOperator

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.triggers.base import BaseTrigger

    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.exceptions import OmicsError
    from airflow_provider_omics.lifecycle.protocol import Started
    from airflow_provider_omics.polling.faults import Faults
    from airflow_provider_omics.records.documents import JsonValue

T = TypeVar("T", bound="Started")
# Errors that no retry of the sensor helps, or that Airflow itself skips for soft_fail if they come from poke.
_FINAL: Final = (
    *(AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException),
    *(RunEndedError, ReadSetJobFailedError, RunTimeoutError, ReadSetJobTimeoutError),
)


class OmicsSensor(OmicsConnection, BaseSensorOperator, Generic[T]):
    """
    Wait until a run or a read set job has succeeded; the sensor never cancels it.

    :param deferrable: whether to wait in the triggerer.
    :param poll_interval: time between two polls of a deferred sensor, as ``timedelta`` or in seconds.
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    """

    wait_error: ClassVar[type[OmicsError]]
    timed_out: ClassVar[type[OmicsError]]
    # Time of the first poll, in epoch seconds: a new run or job may not be visible yet.
    first_poll: float | None = None
    _faults: Faults | None = None
    template_fields: Sequence[str] = OmicsOperator.template_fields
    ui_color = OmicsOperator.ui_color

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: timedelta | float | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | os.PathLike[str] | None = None,
        botocore_config: dict[str, JsonValue] | None = None,
        **kwargs: Any,  # noqa: ANN401 - whatever BaseSensorOperator takes
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.poll_interval = None if poll_interval is None else self._seconds("poll_interval", poll_interval)
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify_of(verify)
        self.botocore_config = botocore_config
        self._check_connection()
        self._check_switches("deferrable")

    @abstractmethod
    def target(self) -> T:
        """Return the run or job that the arguments name; OmicsRequestError if they break a rule."""

    @abstractmethod
    def present(self, seen: T) -> T:
        """Return the present run or job, by one call."""

    @abstractmethod
    def conclude(self, context: Context, seen: T) -> dict[str, Any]:
        """Return the task's result, or raise the error of a run or job that ended without success."""

    @abstractmethod
    def read_event(self, event: Mapping[str, object] | None) -> tuple[T, str | None, bool]:
        """Return from the trigger's event: the run or job, an error if waiting failed, and whether it timed out."""

    @abstractmethod
    def trigger(self, seen: T, hook_params: HookParams, deadline: float) -> BaseTrigger:
        """Return the trigger that waits for it."""

    def execute(self, context: Context) -> Any:  # noqa: ANN401 - what a sensor returns
        """Wait, in the worker or in the triggerer."""
        with self._skipping():
            if self.deferrable:
                return self._wait(context, None, None)
            super().execute(context)
            return self._result

    def poke(self, context: Context) -> bool:
        """Poll once."""
        from airflow_provider_omics.results.progress import UnknownStatus  # noqa: PLC0415 - keep DAG parsing fast

        if self.first_poll is None:
            self.first_poll = first_poke(context) if self.reschedule else time.time()
            self._unknown = UnknownStatus()
        seen = self._poll()
        if warning := self._unknown.warning(seen, time.time()):  # type: ignore[arg-type]  # a run or a job
            self.log.warning("%s", warning)
        if seen.ended:
            self.silent_fail = False  # It is for errors of a poll: one that ended without success never succeeds.
            self._result = self.conclude(context, seen)
        return seen.ended

    def execute_complete(
        self,
        context: Context,
        event: dict[str, object] | None = None,
        *,
        until: float | None = None,
        deadline: float | None = None,
        **unknown: object,
    ) -> dict[str, Any]:
        """
        Resume after the trigger's event.

        :param event: the trigger's event.
        :param until: when `timeout` passes, in epoch seconds.
        :param deadline: when `execution_timeout` passes, in epoch seconds.
        :param unknown: arguments of a newer release, which are ignored with a warning.
        """
        from airflow_provider_omics.records.versioned import UnreadableError, ignore  # noqa: PLC0415 - not for DAG files

        ignore(f"{type(self).__name__}.execute_complete", unknown)
        try:
            seen, error, timed_out = self.read_event(event)
        except UnreadableError as unreadable:
            self.log.warning("The trigger's event cannot be read, polling again: %s", unreadable)
            return self._wait(context, until, deadline)
        if error:
            raise self.wait_error(f"Waiting for {seen} failed: {error}")
        if timed_out:
            raise self._timed_out(seen, by_execution_timeout=deadline is not None and deadline <= (until or deadline))
        return self.conclude(context, seen)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:  # noqa: ANN401
        """Resume after a deferral; `soft_fail`, `never_fail` and `timeout` work as in the worker."""
        with self._skipping():
            if is_deferral_timeout(next_method, next_kwargs):
                # Airflow 2 ends a deferral for execution_timeout as well.
                limit = self.execution_timeout
                mine = limit is not None and 0 < limit.total_seconds() <= self.timeout
                raise self._timed_out(self.target(), by_execution_timeout=mine)
            # Not BaseSensorOperator's: it differs between Airflow's versions, and skips errors that a retry may help.
            return BaseOperator.resume_execution(self, next_method, next_kwargs, context)

    def _wait(self, context: Context, until: float | None, deadline: float | None) -> dict[str, Any]:
        """
        Poll once, and defer if the run or job has not ended.

        :param until: when `timeout` passes, in epoch seconds; None before the first deferral.
        :param deadline: when `execution_timeout` passes, in epoch seconds; None before the first deferral.
        """
        until = until or time.time() + self.timeout
        deadline = deadline or self._deadline()
        self.first_poll = time.time()
        seen = self._poll()
        if seen.ended:
            return self.conclude(context, seen)
        if time.time() < until:
            self._defer(seen, until, deadline)
        raise self._timed_out(seen, by_execution_timeout=False)

    def _poll(self) -> T:
        """Poll once; after a transient error the run or job counts as not ended."""
        from airflow_provider_omics.polling.faults import Faults  # noqa: PLC0415 - no boto3 in DAG files

        target = self.target()
        if self._faults is None:
            self.hook().conn_config  # noqa: B018 - raises if the connection does not exist
            self._faults = Faults(f"A poll of {target}")
        try:
            seen = self.present(target)
        except Exception as error:  # noqa: BLE001 - note() raises it again unless it is transient
            self._faults.note(error)
            return target
        self._faults.count = 0
        return seen

    def _defer(self, seen: T, until: float, deadline: float | None) -> NoReturn:
        # The triggerer's environment may name another Region than the worker's.
        region = self.region_name or self.hook().region
        self.defer(
            trigger=self.trigger(
                seen, replace(self.hook_params, region_name=region), min(until, deadline) if deadline else until
            ),
            method_name="execute_complete",
            kwargs={"until": until, "deadline": deadline},
            # The trigger's own time-out is a little earlier; Airflow's applies if no triggerer runs.
            timeout=timedelta(seconds=until - time.time()),
        )

    def _timed_out(self, seen: T, *, by_execution_timeout: bool) -> Exception:
        """Return the error of a time-out; Airflow retries after `execution_timeout`, not after `timeout`."""
        if by_execution_timeout:
            return self.timed_out(
                f"HealthOmics {seen}: not ended within execution_timeout {self.execution_timeout}; it goes on, and a "
                "retry waits for it"
            )
        return AirflowSensorTimeout(f"HealthOmics {seen}: not ended within timeout {self.timeout:g} s; it goes on")

    @contextmanager
    def _skipping(self) -> Iterator[None]:
        """Skip the task as `soft_fail` or `never_fail` say, as Airflow does for an error of poke."""
        try:
            yield
        except (AirflowSkipException, AirflowRescheduleException):
            raise
        except (Exception, AirflowTaskTimeout) as error:
            if self.never_fail or (self.soft_fail and isinstance(error, _FINAL)):
                option = "never_fail" if self.never_fail else "soft_fail"
                raise AirflowSkipException(f"Skipped, as {option}=True says: {error}") from error
            raise
