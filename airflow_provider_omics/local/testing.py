# SPDX-License-Identifier: Apache-2.0
"""A running endpoint, driven from outside: by tests, and by demos and benchmarks."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import urllib.request
import zipfile
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow_provider_omics.local.environment import REGION, airflow_connection, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_omics.local.server import Server

_READY = "omics-local ready "


class LocalClock:
    """The endpoint's clock, from outside."""

    def __init__(self, control: LocalOmics) -> None:
        self._control = control

    def freeze(self) -> None:
        """Stop it."""
        self._control.call("POST", "clock", {"freeze": True})

    def resume(self) -> None:
        """Let it run on."""
        self._control.call("POST", "clock", {"freeze": False})

    def advance(self, seconds: float) -> None:
        """Move it on."""
        self._control.call("POST", "clock", {"advance": seconds})

    def jump(self) -> None:
        """
        Let it jump, until it is frozen or resumed, to whatever comes next in a simulated run's life, and so on.

        However long runs are to live, they are over in a second, and are still seen in each status.
        """
        self._control.call("POST", "clock", {"jump": True})

    def now(self) -> datetime:
        """Return its present."""
        return datetime.fromisoformat(self._control.call("POST", "clock", {})["now"])


class LocalOmics:
    """A running endpoint, in this process or another: its address, its switches, and what it has seen."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = LocalClock(self)

    def client(self, service: str = "omics", *, access_key: str = "local", **config: Any) -> Any:  # noqa: ANN401 - boto3's
        """Return a boto3 client of the endpoint; ``config`` goes to botocore's Config."""
        import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - only who asks for a client waits for it
        from botocore.config import Config  # noqa: PLC0415 - likewise

        # A proxy of the environment must not see a loopback address.
        options: dict[str, Any] = {"inject_host_prefix": False, "proxies": {}}
        options |= {"retries": {"total_max_attempts": 1, "mode": "standard"}, **config}
        session = boto3.Session(access_key, "local", region_name=REGION)
        return session.client(service, endpoint_url=self.url, config=Config(**options))

    def env(self) -> dict[str, str]:
        """Return the environment variables that lead AWS clients and Airflow to the endpoint."""
        return environment(self.url)

    def airflow_connection(self) -> dict[str, Any]:
        """Return the Airflow connection of the endpoint."""
        return airflow_connection(self.url)

    def reset(self) -> None:
        """Forget everything, in the other services as well."""
        self.call("POST", "reset")

    def switch(self, **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - each setting has its type
        """Change settings (see ``settings.Settings``) and return all of them."""
        answer: dict[str, Any] = self.call("POST", "settings", settings)
        return answer

    def execute(self) -> None:
        """Execute WDL from now on, until the next reset, as the server does without ``--simulate``."""
        self.call("POST", "execute")

    def fault(self, operation: str, kind: str, **members: Any) -> None:  # noqa: ANN401 - see planned_faults.Fault
        """Plan a ``drop``, ``lost``, ``error`` (``code=``) or ``delay`` (``seconds=``)."""
        self.call("POST", "faults", {"operation": operation, "kind": kind, **members})

    def faults(self) -> list[dict[str, Any]]:
        """Return the planned faults that are not used up, each with the number of calls that it ``struck``."""
        answer: list[dict[str, Any]] = self.call("GET", "faults")
        return answer

    def clear_faults(self) -> None:
        """Drop all planned faults."""
        self.call("DELETE", "faults")

    def script(self, **members: Any) -> None:  # noqa: ANN401 - see state.scripts.Plan
        """Plan how the runs of a ``name``, of a ``workflowId``, or all are to live and end."""
        self.call("POST", "scripts", members)

    def workflow(self, *, definition: str | Path | None = None, **members: Any) -> str:  # noqa: ANN401 - GetWorkflow's members
        """
        Register a workflow as it is and return its id.

        :param definition: a WDL file, a folder or a zip file; :meth:`execute` lets its runs be executed.
        :raises ValueError: if the definition cannot be used.
        """
        if definition is not None:
            members["definitionZip"] = base64.b64encode(_zipped(Path(definition))).decode()
        return str(self.call("POST", "workflows", members)["id"])

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs in the order of their creation, those deleted (status DELETED) first."""
        answer: list[dict[str, Any]] = self.call("GET", "runs")
        return answer

    def force(self, run_id: str, status: str, **why: str | bool) -> None:
        """
        Put a simulated run into a status at once (``failureReason``, ``statusMessage``); DELETED removes it.

        ``unknown=True`` takes a status that HealthOmics does not have yet.
        """
        self.call("POST", "runs", {"id": run_id, "status": status, **why})

    def jobs(self) -> list[dict[str, Any]]:
        """Return all read set jobs with their sources, those of each sequence store in the order of their creation."""
        answer: list[dict[str, Any]] = self.call("GET", "jobs")
        return answer

    def force_job(self, job_id: str, status: str, **why: str | bool) -> None:
        """Put a read set job into a status at once (``statusMessage``), with ``unknown=True`` one that is not known."""
        self.call("POST", "jobs", {"id": job_id, "status": status, **why})

    def force_read_set(self, read_set_id: str, status: str, **why: str) -> None:
        """Put a read set into a status at once (``statusMessage``), such as ARCHIVED."""
        self.call("POST", "read-sets", {"id": read_set_id, "status": status, **why})

    def calls(self, operation: str | None = None) -> list[dict[str, Any]]:
        """Return the calls that arrived, of one operation or all: operation, time, request_id, id, status."""
        query = {"operation": operation} if operation else {}
        answer: list[dict[str, Any]] = self.call("GET", f"calls?{urlencode(query)}")
        return answer

    def counts(self) -> dict[str, int]:
        """Return how many calls of each operation arrived."""
        answer: dict[str, int] = self.call("GET", "counts")
        return answer

    def call(self, method: str, path: str, document: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - any JSON
        """Make a call of the control API."""
        body = None if document is None else json.dumps(document).encode()
        return json.loads(self._request(method, f"/_local/{path}", body, {"X-Omics-Local": "1"}))

    def _request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        request = urllib.request.Request(self.url + path, body, headers, method=method)  # noqa: S310 - http, loopback
        # A proxy of the environment must not see a loopback address.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.loads(error.read())["message"]) from None


def _zipped(path: Path) -> bytes:
    """Return a file, or the files of a folder, as a zip."""
    if path.suffix == ".zip":
        return path.read_bytes()
    files = {path: path.name}
    if path.is_dir():
        files = {file: str(file.relative_to(path)) for file in sorted(path.rglob("*")) if file.is_file()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, name in files.items():
            archive.write(file, name)
    return buffer.getvalue()


@contextmanager
def start_server(*options: str) -> Iterator[LocalOmics]:
    """Run ``omics-local serve --port 0`` with more options in a process of its own; its log goes to stderr."""
    command = [sys.executable, "-m", "airflow_provider_omics.local", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith(_READY):
                raise RuntimeError("omics-local did not start; its log on stderr says why.")
            yield LocalOmics(line.removeprefix(_READY).strip())
        finally:
            process.terminate()


def installed_server() -> type[Server]:
    """Return the class of the endpoint's server; ImportError says how to install what it needs."""
    try:
        from airflow_provider_omics.local.server import Server  # noqa: PLC0415 - needs the extra, the handle does not
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{error.name} is not installed; the endpoint needs: pip install 'airflow-provider-omics[local]'"
        ) from error
    return Server
