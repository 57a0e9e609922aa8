# SPDX-License-Identifier: Apache-2.0
"""What miniwdl's log says of a run while it grows: its tasks, their times and their output."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.wdl.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.local.state.execution import RunUpdates

    Log = Callable[[str, list[tuple[datetime, str]]], None]

GIB = 1024**3
# In the directory of a run that has a run group: where its tasks are told that the group has room for them.
ANSWERS = "answers"
# What miniwdl raises without a word.
_WITHOUT_MESSAGE = {"FileNotFoundError": "null is given for a File or Directory that is not optional"}
# Bytes of each of a task's two outputs that its log stream holds: they are kept in memory.
_MOST_OUTPUT = 10 * 1024**2
# An entry of miniwdl's log is one line, which may hold what an error says of a whole document.
_LONGEST_ENTRY = 8 * 1024**2


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
        elif message == "task waits":
            self._updates.task_waits(self._begin(call), partial(_answer, Path(entry["answer"])))
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


def _answer(file: Path, why_not: str) -> None:
    """Let a task start, or fail for a reason."""
    new = file.with_suffix(".new")
    new.write_text(why_not)
    new.rename(file)


def failure_reason(task_error: str) -> str:
    """Give the HealthOmics reason for a task's error."""
    return "INVALID_TASK_RESOURCE_VALUE" if "invalid setting of runtime." in task_error else "RUN_TASK_FAILED"


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
        return explain(json.loads(file.read_text()))
    return "The task failed."


def explain(error: dict[str, Any]) -> str:
    """Say in one sentence what miniwdl's error JSON says; an empty one where it has no message."""
    error = error.get("cause", error)
    if "exit_status" in error:
        return f"The task's command failed with exit status {error['exit_status']}."
    at = error.get("pos")
    place = f"{Path(at['source']).name} line {at['line']} column {at['column']}: " if at else ""
    message = error.get("message") or _WITHOUT_MESSAGE.get(error.get("error", ""), "")
    return place + message.strip() if message else ""
