# SPDX-License-Identifier: Apache-2.0
"""A connection and its clients: options of botocore, host prefixes, and the user agent."""

from __future__ import annotations

import os
import sys
from copy import deepcopy
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]  # it has no types
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoRegionError

from airflow_provider_omics.aws.answers import date_of, drop_presigned
from airflow_provider_omics.exceptions import ConnectionNotFoundError, OmicsError, OmicsRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType
    from typing import Self

    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.records.documents import JsonValue

# Explicit, because botocore's default mode and number of attempts differ between its releases.
_DEFAULTS: Final = Config(retries={"mode": "adaptive", "total_max_attempts": 10})


class OmicsClients(AwsBaseHook):
    """
    Read a connection, and make its clients of HealthOmics and the services beside it.

    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials.
    :param region_name: AWS Region; by default the connection's.
    :param verify: whether to verify TLS certificates, or the path of a CA bundle.
    :param config: options of ``botocore.config.Config``, which win over the connection's.
    """

    def __init__(
        self,
        aws_conn_id: str | None = AwsBaseHook.default_conn_name,
        *,
        region_name: str | None = None,
        verify: bool | str | None = None,
        config: Config | dict[str, Any] | None = None,
    ) -> None:
        if isinstance(config, dict):
            try:
                config = Config(**options_of(config))
            except (TypeError, ValueError, AttributeError, BotoCoreError) as error:
                raise OmicsRequestError(f"botocore_config: {error}") from error
        super().__init__(aws_conn_id, verify=verify, region_name=region_name, client_type="omics", config=config)
        # The time of HealthOmics' first answer to this hook, by its own clock: whole seconds since the epoch.
        self.first_answer: float | None = None

    @classmethod
    def from_params(cls, params: HookParams, config: Mapping[str, JsonValue] | None = None) -> Self:
        """Return the hook of an operator or a trigger; ``config`` wins over its ``botocore_config``."""
        return cls(
            params.aws_conn_id,
            region_name=params.region_name,
            verify=params.verify,
            config={**(params.botocore_config or {}), **(config or {})},
        )

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:  # noqa: ANN401 - Airflow's lines have a Connection each
        """
        Return an Airflow connection; without it the amazon provider would use the credentials of any account it finds.

        :param conn_id: the connection's id.
        :raises ConnectionNotFoundError: if it does not exist, unless it is ``aws_default``.
        """
        try:
            return super().get_connection(conn_id)
        except AirflowNotFoundException as error:
            if conn_id == cls.default_conn_name:
                raise
            raise ConnectionNotFoundError(
                f"aws_conn_id={conn_id!r}: Airflow has no connection of this id, and AWS was not called; create it "
                "where workers and triggerers find it, or give aws_conn_id=None to use boto3's own credentials"
            ) from error

    @cached_property
    def conn_config(self) -> AwsConnectionWrapper:
        """
        The connection, with the botocore configs of provider, connection and caller merged in that order.

        :raises OmicsError: if the connection's extra cannot be used.
        """
        try:
            connection = super().conn_config
            options = options_of(connection.extra_config.get("config_kwargs") or {})
            config = _DEFAULTS
            if has_no_prefixes(connection.get_service_endpoint_url("omics")):
                config = config.merge(Config(inject_host_prefix=False))
            connection.botocore_config = config.merge(Config(**options)).merge(self._config or Config())
        except (TypeError, ValueError, AttributeError, BotoCoreError) as error:
            raise OmicsError(
                f"The extra of connection {self.aws_conn_id} cannot be used ({type(error).__name__}: {error}): correct "
                "it; config_kwargs must be a JSON object of options of botocore.config.Config, service_config an object"
            ) from error
        return connection

    def get_session(self, region_name: str | None = None, deferrable: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - the base's signature
        """Return a boto3 session whose clients remove the presigned parametersUri from GetRun's answers."""
        session = super().get_session(region_name, deferrable)
        # aiobotocore's has no `events`.
        getattr(session, "_session", session).register("before-parse.omics.GetRun", drop_presigned)
        return session

    @cached_property
    def conn(self) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """
        The boto3 client, which notes the time of the first answer.

        :raises OmicsError: if there is no Region.
        """
        try:
            client = super().conn
        except NoRegionError as error:
            raise OmicsError(
                f"aws_conn_id={self.aws_conn_id!r} has no Region: give region_name, or set it in the connection's "
                "extra, or AWS_DEFAULT_REGION where workers and triggerers run"
            ) from error
        client.meta.events.register("after-call.omics", self._note_date)
        return client

    @property
    def region(self) -> str | None:
        """The Region that is called, found without credentials."""
        connection = self.conn_config
        # region_name in botocore's own options wins.
        own: str | None = getattr(connection.botocore_config, "region_name", None)
        return own or connection.region_name or boto3.session.Session(**connection.session_kwargs).region_name

    def renew(self) -> None:
        """Read the connection and the credentials again for the next call."""
        for name in ("conn_config", "conn", "logs", "sqs"):
            self.__dict__.pop(name, None)

    def _get_caller(self, target_function_name: str = "execute") -> str:
        """Return the caller's class for the user agent, faster than the amazon provider does."""
        return calling_class(target_function_name)

    def _note_date(self, parsed: dict[str, Any], **_: object) -> None:
        if self.first_answer is None:
            self.first_answer = date_of(parsed)

    def client_of(self, service: str, config: Config | None = None) -> Any:  # noqa: ANN401 - boto3 makes its clients
        """Return a client of another service, by the same connection; ``config`` wins over its configuration."""
        return self.get_session(region_name=self.region_name).client(
            service,
            endpoint_url=self.conn_config.get_service_endpoint_url(service),
            config=self.config.merge(config) if config else self.config,
            verify=self.verify,
        )

    @cached_property
    def sqs(self) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """The boto3 client of SQS, by the same connection."""
        return self.client_of("sqs")

    @cached_property
    def logs(self) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """The boto3 client of CloudWatch Logs, by the same connection."""
        return self.client_of("logs")


def options_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of a Config, converted from JSON types to botocore's."""
    options = deepcopy(dict(config))  # botocore completes the dicts in it
    if options.get("signature_version") == "unsigned":
        options["signature_version"] = UNSIGNED
    if isinstance(options.get("client_cert"), list):
        options["client_cert"] = tuple(options["client_cert"])
    return options


def has_no_prefixes(endpoint_url: str | None) -> bool:
    """Whether the endpoint takes no host prefixes, as an IP address: `workflows-127.0.0.1` does not resolve."""
    url = endpoint_url or os.environ.get("AWS_ENDPOINT_URL_OMICS") or os.environ.get("AWS_ENDPOINT_URL")
    host = (urlsplit(url).hostname or "") if url else ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def calling_class(function: str) -> str:
    """
    Return the class whose method of this name is being executed, "Unknown" if there is none.

    The amazon provider's own ``AwsBaseHook._get_caller`` reads the source of every frame, 0.1 s of CPU time in each
    process. If a newer release of it no longer calls that method, only its own value is used again.

    :param function: the name of the method.
    """
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - of CPython
    while frame is not None:
        if frame.f_code.co_name == function and "self" in frame.f_locals:
            return type(frame.f_locals["self"]).__name__
        frame = frame.f_back
    return "Unknown"
