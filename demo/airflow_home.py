# SPDX-License-Identifier: Apache-2.0
"""A throw-away Airflow home: its configuration, its database ready to use, and what can be read from it."""

from __future__ import annotations

import base64
import configparser
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from packaging.version import Version

AIRFLOW = version("apache-airflow")
AIRFLOW_3 = not AIRFLOW.startswith("2.")
# Task loops are new in 3.4.
LOOPS = AIRFLOW_3 and Version(AIRFLOW) >= Version("3.4.0b1")
BUILD = Path(__file__).resolve().parent.parent / ".build"
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


def write_config(home: Path, dags_folder: Path, port: int = 8080) -> None:
    """Write the ``airflow.cfg`` that every process with this AIRFLOW_HOME then shares."""
    processor = "dag_processor" if AIRFLOW_3 else "scheduler"
    url = f"http://127.0.0.1:{port}"
    config: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": dags_folder,
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 4,
            "dags_are_paused_at_creation": False,
            "default_task_retry_delay": 1,
            "fernet_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "simple_auth_manager_all_admins": True,
            "execution_api_server_url": f"{url}/execution/",
        },
        "database": {"sql_alchemy_conn": f"sqlite:///{home}/airflow.db"},
        "api": {"base_url": url, "secret_key": secrets.token_hex()},
        "api_auth": {"jwt_secret": secrets.token_hex()},
        "webserver": {"secret_key": secrets.token_hex()},
        "scheduler": {"enable_health_check": False},
        "usage_data_collection": {"enabled": False},
        "metrics": {"timer_unit_consistency": True},
    }
    config.setdefault(processor, {})["min_file_process_interval"] = 5
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(config)
    with (home / "airflow.cfg").open("w") as file:
        parser.write(file)


def environment(home: Path) -> dict[str, str]:
    """Return this process's environment with that home, and without the user's own Airflow and AWS settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "_AIRFLOW", "AWS_"))}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "PYTHONWARNINGS": "ignore",
        # 2.11 refuses SQLite under parallel executors; in WAL mode, and with a handful of tasks, it serves.
        "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
        # Airflow renames its processes; without this the new name overwrites the environment by which they are found.
        "SPT_NOENV": "1",
    }


def make_database(home: Path) -> None:
    """Give a home a migrated database: a copy of one that is made once per Airflow version, because that takes long."""
    template = BUILD / f"airflow-{AIRFLOW}.db"
    if not template.exists():
        BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
            made = Path(scratch)
            write_config(made, made / "dags")
            migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
            done = subprocess.run(migrate, env=environment(made), capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"`airflow db migrate` failed:\n{done.stdout}{done.stderr}")
            with closing(sqlite3.connect(made / "airflow.db")) as database:
                database.execute("PRAGMA journal_mode=WAL")
            (made / "airflow.db").replace(template)
    shutil.copy(template, home / "airflow.db")


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
