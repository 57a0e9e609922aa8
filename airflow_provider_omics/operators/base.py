# SPDX-License-Identifier: Apache-2.0
"""What every operator of this provider has: the way to AWS."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.compat import BaseOperator, check_storable
from airflow_provider_omics.core.request import RequestError
from airflow_provider_omics.exceptions import OmicsRequestError
from airflow_provider_omics.request.arguments import broken_connection_rules, seconds_of, verify_of

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.triggers.base import BaseTrigger

    from airflow_provider_omics.core.documents import JsonValue
    from airflow_provider_omics.core.hook_params import HookParams
    from airflow_provider_omics.hooks.omics import OmicsHook


class OmicsConnection:
    """What an operator or a sensor makes of its four connection arguments, and of times."""

    task_id: str
    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | os.PathLike[str] | None
    botocore_config: dict[str, JsonValue] | None
    execution_timeout: timedelta | None

    @property
    def hook_params(self) -> HookParams:
        """
        The connection arguments as one.

        :raises OmicsRequestError: if one is of a wrong type.
        """
        from airflow_provider_omics.core.hook_params import HookParams  # noqa: PLC0415 - a DAG file does not pay for it

        self._check_connection()
        return HookParams(self.aws_conn_id, self.region_name, verify_of(self.verify), self.botocore_config)

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

    def check_deferral(self, trigger: BaseTrigger, method_name: str, kwargs: dict[str, Any]) -> None:
        """
        Store, as Airflow will, what the task is to be deferred with; when something has been started it is too late.

        :raises OmicsRequestError: if Airflow cannot.
        """
        try:
            check_storable({"trigger": trigger.serialize()[1], "kwargs": kwargs})
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            what = f"Airflow cannot store what this task is to be deferred with, for {method_name}"
            raise self._refused(f"{what}: nothing was started: {error}") from error

    def _check_connection(self) -> None:
        """Raise if what is known of the connection arguments, all of it when the task runs, is of a wrong type."""
        broken = broken_connection_rules(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)
        if violations := "; ".join(broken):
            raise self._refused(violations)

    def _seconds(self, name: str, value: timedelta | float, *, zero: bool = False) -> float:
        """Return a time in seconds, or raise which rule it breaks."""
        try:
            return seconds_of(name, value, zero=zero)
        except RequestError as error:
            raise self._refused(error) from None

    def _refused(self, why: object) -> OmicsRequestError:
        return OmicsRequestError(f"{type(self).__name__} {self.task_id}: {why}")


class OmicsOperator(OmicsConnection, BaseOperator):
    """
    Reach AWS HealthOmics by an Airflow connection.

    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    """

    template_fields: Sequence[str] = ("aws_conn_id", "region_name", "verify")
    ui_color = "#d6e9d0"

    def __init__(
        self,
        *,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | os.PathLike[str] | None = None,
        botocore_config: dict[str, JsonValue] | None = None,
        **kwargs: Any,  # noqa: ANN401 - whatever BaseOperator takes
    ) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        self._check_connection()
