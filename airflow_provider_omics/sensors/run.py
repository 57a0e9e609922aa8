# SPDX-License-Identifier: Apache-2.0
"""Wait for a run that something else has started."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import BaseSensorOperator

from airflow_provider_omics.compat import conf
from airflow_provider_omics.exceptions import (
    OmicsRequestError,
    RunCancelledError,
    RunDeletedError,
    RunFailedError,
    RunWaitError,
)
from airflow_provider_omics.operators.base import OmicsConnection, OmicsOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.core.documents import JsonValue
    from airflow_provider_omics.core.run import Run

_ENDINGS = {"FAILED": RunFailedError, "CANCELLED": RunCancelledError, "DELETED": RunDeletedError}


class OmicsRunSensor(OmicsConnection, BaseSensorOperator):
    """
    Wait until a run has COMPLETED; the run itself is never cancelled by this task.

    The task returns ``run_id``, ``uuid``, ``arn``, ``run_output_uri`` and ``status`` as one dict.

    :param run_id: run to wait for (templated).
    :param uuid: the run's uuid; a run of another uuid, which has taken over the id, counts as deleted (templated).
    :param deferrable: whether to wait in the triggerer, in its poll hub; by default
        ``[operators] default_deferrable``.
    :param poll_interval: seconds between two looks of a deferred sensor; by default ``[omics] poll_interval``, which
        stretches with the run's age. One that is not deferred looks every ``poke_interval``.
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle.
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    :raises OmicsRequestError: if ``run_id`` is no run's id.
    :raises RunFailedError: if the run ends FAILED.
    :raises RunCancelledError: if it ends CANCELLED.
    :raises RunDeletedError: if it is deleted, or does not exist.
    """

    template_fields: Sequence[str] = ("run_id", "uuid", *OmicsOperator.template_fields)
    ui_color = OmicsOperator.ui_color

    def __init__(
        self,
        *,
        run_id: str,
        uuid: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, JsonValue] | None = None,
        **kwargs: Any,  # noqa: ANN401 - whatever BaseSensorOperator takes
    ) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id
        self.uuid = uuid
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    def execute(self, context: Context) -> Any:  # noqa: ANN401 - what a sensor returns
        """Wait, in the worker or in the triggerer."""
        if not self.deferrable:
            super().execute(context)
            return self._seen.xcom()
        run = self._look()
        if run.ended:
            return self._judge(run)
        self._defer(run)
        return None

    def _defer(self, run: Run) -> NoReturn:
        from airflow_provider_omics.triggers.run import OmicsRunTrigger  # noqa: PLC0415 - DAG files need no boto3

        self.defer(
            # No deadline but the sensor's own: Airflow knows `timeout`, and soft_fail, when the deferral times out.
            trigger=OmicsRunTrigger.of(run, self.hook_params, self.poll_interval, cancel_on_kill=False),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> bool:  # noqa: ARG002 - Airflow's signature
        """Look once."""
        self._seen = self._look()
        return self._seen.ended and bool(self._judge(self._seen))

    def execute_complete(self, context: Context, event: dict[str, object] | None = None) -> dict[str, str]:  # noqa: ARG002
        """Go on when the trigger has said how the run ended."""
        from airflow_provider_omics.core.event import RunEvent  # noqa: PLC0415 - a DAG file does not pay for it

        told = RunEvent.deserialize(event)
        for line in told.said:
            self.log.info("While this sensor was deferred: %s", line)
        if told.error:
            raise RunWaitError(f"Waiting for run {told.run.id} ({told.run.status}) broke: {told.error}")
        return self._judge(told.run)

    def _look(self) -> Run:
        from airflow_provider_omics.core.run import Run  # noqa: PLC0415 - a DAG file does not pay for it

        run_id = str(self.run_id).strip()
        if not run_id.isdecimal():
            raise OmicsRequestError(f"{type(self).__name__} {self.task_id}: run_id must be digits, not {run_id!r}")
        uuid = "" if self.uuid in (None, "None") else str(self.uuid)
        return self.hook().get_run(Run(run_id, uuid, "", "", "PENDING"))

    def _judge(self, run: Run) -> dict[str, str]:
        if not run.succeeded:
            raise _ENDINGS[run.status](run)
        self.log.info("HealthOmics %s, output %s", run, run.output_uri)
        return run.xcom()
