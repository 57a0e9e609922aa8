# SPDX-License-Identifier: Apache-2.0
"""What every sensor of this provider does: look, wait in the worker or in the triggerer, and judge the end."""

from __future__ import annotations

from abc import abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from airflow.providers.common.compat.sdk import BaseSensorOperator

from airflow_provider_omics.compat import conf
from airflow_provider_omics.operators.base import OmicsConnection, OmicsOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.triggers.base import BaseTrigger

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.core.documents import JsonValue
    from airflow_provider_omics.core.protocol import Started

T = TypeVar("T", bound="Started")


class OmicsSensor(OmicsConnection, BaseSensorOperator, Generic[T]):
    """
    Wait until something of HealthOmics has ended well; it is never cancelled by this task.

    :param deferrable: whether to wait in the triggerer.
    :param poll_interval: seconds between two looks of a deferred sensor.
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle.
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    """

    template_fields: Sequence[str] = OmicsOperator.template_fields
    ui_color = OmicsOperator.ui_color

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, JsonValue] | None = None,
        **kwargs: Any,  # noqa: ANN401 - whatever BaseSensorOperator takes
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    @abstractmethod
    def look(self) -> T:
        """Look once."""

    @abstractmethod
    def judge(self, context: Context, seen: T) -> dict[str, Any]:
        """Return what the task returns when the wait is over, or raise why it was in vain."""

    @abstractmethod
    def trigger(self, seen: T) -> BaseTrigger:
        """Return what waits in the triggerer."""

    def execute(self, context: Context) -> Any:  # noqa: ANN401 - what a sensor returns
        """Wait, in the worker or in the triggerer."""
        if not self.deferrable:
            super().execute(context)
            return self._told
        seen = self.look()
        if seen.ended:
            return self.judge(context, seen)
        self._defer(seen)
        return None

    def _defer(self, seen: T) -> NoReturn:
        self.defer(
            # No deadline but the sensor's own: Airflow knows `timeout`, and soft_fail, when the deferral times out.
            trigger=self.trigger(seen),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> bool:
        """Look once."""
        seen = self.look()
        if seen.ended:
            self._told = self.judge(context, seen)
        return seen.ended
