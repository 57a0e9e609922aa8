# SPDX-License-Identifier: Apache-2.0
"""What simulated runs leave in S3 and in CloudWatch Logs: outputs, and logs of run, engine and tasks."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.state.scripts import is_file

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_omics.local.publishing.publisher import Publisher
    from airflow_provider_omics.local.state.run_state import Run
    from airflow_provider_omics.local.state.scripts import Plan


def export(run: Run, plan: Plan, publisher: Publisher) -> Exception | None:
    """Leave a run's logs and outputs, and return None or what went wrong."""
    try:
        _export(run, plan, publisher)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends the run and not the thread
        return error
    return None


def _export(run: Run, plan: Plan, publisher: Publisher) -> None:
    if run.request.get("logLevel") != "OFF" and run.start_time:
        stream = f"run/{run.id}"
        publisher.log(stream, [(run.start_time, f"Run {run.id} is running")])
        publisher.log(f"{stream}/engine", _engine_lines(run, run.start_time, plan))
        for task, members in zip(run.tasks, plan.tasks, strict=True):
            if members.get("log"):
                moment = task.start_time or run.start_time
                publisher.log(f"{stream}/task/{task.id}", [(moment, line) for line in members["log"]])
    if plan.outputs is not None:
        base = run.run_output_uri.rstrip("/")
        lines = _engine_lines(run, run.start_time or run.creation_time, plan)
        publisher.put(f"{base}/logs/engine.log", "".join(f"{line}\n" for _, line in lines))
        outputs = {name: _output(base, name, value, publisher) for name, value in plan.outputs.items()}
        publisher.put(f"{base}/logs/outputs.json", json.dumps(outputs, indent=2))


def _output(base: str, name: str, value: Any, publisher: Publisher) -> Any:  # noqa: ANN401 - an output is any JSON
    if not is_file(value):
        return value
    uri = f"{base}/out/{name.rpartition('.')[2]}/{value['file']}"
    publisher.put(uri, value["text"])
    return uri


def _engine_lines(run: Run, start: datetime, plan: Plan) -> list[tuple[datetime, str]]:
    """Return what the engine says: the script's lines, else what has become of the run's tasks."""
    if plan.log:
        return [(start, line) for line in plan.log]
    workflow = run.request.get("workflowId")
    lines = [(start, f"Run {run.id} of workflow {workflow} is simulated: no workflow engine executes it.")]
    for task in run.tasks:
        lines.append((task.start_time or start, f"Running task {task.name}, id {task.id}."))
        if task.stop_time:
            lines.append((task.stop_time, f"Task {task.name}, id {task.id}, is {task.status}."))
    return sorted(lines, key=itemgetter(0))
