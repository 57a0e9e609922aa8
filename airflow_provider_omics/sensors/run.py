# SPDX-License-Identifier: Apache-2.0
"""Wait for a run that another task or program has started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_omics.exceptions import (
    RunCancelledError,
    RunDeletedError,
    RunFailedError,
    RunTimeoutError,
    RunWaitError,
)
from airflow_provider_omics.tasks.base import OmicsOperator
from airflow_provider_omics.tasks.sensor_base import OmicsSensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.triggers.base import BaseTrigger

    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.records.run import Run

_ENDINGS = {"FAILED": RunFailedError, "CANCELLED": RunCancelledError, "DELETED": RunDeletedError}


class OmicsRunSensor(OmicsSensor["Run"]):
    """
    Wait until a run has COMPLETED; the sensor never cancels it.

    The task returns ``run_id``, ``uuid``, ``arn``, ``run_output_uri`` and ``status`` as one dict.

    :param run_id: run to wait for (templated).
    :param uuid: the run's uuid; if the id now belongs to another uuid, the run counts as deleted (templated).
    :param deferrable: whether to wait in the triggerer; by default
        ``[operators] default_deferrable``.
    :param poll_interval: time between two polls of a deferred sensor, as ``timedelta`` or in seconds; by default
        ``[omics] poll_interval``, and longer for an older run. A sensor that is not deferrable polls every
        ``poke_interval``.
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    :raises OmicsRequestError: if ``run_id`` is not digits, or a ``uuid`` renders to nothing.
    :raises RunFailedError: if the run ends FAILED.
    :raises RunCancelledError: if it ends CANCELLED.
    :raises RunDeletedError: if it is deleted, or does not exist.
    :raises AirflowSensorTimeout: if it has not ended within ``timeout``, counted from the start of the try; no retry.
    :raises RunTimeoutError: if a deferred sensor's ``execution_timeout`` passes first; a retry goes on waiting.
    """

    wait_error, timed_out = RunWaitError, RunTimeoutError
    template_fields: Sequence[str] = ("run_id", "uuid", *OmicsOperator.template_fields)
    _none_matters: ClassVar[Sequence[str]] = ("uuid", *OmicsOperator.template_fields)

    def __init__(
        self,
        *,
        run_id: str,
        uuid: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - whatever OmicsSensor takes
    ) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id
        self.uuid = uuid
        self.has_uuid = uuid is not None

    def target(self) -> Run:
        """Return the run that the arguments name."""
        from airflow_provider_omics.records.run import Run, is_id, uuid_of  # noqa: PLC0415 - keep DAG parsing fast
        from airflow_provider_omics.tasks.runs_to_end import is_nothing  # noqa: PLC0415 - likewise

        run_id = str(self.run_id).strip()
        if not is_id(run_id):
            raise self._request_error(f"run_id must be digits, not {run_id!r}")
        if is_nothing(self.uuid) and (self.has_uuid or "uuid" in self._rendered_to_none()):
            raise self._request_error(f"uuid rendered to nothing, and id {run_id} may belong to another run by now")
        uuid = "" if self.uuid is None else uuid_of(self.uuid)
        # A new run may not be visible yet: the 15 minutes for that count from the first poll.
        return Run(run_id, uuid, creation_time=self.first_poll)

    def present(self, seen: Run) -> Run:
        """Call GetRun."""
        return self.hook().get_run(seen)

    def trigger(self, seen: Run, hook_params: HookParams, deadline: float) -> BaseTrigger:
        """Return the run's trigger."""
        from airflow_provider_omics.triggers.run import OmicsRunTrigger  # noqa: PLC0415 - no boto3 in DAG files

        return OmicsRunTrigger.of(seen, hook_params, self.poll_interval, deadline=deadline, cancel_on_kill=False)

    def read_event(self, event: Mapping[str, object] | None) -> tuple[Run, str | None, bool]:
        """Read a RunEvent, and log again what the trigger has logged."""
        from airflow_provider_omics.records.run_event import RunEvent  # noqa: PLC0415 - keep DAG parsing fast
        from airflow_provider_omics.records.versioned import UnreadableError  # noqa: PLC0415 - likewise

        read = RunEvent.deserialize(event)
        if read.run is None:
            raise UnreadableError("the trigger's event names no run")
        for line in read.said:
            self.log.info("While this sensor was deferred: %s", line)
        return read.run, read.error, read.timed_out

    def conclude(self, context: Context, seen: Run) -> dict[str, str]:  # noqa: ARG002 - as every sensor's
        """Return the run's XCom, or raise the error of a run that ended without success."""
        if not seen.succeeded:
            raise _ENDINGS[seen.status](seen)
        from airflow_provider_omics.results.progress import summary  # noqa: PLC0415 - keep DAG parsing fast

        self.log.info("HealthOmics %s", summary(seen))
        return seen.xcom()
