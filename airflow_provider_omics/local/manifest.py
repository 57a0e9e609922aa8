# SPDX-License-Identifier: Apache-2.0
"""A run's manifest: what CloudWatch keeps of it for longer than HealthOmics keeps the run."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_omics.local.records import Run, Task

# StartRun members that the manifest repeats.
MEMBERS = ("name", "outputUri", "parameters", "roleArn", "storageType", "storageCapacity")


def manifest_lines(run: Run, end: dict[str, Any], about: dict[str, Any]) -> list[str]:
    """Return one JSON for the run, with its ``end`` and more ``about`` its workflow, then one for each task."""
    prefix = run.arn.rpartition("run/")[0]
    first = {
        "arn": run.arn,
        "uuid": run.uuid,
        **{member: run.request.get(member) for member in MEMBERS},
        "creationTime": run.creation_time,
        "startTime": run.start_time,
        **about,
        **end,
    }
    return [_line(first), *(_line(_task(run, prefix, task)) for task in run.tasks)]


def _task(run: Run, prefix: str, task: Task) -> dict[str, Any]:
    seconds = None
    if task.start_time and task.stop_time:
        seconds = round((task.stop_time - task.start_time).total_seconds(), 3)
    reserved = {"cpusReserved": task.cpus, "memoryReservedGiB": task.memory, "gpusReserved": task.gpus}
    return {
        "arn": f"{prefix}task/{task.id}",
        "run": run.arn,
        **{_camel(name): value for name, value in asdict(task).items() if name != "id"},
        "metrics": reserved | ({"runningSeconds": seconds} if seconds is not None else {}),
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _line(entry: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in entry.items() if value is not None}, default=datetime.isoformat)
