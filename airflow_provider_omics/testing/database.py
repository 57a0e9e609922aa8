# SPDX-License-Identifier: Apache-2.0
"""Reads what Airflow has stored of its Dag runs, beside it, from a SQLite database."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_omics.testing.airflow_home import AIRFLOW_3, LOOPS

if TYPE_CHECKING:
    from pathlib import Path

# Airflow 3.4 keeps all tries in one table, XComs by their task instance. It has regions: a mapped task's is its own,
# and in that of a loop the index is the pass.
_SAME_TABLES = (
    """
    WITH task_instance AS (
        SELECT *, CASE
            WHEN EXISTS (SELECT 1 FROM dynamic_region AS r WHERE r.id = region_id AND node_id != task_id) THEN -1
            ELSE region_index END AS map_index
        FROM main.task_instance WHERE working_set
    ), xcom AS (
        SELECT dag_id, run_id, task_id, map_index, key, value, timestamp
        FROM xcom_v2 JOIN task_instance ON task_instance.id = task_instance_id
    )
    """
    if LOOPS
    else "WITH task_instance AS (SELECT *, map_index AS region_index FROM main.task_instance) "
)


class Run(NamedTuple):
    """Names one Dag run."""

    dag_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class TaskState:
    """One row of Airflow's task instance table."""

    task_id: str
    map_index: int
    region_index: int
    state: str | None
    try_number: int
    max_tries: int
    pid: int | None


class Database:
    """Reads an Airflow database beside Airflow; the tables used here are the same to all Airflows."""

    def __init__(self, home: Path) -> None:
        self._path = home / "airflow.db"

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows that one SQL statement finds."""
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(_SAME_TABLES + sql, values).fetchall()

    def run_state(self, run: Run) -> str | None:
        """Return the state of a Dag run, None when there is no such run."""
        rows = self.query("SELECT state FROM dag_run WHERE dag_id=? AND run_id=?", *run)
        return rows[0][0] if rows else None

    def newest_run(self, dag_id: str) -> Run | None:
        """Return a Dag's newest run, None when there is none."""
        rows = self.query("SELECT run_id FROM dag_run WHERE dag_id=? ORDER BY id DESC LIMIT 1", dag_id)
        return Run(dag_id, rows[0][0]) if rows else None

    def tasks(self, run: Run) -> list[TaskState]:
        """Return the task instances of a Dag run, those of a loop once for each pass that has begun, in order."""
        columns = ", ".join(TaskState.__slots__)
        where = "dag_id=? AND run_id=? ORDER BY start_date, task_id, map_index"
        return [TaskState(*row) for row in self.query(f"SELECT {columns} FROM task_instance WHERE {where}", *run)]  # noqa: S608 - fixed text

    def task(self, run: Run, task_id: str, map_index: int = -1) -> TaskState | None:
        """Return one task instance, in a loop that of the newest pass; None when it has not been created."""
        found = [it for it in self.tasks(run) if (it.task_id, it.map_index) == (task_id, map_index)]
        return found[-1] if found else None

    def triggerer_of(self, run: Run, task_id: str) -> int | None:
        """Return the id of the triggerer that waits for a deferred task, None when no one does."""
        joined = "trigger JOIN task_instance ON trigger.id = task_instance.trigger_id"
        where = "dag_id=? AND run_id=? AND task_id=?"
        rows = self.query(f"SELECT triggerer_id FROM {joined} WHERE {where}", *run, task_id)  # noqa: S608 - fixed text
        return rows[0][0] if rows else None

    def asset_events(self, run: Run, task_id: str) -> list[tuple[str, dict[str, Any]]]:
        """Return URI and extra of each asset event of a task; Airflow 2 calls assets datasets."""
        kind = "asset" if AIRFLOW_3 else "dataset"
        joined = f"{kind}_event JOIN {kind} ON {kind}.id = {kind}_id"
        where = "source_dag_id=? AND source_run_id=? AND source_task_id=? ORDER BY uri"
        rows = self.query(f"SELECT uri, {kind}_event.extra FROM {joined} WHERE {where}", *run, task_id)  # noqa: S608 - fixed text
        return [(uri, json.loads(extra)) for uri, extra in rows]

    def xcom(self, run: Run, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:  # noqa: ANN401 - any JSON
        """Return one XCom value, in a loop that of the newest pass; None when there is none."""
        where = "dag_id=? AND run_id=? AND task_id=? AND key=? AND map_index=? ORDER BY timestamp DESC"
        rows = self.query(f"SELECT value FROM xcom WHERE {where}", *run, task_id, key, map_index)  # noqa: S608 - fixed text
        value = rows[0][0] if rows else None
        # SQLite stores JSON that is a number as a number.
        return json.loads(value) if isinstance(value, str | bytes) else value
