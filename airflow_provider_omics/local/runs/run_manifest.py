# SPDX-License-Identifier: Apache-2.0
"""A run's manifest: what CloudWatch keeps of it for longer than HealthOmics keeps the run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.runs.instance_types import instance_type

if TYPE_CHECKING:
    from airflow_provider_omics.local.state.run_state import Run, Task

# StartRun members that the manifest repeats.
MEMBERS = (
    *("name", "outputUri", "parameters", "roleArn", "storageType", "storageCapacity", "priority", "logLevel"),
    *("retentionMode", "workflowOwnerId"),
)
# HealthOmics user guide, "Run storage types": STATIC storage is 1,200 GiB or a multiple of 2,400 GiB.
_LEAST_GIB, _STEP_GIB = 1_200, 2_400


def manifest_lines(run: Run, end: dict[str, Any]) -> list[str]:
    """Return one JSON for the run, with its ``end``, then one for each task."""
    request, prefix = run.request, run.arn.rpartition("run/")[0]
    group, cache = request.get("runGroupId"), request.get("cacheId")
    first = {
        "arn": run.arn,
        "uuid": run.uuid,
        **{member: request.get(member) for member in MEMBERS},
        "runGroup": group and f"{prefix}runGroup/{group}",
        "runCache": cache and f"{prefix}runCache/{cache}",
        "runCacheBehavior": run.cache_behavior,
        **run.workflow,
        "creationTime": run.creation_time,
        "startTime": run.start_time,
        **end,
        "metrics": _run_metrics(run, end["stopTime"]),
    }
    return [_line(first), *(_line(_task(run, prefix, task)) for task in run.tasks)]


def _run_metrics(run: Run, stop: datetime) -> dict[str, float]:
    metrics = _running(run.start_time, stop)
    if run.request.get("storageType", "STATIC") == "STATIC":
        metrics["storageReservedGiB"] = static_storage(run.request.get("storageCapacity", 0))
    return metrics


def static_storage(capacity: int) -> int:
    """Return the GiB of STATIC storage that a run gets which asks for so many."""
    return _LEAST_GIB if capacity <= _LEAST_GIB else -(-capacity // _STEP_GIB) * _STEP_GIB


def _task(run: Run, prefix: str, task: Task) -> dict[str, Any]:
    reserved = {"cpusReserved": task.cpus, "memoryReservedGiB": task.memory, "gpusReserved": task.gpus}
    return {
        "arn": f"{prefix}task/{task.id}",
        "uuid": task.uuid,
        "run": run.arn,
        "name": task.name,
        "status": task.status,
        "cpus": task.cpus,
        "memory": task.memory,
        "gpus": task.gpus,
        "instanceType": instance_type(task.cpus, task.memory, task.gpus),
        "creationTime": task.creation_time,
        "startTime": task.start_time,
        "stopTime": task.stop_time,
        "failureReason": task.failure_reason,
        "statusMessage": task.status_message,
        "metrics": {**reserved, **task.metrics, **_running(task.start_time, task.stop_time)},
    }


def _running(start: datetime | None, stop: datetime | None) -> dict[str, float]:
    return {"runningSeconds": round((stop - start).total_seconds(), 3)} if start and stop else {}


def _line(entry: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in entry.items() if value is not None}, default=_time)


def _time(moment: datetime) -> str:
    """Write a time as HealthOmics does: clients parse exactly this form."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
