# SPDX-License-Identifier: Apache-2.0
"""Real Airflow processes for tests, and what a person does in the UI: clear a task, mark a task."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from airflow_provider_omics.testing.airflow_home import AIRFLOW, AIRFLOW_3
from airflow_provider_omics.testing.database import Run, TaskState
from demo.airflow_processes import ENDED, AirflowProcesses, airflow_processes

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "ALL_MARKED",
    "ENDED",
    "MODES",
    "UNTRIED",
    "AirflowProcesses",
    "Run",
    "TaskState",
    "airflow_processes",
    "backfill",
    "clear",
    "delete",
    "mark",
    "mark_all_failed",
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
FAIL_2 = """
from airflow.api.common.mark_tasks import set_dag_run_state_to_failed
set_dag_run_state_to_failed(dag=dag, run_id=run_id, commit=True)
"""
DELETE_2 = """
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
with create_session() as session:
    session.query(DagRun).filter_by(dag_id=dag_id, run_id=run_id).delete()
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


def mark_all_failed(airflow: AirflowProcesses, run: Run) -> None:
    """Mark a Dag run failed, and so its tasks, as a person does in the UI."""
    if AIRFLOW_3:
        airflow.rest("PATCH", f"/dags/{run.dag_id}/dagRuns/{run.run_id}", {"state": "failed"})
    else:
        airflow.python("-c", PREPARE_2 + FAIL_2, *run, "", "-1", "failed")


def delete(airflow: AirflowProcesses, run: Run) -> None:
    """Delete a Dag run, as a person does in the UI."""
    if AIRFLOW_3:
        airflow.rest("DELETE", f"/dags/{run.dag_id}/dagRuns/{run.run_id}")
    else:
        airflow.python("-c", PREPARE_2 + DELETE_2, *run, "", "-1", "")


@contextmanager
def backfill(airflow: AirflowProcesses, dag_id: str, *, again: bool) -> Iterator[None]:
    """Backfill the first day of 2026, what has failed ``again``; 2.11 does it in a process that then ends."""
    if AIRFLOW_3:
        going = "SELECT 1 FROM backfill WHERE completed_at IS NULL"
        airflow.until(lambda: not airflow.database.query(going), "the backfill before to be over")
        dates = {"from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-01T00:00:00Z"}
        how = {"reprocess_behavior": "failed" if again else "none", **dates}
        airflow.rest("POST", "/backfills", {"dag_id": dag_id, **how})
        yield
        return
    command = [sys.executable, "-m", "airflow", "dags", "backfill", "-s", "2026-01-01", "-e", "2026-01-01", dag_id]
    with (airflow.home / "backfill.out").open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - the command is our own
            [*command, "--rerun-failed-tasks"] if again else command, env=airflow.env, stdout=output, stderr=output
        )
    try:
        yield
        process.wait(120)
    finally:
        process.kill()
        process.wait()
