# SPDX-License-Identifier: Apache-2.0
"""One miniwdl process: started apart from everything else, followed line by line, and never outlived by a child."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.definitions import python_path
from airflow_provider_omics.local.isolation import backend, ending_with_parent, namespaces
from airflow_provider_omics.local.run_folders import MARKER, kill
from airflow_provider_omics.local.tails import Tail
from airflow_provider_omics.local.wdl_cache_export import NEW
from airflow_provider_omics.local.wdl_inputs import CONNECTION
from airflow_provider_omics.local.wdl_plugins import write_plugins

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from airflow_provider_omics.local.state.executor import RunUpdates
    from airflow_provider_omics.local.wdl_inputs import Inputs

    Log = Callable[[str, list[tuple[datetime, str]]], None]

logger = logging.getLogger(__name__)

TICK = 0.05
# The root holds all that may be an input: nothing else of the host is one.
# Hard links make the outputs' tree one of plain files, without the loops that links in a task's directory may make.
CONFIG = """
[scheduler]
container_backend = {backend}
[file_io]
root = {directory}
output_hardlinks = true
[call_cache]
backend = {cache}
[plugins]
enable_patterns = ["airflow_provider_omics.*", "WDL.runtime.cache:*"]
"""
# What a program needs to start, and nothing that may be a secret; the HOME is miniwdl's alone, a task has its own.
KEPT_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")
GIB = 1024**3
# Bytes of each of a task's two outputs that its log stream holds: they are kept in memory.
_MOST_OUTPUT = 10 * 1024**2
# An entry of miniwdl's log is one line, which may hold what an error says of a whole document.
_LONGEST_ENTRY = 8 * 1024**2


class WdlError(Exception):
    """miniwdl could not run the workflow to its end, and why."""


@dataclass
class _Call:
    """A call of a task; a retried one is several tasks, one after the other."""

    name: str
    resources: dict[str, int] = field(default_factory=dict)
    task_id: str | None = None
    output: list[Tail] = field(default_factory=list)
    error: Path | None = None
    usage: Path | None = None
    directory: str = ""


class Progress:
    """What miniwdl's growing log says: the run's tasks, their real times, their output."""

    def __init__(self, directory: Path, updates: RunUpdates, log: Log) -> None:
        self.directory = directory
        self.engine_log = directory / "engine.log"
        self.engine_log.touch()
        self.plain: list[str] = []  # what miniwdl says before its log begins: errors in the definition
        self.failed: tuple[str, str, str] | None = None  # name, id and error of the first task that failed for good
        self._engine = Tail(directory / "miniwdl.jsonl", longest=_LONGEST_ENTRY)
        self._calls: dict[str, _Call] = {}
        self._threads: dict[int, str] = {}  # which call each of miniwdl's threads is at
        self.task_ids: dict[str, str] = {}  # by miniwdl's directory of the call, the last of a repeated task
        self._updates = updates
        self._log = log

    def follow(self, *, end: bool = False) -> None:
        """Pass on what is new; at the end, close whatever is still open."""
        entries = [_parse(line) for line in self._engine.lines(end=end)]
        if entries:
            lines = [(when, _render(entry)) for when, entry in entries]
            with self.engine_log.open("a") as file:
                file.writelines(f"{when:%Y-%m-%dT%H:%M:%S.%fZ} {line}\n" for when, line in lines)
            self._log("/engine", lines)
        for _, entry in entries:
            self._understand(entry)
        for call in self._calls.values():
            self._pass_on(call)
            if call.error and (end or call.error.exists()):
                self._fail(call, _error(call.error))
            elif end:
                self._end(call, "CANCELLED")

    def _understand(self, entry: dict[str, Any]) -> None:
        source, message = str(entry.get("source")), str(entry["message"])
        if not source:
            self.plain.append(message)
        self._meet(source, message, entry)
        call = self._calls.get(source)
        if call is None:
            return
        if message == "task queued":
            memory = math.ceil(entry["memory_bytes"] / GIB)
            call.resources = {"cpus": entry["cpus"], "memory": memory, "gpus": entry["gpus"]}
            self._begin(call)
        elif message == "task running":
            call.output = [Tail(Path(entry[name]), most=_MOST_OUTPUT) for name in ("stdout", "stderr")]
            call.usage = Path(entry["usage"])
            self._updates.task_status(self._begin(call), "RUNNING")
        elif message == "done":
            self._begin(call)
            self._end(call, "COMPLETED")
        elif message == "task repeated":
            call.output = [replace(tail, path=Path(entry[tail.path.stem])) for tail in call.output]
            self._end(call, "FAILED", "The task failed and is repeated, as its maxRetries allows.")
        elif entry.get("error") == "Terminated":
            self._end(call, "CANCELLED")
        elif {"error", "dir"} <= entry.keys():
            call.error = Path(entry["dir"]) / "error.json"  # written a moment later, and says more

    def _meet(self, source: str, message: str, entry: dict[str, Any]) -> None:
        """Begin to follow a call; one whose outputs are in the cache is over when they are found."""
        if message == "task setup":
            self._calls[source] = _Call(str(entry["name"]), directory=str(entry["dir"]).rstrip("/."))
            self._threads[entry["thread"]] = source
        elif message == "task found in cache":
            call = self._calls[self._threads[entry["thread"]]]
            call.resources = {key: entry[key] for key in ("cpus", "memory", "gpus")}
            self._updates.task_cached(self._begin(call), entry["uri"])
            call.task_id = None

    def _begin(self, call: _Call) -> str:
        if call.task_id is None:
            call.task_id = self._updates.task(call.name, **call.resources)
            self.task_ids[call.directory] = call.task_id
        return call.task_id

    def _pass_on(self, call: _Call, *, end: bool = False) -> None:
        now = datetime.now(UTC)
        lines = [(now, line) for tail in call.output for line in tail.lines(end=end)]
        if lines:
            self._log(f"/task/{call.task_id}", lines)

    def _fail(self, call: _Call, message: str) -> None:
        task_id = self._begin(call)
        self.failed = self.failed or (call.name, task_id, message)
        self._end(call, "FAILED", message)
        call.error = None

    def _end(self, call: _Call, status: str, message: str | None = None) -> None:
        if call.task_id is None:
            return
        self._pass_on(call, end=True)
        with suppress(OSError, ValueError):  # a task that was killed has none
            if call.usage:
                self._updates.task_used(call.task_id, json.loads(call.usage.read_text()))
        reason = failure_reason(message) if message else None
        self._updates.task_status(call.task_id, status, failure_reason=reason, status_message=message)
        call.task_id, call.output, call.usage = None, [], None


def run_wdl(
    main: str, parameters: dict[str, Any], inputs: Inputs, progress: Progress, stop: threading.Event
) -> dict[str, Any]:
    """Run ``definition/<main>`` in the progress' directory and return its outputs; a stopped run has none."""
    directory = progress.directory
    root = directory / "definition"
    write_plugins(directory / "plugins")
    (directory / "inputs.json").write_text(json.dumps(parameters))
    cache = "omics_local" if (directory / NEW).exists() else "dir"
    (directory / "miniwdl.cfg").write_text(CONFIG.format(backend=backend(), directory=directory, cache=cache))
    (directory / "run").mkdir()
    # unshare changes credentials, which may take back what was said of the parent: it is said again.
    isolated = [*ending_with_parent(), *namespaces(), *ending_with_parent()]
    command = [*isolated, sys.executable, "-P", "-m", "WDL", "run", main, "--path", str(root)]
    command += ["--input", f"{directory}/inputs.json", "--cfg", f"{directory}/miniwdl.cfg"]
    command += ["--dir", f"{directory}/run/.", "--log-json", "--error-json", "--no-color", "--no-outside-imports"]
    answer = directory / "answer.json"
    ours, theirs = socket.socketpair()
    inputs.serve(ours)
    environment = _environment(directory / "plugins") | {MARKER: str(directory), CONNECTION: str(theirs.fileno())}
    with theirs, answer.open("wb") as stdout, (directory / "miniwdl.jsonl").open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603  no shell; running what we are given is the purpose
            command,
            cwd=root,
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        while process.poll() is None and not stop.wait(TICK):
            progress.follow()
    finally:
        _kill(process, directory)
        progress.follow(end=True)
    if stop.is_set():
        return {}
    said: dict[str, Any] = json.loads(answer.read_text() or "{}")
    if process.returncode == 0:
        return dict(said["outputs"])
    if inputs.failure:
        raise inputs.failure
    raise WdlError(_explain(said) or "\n".join(progress.plain) or f"The engine ended with status {process.returncode}.")


def failure_reason(task_error: str) -> str:
    """Give the HealthOmics reason for a task's error."""
    return "INVALID_TASK_RESOURCE_VALUE" if "invalid setting of runtime." in task_error else "RUN_TASK_FAILED"


def _environment(plugins: Path) -> dict[str, str]:
    kept = {key: os.environ[key] for key in KEPT_ENVIRONMENT if key in os.environ}
    kept["PYTHONPATH"] = python_path(plugins)
    return kept | {"PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))}


def _kill(process: subprocess.Popen[bytes], directory: Path) -> None:
    """Kill miniwdl's process group, then whatever has left the group: it still carries the marker."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    kill(directory)


def _parse(line: str) -> tuple[datetime, dict[str, Any]]:
    """Read one line of miniwdl's log; what is no JSON is Python's or the parser's own words."""
    with suppress(ValueError, TypeError, KeyError):
        entry = json.loads(line)
        return datetime.fromtimestamp(entry["timestamp"], UTC), entry
    return datetime.now(UTC), {"source": "", "message": line}


def _render(entry: dict[str, Any]) -> str:
    head = ("level", "source", "message")
    facts = {key: value for key, value in entry.items() if key not in (*head, "timestamp", "levelno", "thread")}
    words = [str(entry[key]) for key in head if entry.get(key)]
    return " ".join(words + [f"{key}={json.dumps(value)}" for key, value in facts.items()])


def _error(file: Path) -> str:
    with suppress(OSError, ValueError):
        return _explain(json.loads(file.read_text()))
    return "The task failed."


def _explain(error: dict[str, Any]) -> str:
    """Say in one sentence what miniwdl's error JSON says; an empty one where it has no message."""
    error = error.get("cause", error)
    if "exit_status" in error:
        return f"The task's command failed with exit status {error['exit_status']}."
    at = error.get("pos")
    place = f"{Path(at['source']).name} line {at['line']} column {at['column']}: " if at else ""
    return place + error["message"].strip() if error.get("message") else ""
