# SPDX-License-Identifier: Apache-2.0
"""Why a run failed, whether a retry may help, and what to do: the reasons that the user guide lists, and one text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow_provider_omics.core.run import Run

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
    "transient": "The cause passes: a retry starts another run.",
    "capacity": "AWS had no machine of the size asked for: a retry after a while, or another size, may find one.",
    "task": "A task of the workflow failed: its log says why.",
    "input": "Check the parameters: that each URI exists, is active, and may be read by role_arn in this Region.",
    "permission": "Check role_arn: what it may assume, read, pull and write.",
    "definition": "Check the workflow's definition: images, task resources, version.",
    "sizing": "Give the task more memory, or the run more storage (storage_capacity, or storage_type DYNAMIC).",
    "limit": "Raise the time limit of the run group or the task, or split the work.",
    "unknown": "This reason is not in the user guide's list: nothing is known of a retry; retry_on can name it.",
}
RETRIED: Final = ("transient", "capacity")
# Reasons that say no more than that a task failed, whose own reason then counts.
_AMBIGUOUS: Final = "task"

MAX_TASKS: Final = 5
_MAX_BYTES: Final = 2500
_MAX_LINE: Final = 300


@dataclass(frozen=True, slots=True)
class FailedTask:
    """A task of a run as GetRunTask shows it."""

    id: str
    name: str
    failure_reason: str | None = None
    status_message: str | None = None

    def __str__(self) -> str:
        """Say which task and why, on one line."""
        why = ": ".join(part for part in (self.failure_reason, self.status_message) if part)
        return f"{self.name} ({self.id})" + (f": {why}" if why else "")


@dataclass(frozen=True, slots=True)
class Failure:
    """
    A failed run, understood.

    :param kind: the class of its reason.
    :param retry: whether Airflow may try again.
    """

    kind: str
    retry: bool
    tasks: tuple[FailedTask, ...] = ()
    failed: int = 0
    log: tuple[str, ...] = ()

    def text(self, *, cached: bool, links: Sequence[str] = ()) -> str:
        """
        Return what to tell below the reason: failed tasks, the end of the first one's log, advice, links; under 2.5 KB.

        :param cached: whether the run writes a run cache, from which a retry resumes.
        :param links: pages of the AWS console.
        """
        head = [f"Failed task {task}"[:_MAX_LINE] for task in self.tasks[:MAX_TASKS]]
        if self.failed > len(self.tasks[:MAX_TASKS]):
            head.append(f"… {self.failed} tasks failed in all")
        advice = _ADVICE[self.kind] + (" The retry resumes from the run cache." if cached and self.retry else "")
        tail = [advice, *links]
        room = _MAX_BYTES - sum(len(line.encode()) + 1 for line in (*head, *tail)) - 80
        shown: list[str] = []
        for line in reversed(self.log):
            cut = line[:_MAX_LINE]
            room -= len(cut.encode()) + 3
            if room < 0:
                break
            shown.insert(0, f"  {cut}")
        if shown:
            head += [f"Last lines of the log of task {self.tasks[0].name}:", *shown]
        return "\n".join((*head, *tail)).encode()[:_MAX_BYTES].decode(errors="ignore")


def understand(
    run: Run,
    tasks: Sequence[FailedTask] = (),
    *,
    failed: int = 0,
    log: Sequence[str] = (),
    retry_on: Collection[str] | None = None,
) -> Failure:
    """
    Return what a failure is.

    :param run: the run as GetRun shows it.
    :param tasks: the first of its failed tasks.
    :param failed: how many failed in all.
    :param log: the last lines of the first one's log.
    :param retry_on: classes and reasons after which Airflow may try again; by default transient and capacity.
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
    return Failure(kind, kind in wanted or not set(reasons).isdisjoint(wanted), tuple(tasks), failed, tuple(log))
