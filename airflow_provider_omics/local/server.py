# SPDX-License-Identifier: Apache-2.0
"""The server: the endpoint on a loopback port, in a thread of its own."""

from __future__ import annotations

import errno
import ipaddress
import secrets
import socket
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import uvicorn

from airflow_provider_omics.local import examples
from airflow_provider_omics.local.http.app import App
from airflow_provider_omics.local.http.control import configure
from airflow_provider_omics.local.operations.endpoint import Endpoint
from airflow_provider_omics.local.publishing.publisher import Publisher
from airflow_provider_omics.local.publishing.publishing_queue import PublishingQueue
from airflow_provider_omics.local.wdl import examine
from airflow_provider_omics.local.wire.caller import NOBODY

if TYPE_CHECKING:
    from airflow_provider_omics.local.state.execution import Executor

_TICK = 0.05


class Server:
    """One endpoint: it answers when entered, and leaves nothing running when left."""

    def __init__(
        self,
        config: dict[str, Any] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        simulate: bool = True,
    ) -> None:
        self.endpoint = Endpoint(config or {}, simulate=simulate)
        configure(self.endpoint, self.endpoint.config)
        self._socket = _listen(host, port)
        name, number = self._socket.getsockname()[:2]
        self.url = f"http://[{name}]:{number}" if ":" in name else f"http://{name}:{number}"
        own_key = f"omics-local-{secrets.token_hex(8)}"
        publisher = Publisher(self.url, self._region_of, own_key)
        buckets = partial(publisher.make_buckets, examples.BUCKETS if self.endpoint.config.get("examples") else ())
        self.endpoint.connect(partial(_executor, publisher), PublishingQueue(publisher, self.endpoint.lock))
        options: dict[str, Any] = {"lifespan": "off", "ws": "none", "log_config": None, "access_log": False}
        options |= {"date_header": False, "server_header": False, "timeout_graceful_shutdown": 1}
        self._uvicorn = uvicorn.Server(uvicorn.Config(App(self.endpoint, buckets, own_key), **options))
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._uvicorn.run, args=([self._socket],), name="omics-local", daemon=True),
            threading.Thread(target=self._tick, name="omics-local-clock", daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        while not self._uvicorn.started:
            if not self._threads[0].is_alive():
                raise RuntimeError(f"The endpoint at {self.url} did not start; its log says why.")
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        # First, so that no run that is to end waits for a large file on its way to or from S3.
        self._uvicorn.should_exit = True
        self.endpoint.close()
        examine.stop()
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _tick(self) -> None:
        """Let runs live on while nobody asks for them."""
        while not self._stopping.wait(_TICK):
            with self.endpoint.lock:
                self.endpoint.state.jump()
            self.endpoint.catch_up()

    def _region_of(self, run_id: str) -> str:
        run = self.endpoint.state.runs.get(run_id)
        return run.caller.region if run else NOBODY.region


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to a loopback address, for this endpoint executes what it is given."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"The endpoint binds loopback addresses only, not {host}; use 127.0.0.1.")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sends small answers at once only where the protocol is named: without it each waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
    except OSError as error:
        listening.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise ValueError(
            f"Port {port} of {host} is in use, perhaps by another omics-local; choose one with --port, 0 for any."
        ) from None
    return listening


def _executor(publisher: Publisher) -> Executor:
    from airflow_provider_omics.local.wdl.executor import WdlExecutor  # noqa: PLC0415 - needs miniwdl, simulation does not

    return WdlExecutor(publisher)
