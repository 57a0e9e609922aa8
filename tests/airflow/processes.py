# SPDX-License-Identifier: Apache-2.0
"""Real Airflow processes for tests, and what a person does in the UI: clear a task, mark a task."""

from __future__ import annotations

import pytest

from demo.airflow_home import AIRFLOW, AIRFLOW_3, Run, TaskState
from demo.airflow_processes import ENDED, AirflowProcesses, airflow_processes

__all__ = [
    "ALL_MARKED",
    "ENDED",
    "MODES",
    "UNTRIED",
    "AirflowProcesses",
    "Run",
    "TaskState",
    "airflow_processes",
    "clear",
    "mark",
]

# Airflow 3.1 fails a task whose process is killed alone, whatever its retries, and marks all mapped tasks for one.
UNTRIED = pytest.mark.skipif(AIRFLOW.startswith("3.1."), reason="3.1 gives a killed process no other try")
ALL_MARKED = pytest.mark.skipif(AIRFLOW.startswith("3.1."), reason="3.1 marks all mapped tasks when asked for one")

# How a task waits, and the state that it then has.
MODES = {"sync": "running", "deferred": "deferred"}

# What 2.11's web server does with a click.
PREPARE_2 = """
import sys
from airflow.models.dagbag import DagBag
dag_id, run_id, task_id, map_index, state = sys.argv[1:]
dag = DagBag(read_dags_from_db=True).get_dag(dag_id)
indexes = [int(map_index)] if int(map_index) >= 0 else None
"""
CLEAR_2 = """
date = dag.get_dagrun(run_id=run_id).execution_date
ids = [(task_id, index) for index in indexes] if indexes else None
part = dag.partial_subset(task_ids_or_regex=[task_id], include_downstream=True, include_upstream=False)
part.clear(task_ids=ids, start_date=date, end_date=date)
"""
MARK_2 = """
from airflow.utils.state import TaskInstanceState
state = TaskInstanceState(state)
dag.set_task_instance_state(task_id=task_id, run_id=run_id, map_indexes=indexes, state=state, commit=True)
"""


def clear(airflow: AirflowProcesses, run: Run, task_id: str, map_index: int = -1) -> None:
    """Clear a task with all that follows it, as a person does in the UI."""
    if AIRFLOW_3:
        task = task_id if map_index < 0 else [task_id, map_index]
        choice = {"dry_run": False, "only_failed": False, "include_downstream": True}
        body = {"dag_run_id": run.run_id, "task_ids": [task], **choice}
        airflow.rest("POST", f"/dags/{run.dag_id}/clearTaskInstances", body)
    else:
        airflow.python("-c", PREPARE_2 + CLEAR_2, *run, task_id, str(map_index), "")


def mark(airflow: AirflowProcesses, run: Run, task_id: str, state: str, map_index: int = -1) -> None:
    """Mark a task ``failed`` or ``success``, as a person does in the UI."""
    if AIRFLOW_3:
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}"
        airflow.rest("PATCH", path if map_index < 0 else f"{path}/{map_index}", {"new_state": state})
    else:
        airflow.python("-c", PREPARE_2 + MARK_2, *run, task_id, str(map_index), state)
