# SPDX-License-Identifier: Apache-2.0
"""Wait for a run that something else has started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_omics.exceptions import (
    OmicsRequestError,
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
    Wait until a run has COMPLETED; the run itself is never cancelled by this task.

    The task returns ``run_id``, ``uuid``, ``arn``, ``run_output_uri`` and ``status`` as one dict.

    :param run_id: run to wait for (templated).
    :param uuid: the run's uuid; a run of another uuid, which has taken over the id, counts as deleted (templated).
    :param deferrable: whether to wait in the triggerer; by default
        ``[operators] default_deferrable``.
    :param poll_interval: time between two polls of a deferred sensor, as ``timedelta`` or in seconds; by default
        ``[omics] poll_interval``, which stretches with the run's age. One that is not deferred looks every
        ``poke_interval``.
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    :raises OmicsRequestError: if ``run_id`` is no run's id.
    :raises RunFailedError: if the run ends FAILED.
    :raises RunCancelledError: if it ends CANCELLED.
    :raises RunDeletedError: if it is deleted, or does not exist.
    :raises AirflowSensorTimeout: if it has not ended within ``timeout``, which counts from the start of the try; no
        retry follows.
    :raises RunTimeoutError: if a deferred sensor's ``execution_timeout`` passes first; a retry waits on.
    """

    broke, timed_out = RunWaitError, RunTimeoutError
    template_fields: Sequence[str] = ("run_id", "uuid", *OmicsOperator.template_fields)

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

    def asked(self) -> Run:
        """Return the run as the arguments name it."""
        from airflow_provider_omics.records.run import Run, is_id, uuid_of  # noqa: PLC0415 - a DAG file does not pay for it

        run_id = str(self.run_id).strip()
        if not is_id(run_id):
            raise OmicsRequestError(f"{type(self).__name__} {self.task_id}: run_id must be digits, not {run_id!r}")
        uuid = "" if self.uuid in (None, "None") else uuid_of(self.uuid)
        # It may be too new to be visible: the quarter of an hour for that counts from the first look.
        return Run(run_id, uuid, creation_time=self.first_look)

    def look(self, seen: Run) -> Run:
        """Call GetRun."""
        return self.hook().get_run(seen)

    def trigger(self, seen: Run, hook_params: HookParams, deadline: float) -> BaseTrigger:
        """Return the run's trigger."""
        from airflow_provider_omics.triggers.run import OmicsRunTrigger  # noqa: PLC0415 - DAG files need no boto3

        return OmicsRunTrigger.of(seen, hook_params, self.poll_interval, deadline=deadline, cancel_on_kill=False)

    def told(self, event: Mapping[str, object] | None) -> tuple[Run, str | None, bool]:
        """Read a RunEvent, and say again what was said while the sensor was deferred."""
        from airflow_provider_omics.records.run_event import RunEvent  # noqa: PLC0415 - a DAG file does not pay for it
        from airflow_provider_omics.records.versioned import UnreadableError  # noqa: PLC0415 - likewise

        told = RunEvent.deserialize(event)
        if told.run is None:
            raise UnreadableError("the trigger's event names no run")
        for line in told.said:
            self.log.info("While this sensor was deferred: %s", line)
        return told.run, told.error, told.timed_out

    def judge(self, context: Context, seen: Run) -> dict[str, str]:  # noqa: ARG002 - as every sensor's
        """Return the run's XCom, or raise how it ended."""
        if not seen.succeeded:
            raise _ENDINGS[seen.status](seen)
        from airflow_provider_omics.results.progress import summary  # noqa: PLC0415 - a DAG file does not pay for it

        self.log.info("HealthOmics %s", summary(seen))
        return seen.xcom()
