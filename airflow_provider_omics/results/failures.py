# SPDX-License-Identifier: Apache-2.0
"""Classes of failure reasons, from the user guide's list: whether Airflow may retry, advice, and the error's text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.records.text import clipped, one_line, size

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_omics.records.run import Run

# User guide, "Troubleshooting workflow runs": reason -> class.
CLASSES: Final = {
    "SERVICE_ERROR": "transient",
    "MODIFIED_INPUT_RESOURCE": "transient",
    "INSTANCE_RESERVATION_FAILED": "capacity",
    "ALL_PROFILES_INSTANCE_RESERVATION_FAILED": "capacity",
    "RUN_TASK_FAILED": "task",
    "WORKFLOW_RUN_FAILED": "task",
    "IMPORT_FAILED": "input",
    "INACTIVE_OMICS_STORAGE_RESOURCE": "input",
    "INPUT_URI_NOT_FOUND": "input",
    "INVALID_RUN_PARAMETERS": "input",
    "INVALID_URI_INPUT": "input",
    "UNSUPPORTED_INPUT_SIZE": "input",
    "ASSUME_ROLE_FAILED": "permission",
    "ECR_PERMISSION_ERROR": "permission",
    "EXPORT_FAILED": "permission",
    "CANNOT_START_CONTAINER_ERROR": "definition",
    "CANNOT_START_CONTAINER_SIZE_ERROR": "definition",
    "IMAGE_VERIFICATION_FAILURE": "definition",
    "INVALID_ECR_IMAGE_URI": "definition",
    "INVALID_TASK_RESOURCE_VALUE": "definition",
    "UNSUPPORTED_GPU_INSTANCE_TYPE": "definition",
    "WORKFLOW_VER_VALIDATION_FAILED": "definition",
    "OUT_OF_MEMORY_ERROR": "sizing",
    "FILE_SYSTEM_OUT_OF_SPACE": "sizing",
    "RUN_TIMED_OUT": "limit",
    "TASK_TIMED_OUT": "limit",
}
_ADVICE: Final = {
    "transient": "The cause is transient: a retry starts another run.",
    "capacity": "AWS had no instance of the requested size: a later retry, or another size, may help.",
    "task": "A task of the workflow failed: see its log.",
    "input": (
        "Check the parameters: a parameters_uri must hold one JSON object, and each URI must exist, be active and be "
        "readable by role_arn in this Region."
    ),
    "permission": "Check role_arn: its trust policy, and its permissions to read, pull images and write.",
    "definition": "Check the workflow's definition: images, task resources, version.",
    "sizing": "Give the task more memory, or the run more storage (storage_capacity, or storage_type DYNAMIC).",
    "limit": "Raise the time limit of the run group or the task, or split the work.",
    "unknown": "This reason is not in the user guide's list, so there is no retry; name it in retry_on to allow one.",
}
RETRIED: Final = ("transient", "capacity")
# User guide: "review the engine log stream", for a run that failed outside its tasks, or before it had any.
_ENGINE_FAILED: Final = "WORKFLOW_RUN_FAILED"
_REVIEW: Final = "No task is known to have failed: review the engine log (stream {}), if log_level is not OFF."
# The class of reasons that only say that a task failed; then the task's own reason decides.
_AMBIGUOUS: Final = "task"

# User guide, "How call caching works": failures after which nothing is in the run cache.
_UNCACHED: Final = frozenset({"RUN_TIMED_OUT", "FILE_SYSTEM_OUT_OF_SPACE", "EXPORT_FAILED"})
# GetRunTask has no member for the exit code; a task's message or log may contain it. An exit code 0 is not the cause.
_EXIT: Final = re.compile(r"(?i)\bexit(?:ed)?(?: with)?(?: non-zero)? (?:code|status)\W{0,3}([1-9]\d{0,2})\b")

MAX_TASKS: Final = 5
# One page of ListRunTasks.
_MAX_FAILED: Final = 100
# In bytes: the text below the first line of the exception; a task or a line of its log; all links.
_MOST: Final = 2700
_MOST_OF_LINE: Final = 220
_MOST_OF_LINKS: Final = 900


@dataclass(frozen=True, slots=True)
class FailedTask:
    """A task of a run as GetRunTask shows it."""

    id: str
    name: str
    failure_reason: str | None = None
    status_message: str | None = None
    exit_code: str | None = None

    def __str__(self) -> str:
        """Return one line: name, id, exit code, reason and message."""
        code = self.exit_code or exit_code([self.status_message or ""])
        why = ": ".join(part for part in (self.failure_reason, self.status_message) if part)
        return one_line(f"{self.name} ({self.id})" + (f", exit {code}" if code else "") + (f": {why}" if why else ""))


def engine_stream(run: Run) -> str:
    """Return the name of the log stream of a run's engine."""
    return f"run/{run.id}/engine"


def exit_code(lines: Sequence[str]) -> str | None:
    """Return the exit code in the last line that has one."""
    return next((found[-1] for line in reversed(lines) if (found := _EXIT.findall(line))), None)


@dataclass(frozen=True, slots=True)
class LogEnd:
    """
    The last lines of a log of a run, at least one.

    :param of: whose log it is: that of the first failed ``task``, of the ``engine`` or of the ``run``.
    """

    of: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """
    The classified failure of a run.

    :param kind: the class of its reason.
    :param retry: whether Airflow may retry.
    :param advice: what to do, in one sentence.
    :param tasks: the first of the failed tasks.
    :param failed: the number of all failed tasks.
    :param log: the last lines of the most useful log.
    :param engine: whether to refer to the engine's log.
    :param cached: whether finished tasks are in the run cache after such a failure.
    """

    kind: str
    retry: bool
    advice: str
    tasks: tuple[FailedTask, ...] = ()
    failed: int = 0
    log: LogEnd | None = None
    engine: bool = False
    cached: bool = True

    def text(self, *, cached: bool, links: Sequence[str] = ()) -> str:
        """
        Return the text below the reason: failed tasks, the last lines of a log, advice, links; under 2.7 KB.

        :param cached: whether the run uses a run cache.
        :param links: pages of the AWS console; those that do not fit are left out.
        """
        head = [clipped(f"Failed task {task}", _MOST_OF_LINE) for task in self.tasks[:MAX_TASKS]]
        if self.failed > len(head):
            head.append(f"… {'100+' if self.failed > _MAX_FAILED else self.failed} tasks failed in all")
        tail = [self._advice(cached=cached), *_fitting(links, _MOST_OF_LINKS)]
        room = _MOST - sum(size(line) + 1 for line in (*head, *tail))
        if self.log:
            whose = f"log of task {self.tasks[0].name}" if self.log.of == "task" else f"{self.log.of} log"
            title = clipped(f"Last lines of the {whose}:", _MOST_OF_LINE)
            last = [f"  {clipped(line, _MOST_OF_LINE)}" for line in reversed(self.log.lines)]
            head += [title, *reversed(_fitting(last, room - size(title) - 1))]
        return "\n".join((*head, *tail))

    def _advice(self, *, cached: bool) -> str:
        if not (cached and self.cached):
            return self.advice
        return f"{self.advice} {'A retry' if self.retry else 'A clear of the task'} resumes from the run cache."


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    """Return the first lines that fit into a number of bytes."""
    fitting = []
    for line in lines:
        room -= size(line) + 1
        if room < 0:
            break
        fitting.append(line)
    return fitting


def misnamed(retry_on: object) -> str | None:
    """Return why ``retry_on`` is invalid, None if it is valid; it may have reasons that are not in the table."""
    if isinstance(retry_on, str) or not isinstance(retry_on, Sequence | AbstractSet):
        return f"must be a list of classes and reasons, not {retry_on!r}"
    for name in retry_on:
        reason = re.fullmatch(r"[A-Z][A-Z0-9_]*", str(name)) and str(name).lower() not in _ADVICE
        if str(name) not in _ADVICE and not reason:
            return f"must name classes ({', '.join(_ADVICE)}) or reasons, such as RUN_TASK_FAILED, not {name!r}"
    return None


def understand(
    run: Run,
    tasks: Sequence[FailedTask] = (),
    *,
    failed: int = 0,
    log: LogEnd | None = None,
    retry_on: Collection[str] | None = None,
) -> Failure:
    """
    Classify the failure of a run.

    :param run: the run as GetRun shows it.
    :param tasks: the first of its failed tasks.
    :param failed: the number of all failed tasks.
    :param log: the last lines of the most useful log.
    :param retry_on: classes and reasons after which Airflow may retry; by default transient and capacity.
    """
    reasons = [run.failure_reason or ""]
    kind = CLASSES.get(reasons[0], "unknown")
    if kind == _AMBIGUOUS and tasks:
        own = [task.failure_reason or "" for task in tasks]
        kinds = {CLASSES.get(reason, _AMBIGUOUS) for reason in own}
        if len(kinds) == 1 and failed <= len(tasks):
            [kind] = kinds
            reasons += own
    wanted = RETRIED if retry_on is None else retry_on
    if tasks and log and log.of == "task" and (code := exit_code(log.lines)):
        tasks = [replace(tasks[0], exit_code=exit_code([tasks[0].status_message or ""]) or code), *tasks[1:]]
    outside = run.failure_reason == _ENGINE_FAILED and not tasks
    return Failure(
        kind,
        advice=_REVIEW.format(engine_stream(run)) if outside else _ADVICE[kind],
        retry=kind in wanted or not set(reasons).isdisjoint(wanted),
        tasks=tuple(tasks),
        failed=failed,
        log=log,
        engine=outside or (log is not None and log.of == "engine"),
        cached=_UNCACHED.isdisjoint(reasons),
    )
