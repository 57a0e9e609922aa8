# SPDX-License-Identifier: Apache-2.0
"""The real operator, hook and boto3 clients, whose requests the present world answers."""

from __future__ import annotations

import logging
import threading
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from airflow_provider_omics.hooks import omics
from airflow_provider_omics.local.wire.service_model import Service
from airflow_provider_omics.operators.run import StartOmicsRunOperator

if TYPE_CHECKING:
    from tests.protocol.world import World

# The world that clients and clocks belong to at present.
CURRENT: list[World] = []


class Operator(StartOmicsRunOperator):
    """The operator, on the world's wire."""

    world: World
    operator_extra_links = ()
    log = logging.getLogger("tests.protocol")

    def hook(self, **_config: Any) -> omics.OmicsHook:
        return self.world.hook()


class Hook(omics.OmicsHook):
    """The hook, with clients that all tries share: making one takes longer than a whole schedule."""

    log = Operator.log
    conn_config = SimpleNamespace(
        region_name="us-east-1", botocore_config=None, verify=None, get_service_endpoint_url=lambda _: None
    )

    def __init__(self) -> None:
        super().__init__(None)
        self._thread = threading.current_thread()

    def get_client_type(self, **_: Any) -> Any:
        return client("omics")

    def get_session(self, **_: Any) -> Any:
        return SimpleNamespace(client=lambda name, **_: client(name))

    def _note_date(self, parsed: dict[str, Any], **more: object) -> None:
        if threading.current_thread() is self._thread:
            super()._note_date(parsed, **more)


@cache
def client(name: str) -> Any:
    """Return a boto3 client whose requests the present world answers; it tries every call twice."""
    retries = {"mode": "legacy", "total_max_attempts": 2}
    config = Config(inject_host_prefix=False, retries=retries, signature_version=UNSIGNED)
    new = boto3.Session("x", "x", region_name="us-east-1").client(
        name, endpoint_url="http://127.0.0.1:1", config=config
    )
    answers = {"omics": "answer", "logs": "log_events"}
    new.meta.events.register("before-send", lambda request, **_: getattr(CURRENT[-1], answers[name])(request))
    return new


@cache
def service() -> Service:
    return Service("omics")


def response(request: Any, status: int, headers: dict[str, str], body: bytes) -> AWSResponse:
    return AWSResponse(request.url, status, headers, SimpleNamespace(stream=lambda *_, **__: iter([body])))
