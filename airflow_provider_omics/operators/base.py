# SPDX-License-Identifier: Apache-2.0
"""What every operator of this provider has: the way to AWS."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.compat import BaseOperator
from airflow_provider_omics.exceptions import OmicsRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_omics.core.documents import JsonValue
    from airflow_provider_omics.core.hook_params import HookParams
    from airflow_provider_omics.hooks.omics import OmicsHook


class OmicsConnection:
    """What an operator or a sensor makes of its four connection arguments."""

    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None
    botocore_config: dict[str, JsonValue] | None
    execution_timeout: timedelta | None

    @property
    def hook_params(self) -> HookParams:
        """The connection arguments as one."""
        from airflow_provider_omics.core.hook_params import HookParams  # noqa: PLC0415 - a DAG file does not pay for it

        return HookParams(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)

    def hook(self, **config: JsonValue) -> OmicsHook:
        """Return a new hook; ``config`` wins over ``botocore_config``."""
        from airflow_provider_omics.hooks.omics import OmicsHook  # noqa: PLC0415 - DAG files need no boto3

        return OmicsHook.from_params(self.hook_params, config)

    def _deadline(self) -> float | None:
        """Return the time before Airflow's own time-out, which would leave the run alone, in epoch seconds."""
        if self.execution_timeout is None:
            return None
        seconds = self.execution_timeout.total_seconds()
        return time.time() + seconds - min(10.0, seconds / 10)


class OmicsOperator(OmicsConnection, BaseOperator):
    """
    Reach AWS HealthOmics by an Airflow connection.

    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle.
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    """

    template_fields: Sequence[str] = ("aws_conn_id", "region_name")
    ui_color = "#d6e9d0"

    def __init__(
        self,
        *,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, JsonValue] | None = None,
        **kwargs: Any,  # noqa: ANN401 - whatever BaseOperator takes
    ) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    def _check_waiting(self, poll_interval: float | None, submit_timeout: timedelta) -> None:
        mine = f"{type(self).__name__} {self.task_id}"
        if poll_interval is not None and poll_interval <= 0:
            raise OmicsRequestError(f"{mine}: poll_interval must be above 0 seconds")
        if not isinstance(submit_timeout, timedelta):
            raise OmicsRequestError(f"{mine}: submit_timeout must be a timedelta, not {submit_timeout!r}")
