# SPDX-License-Identifier: Apache-2.0
"""How a simulated run is to live and end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard, get_type_hints

from airflow_provider_omics.local.json_types import check, check_times

_ENDS = ("COMPLETED", "FAILED", "CANCELLED")


def is_file(output: object) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether a planned output is a file, and not a JSON value."""
    return isinstance(output, Mapping) and set(output) == {"file", "text"}


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds in each status, the end, and what the run leaves behind.

    A task is an object with a ``name`` and perhaps ``cpus``, ``memory``, ``gpus``, ``status``, ``failureReason``,
    ``statusMessage``, ``metrics`` (what it used, as the manifest says it) and ``log`` (lines); the tasks share the
    time in RUNNING, one after the other. An output's value
    is JSON, or ``{"file": name, "text": content}``, which becomes an object in S3; ``log`` is the engine's lines.
    ``resourceDigests`` are what GetRun says of the run's inputs.
    """

    pending: float = 5
    starting: float = 5
    running: float = 30
    stopping: float = 5
    status: str = "COMPLETED"
    failureReason: str | None = None  # noqa: N815 - the API's name, since a plan comes as JSON
    statusMessage: str | None = None  # noqa: N815 - likewise
    tasks: tuple[Mapping[str, Any], ...] = ({"name": "main"},)
    outputs: Mapping[str, Any] | None = None
    log: tuple[str, ...] = ()
    resourceDigests: Mapping[str, str] | None = None  # noqa: N815 - likewise

    def __post_init__(self) -> None:
        if self.status not in _ENDS:
            raise ValueError(f"A run cannot end {self.status!r}; it ends {', '.join(_ENDS)}.")
        for name in ("pending", "starting", "running", "stopping"):
            if getattr(self, name) < 0:
                raise ValueError(f"The script's {name} cannot be {getattr(self, name)!r}; it is 0 seconds or more.")
        if self.status == "COMPLETED" and self.failureReason:
            raise ValueError(
                f"A script of failureReason {self.failureReason} needs status FAILED, or its runs COMPLETE."
            )
        for value in (self.outputs or {}).values():
            if is_file(value) and not all(isinstance(part, str) for part in value.values()):
                raise ValueError(f"An output's file and its text are strings, unlike {value!r}.")
        for task in self.tasks:
            if "name" not in task or not set(task) <= _TASK.keys():
                raise ValueError(f"A task has a name and of {', '.join(_TASK)}; not {', '.join(task)}.")
            check("task's", task, _TASK)
            if any(task.get(name, 1) < least for name, least in _LEAST.items()):
                raise ValueError(f"A task has at least 1 of cpus and memory, and 0 gpus; not {dict(task)!r}.")


_TASK = {
    "name": str,
    **dict.fromkeys(("cpus", "memory", "gpus"), int),
    "status": Literal["COMPLETED", "FAILED", "CANCELLED"],
    **dict.fromkeys(("failureReason", "statusMessage"), str | None),
    "metrics": Mapping[str, float],
    "log": tuple[str, ...],
}
_LEAST = {"cpus": 1, "memory": 1, "gpus": 0}
_CHOICE = {"name": str | None, "workflowId": str | None, "times": int | None}
DEFAULT = Plan()


@dataclass(slots=True)
class Script:
    """A plan for the next ``times`` runs (None: for all) of this name, of this workflow, or of any."""

    plan: Plan
    name: str | None = None
    workflow_id: str | None = None
    times: int | None = None
    # One of the examples' own: any other that fits comes before it.
    example: bool = False

    def fits(self, request: Mapping[str, Any]) -> bool:
        """Tell whether the plan is for a run that was asked for so."""
        return self.name in (None, request.get("name")) and self.workflow_id in (None, request.get("workflowId"))


def script_from(members: Mapping[str, Any]) -> Script:
    """Return a script from JSON: a plan's members, ``name``, ``workflowId``, ``times``; ValueError says what is not."""
    known = get_type_hints(Plan)
    if unknown := set(members) - known.keys() - _CHOICE.keys():
        raise ValueError(f"A script has no {', '.join(sorted(unknown))}; it has {', '.join((*_CHOICE, *known))}.")
    check("script's", members, {**known, **_CHOICE})
    check_times("script's", members)
    plan: dict[str, Any] = {
        key: tuple(value) if key in ("tasks", "log") else value for key, value in members.items() if key in known
    }
    return Script(Plan(**plan), members.get("name"), members.get("workflowId"), members.get("times"))


def choose(scripts: list[Script], request: Mapping[str, Any]) -> Plan | None:
    """Return the plan of the newest script that fits, those for a name first, then for a workflow; use it up."""
    fitting = [script for script in scripts if script.fits(request)]
    if not fitting:
        return None
    script = max(reversed(fitting), key=_rank)
    if script.times is not None:
        script.times -= 1
        if script.times <= 0:
            scripts.remove(script)
    return script.plan


def _rank(script: Script) -> tuple[bool, bool, bool]:
    return not script.example, script.name is not None, script.workflow_id is not None
