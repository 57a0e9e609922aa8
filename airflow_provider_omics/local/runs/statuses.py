# SPDX-License-Identifier: Apache-2.0
"""The statuses of runs and tasks: every change of one passes here, and each of a run is an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.runs import queueing
from airflow_provider_omics.local.state.run_state import ENDED, Run, Task

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_omics.local.state.endpoint_state import State


def move(state: State, run: Run, status: str, now: datetime, **why: str | None) -> None:
    """Put a run into a status, with ``failure_reason`` and ``status_message``, and send the event."""
    run.status = status
    run.failure_reason = why.get("failure_reason")
    run.status_message = why.get("status_message")
    if status in ("PENDING", "STARTING"):  # one that is forced back
        run.start_time = None
    elif status == "RUNNING":
        run.start_time = now
    if status not in ENDED:
        run.stop_time = None
    elif run.stop_time is None:
        run.stop_time = now
    _emit(state, run, now)
    if status in ENDED:
        state.ended(run)
        queueing.leave(state, run, now)
    elif status != "PENDING":
        queueing.count(state, run)


def move_task(task: Task, status: str, now: datetime, **why: str | None) -> None:
    """Put a task into a status."""
    task.status = status
    task.failure_reason = why.get("failure_reason")
    task.status_message = why.get("status_message")
    if status == "RUNNING":
        task.start_time = now
    if status in ENDED:
        task.stop_time = now


def add_task(state: State, run: Run, now: datetime, name: str, members: Any) -> Task:  # noqa: ANN401 - a mapping
    """Give a run a new task."""
    run.tasks = run.tasks or []
    sizes = {key: members[key] for key in ("cpus", "memory", "gpus", "metrics") if key in members}
    task = Task(state.new_id({task.id: task for task in run.tasks}), name, creation_time=now, **sizes)
    run.tasks.append(task)
    return task


def _emit(state: State, run: Run, moment: datetime) -> None:
    """Send a run's present status."""
    state.emit("Run Status Change", run.arn, _detail(state, run), moment)


def _detail(state: State, run: Run) -> dict[str, Any]:
    request, failed = run.request, run.status == "FAILED"
    workflow = state.workflows.get(request.get("workflowId", ""))
    detail = {
        "runId": run.id,
        "status": run.status,
        "uuid": run.uuid,
        "runOutputUri": run.run_output_uri,
        "failureReason": run.failure_reason if failed else None,
        "statusMessage": run.status_message if failed else None,
        "runName": request.get("name"),
        "workflowId": request.get("workflowId"),
    }
    if request.get("cacheId"):
        detail["runCache"] = f"{run.arn.rpartition(':')[0]}:runCache/{request['cacheId']}"
        detail["runCacheBehavior"] = run.cache_behavior
    if workflow:
        detail |= {"workflowName": workflow.members.get("name"), "workflowUuid": workflow.members["uuid"]}
    return detail
