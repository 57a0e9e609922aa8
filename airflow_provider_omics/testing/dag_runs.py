# SPDX-License-Identifier: Apache-2.0
"""Runs a DAG by ``dag.test()``, on either Airflow line, and tells what became of it."""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.testing.airflow_home import AIRFLOW_3, own_home
from airflow_provider_omics.testing.database import Run
from airflow_provider_omics.testing.task_logs import task_logs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_omics.testing.database import Database, TaskState

# What holds for each task while it runs: a retry follows at once, and a look at a run after a blink.
_QUICK = {"retry_delay": timedelta(0), "poll_interval": 0.2}
_LAST_LINES = 30
_ENDS = ("success", "failed")


@dataclass(frozen=True)
class DagResult:
    """What became of a Dag run."""

    run: Run
    state: str
    tasks: list[TaskState]
    database: Database
    logs: dict[tuple[str, int], str]

    @property
    def states(self) -> dict[str, str | None]:
        """The state of each task; a mapped task's are under ``task_id[map_index]``."""
        return {_label(it.task_id, it.map_index): it.state for it in self.tasks}

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:  # noqa: ANN401 - any JSON
        """Return what a task has pushed, None if it has pushed nothing under this key."""
        return self.database.xcom(self.run, task_id, key, map_index)

    def log(self, task_id: str, map_index: int = -1) -> str:
        """
        Return what a task has logged and printed in all its tries, its trigger included.

        :raises ValueError: if the Dag run has no such task.
        """
        label = _label(task_id, map_index)
        if label not in self.states:
            raise ValueError(f"The run of {self.run.dag_id} has no task {label}; it has {', '.join(self.states)}.")
        return self.logs.get((task_id, map_index), "")

    def report(self) -> str:
        """Return the tasks in a line each, with the ends of the logs of those that did not succeed."""
        lines = [f"The run of {self.run.dag_id} ended {self.state}."]
        for task in self.tasks:
            lines.append(f"{_label(task.task_id, task.map_index)}: {task.state}, try {task.try_number}")
            if task.state not in ("success", "skipped", None):
                log = self.log(task.task_id, task.map_index).splitlines()
                lines += [f"    {line}" for line in log[-_LAST_LINES:]]
        return "\n".join(lines)


class RunDag:
    """
    Runs DAGs, one task after the other, in this process; deferred tasks are resumed when their trigger fires.

    Retries follow at once, whatever ``retry_delay`` says, and this provider's tasks look at their runs five times a
    second, whatever ``poll_interval`` says.
    """

    def __init__(self, database: Database, root: Path) -> None:
        self._database = database
        self._root = root

    def __call__(
        self,
        dag: DAG | Path | str,
        conf: Mapping[str, Any] | None = None,
        logical_date: datetime | None = None,
        *,
        ends: str | None = "success",
    ) -> DagResult:
        """
        Run a DAG and return what became of it.

        :param dag: the DAG, or the file that defines it, relative to pytest's root folder.
        :param conf: the Dag run's ``conf``, which its ``params`` take.
        :param logical_date: the Dag run's logical date, by default now.
        :param ends: the state that the Dag run must end in; if it does not, the test fails, and says which task did
            what. None takes any.
        """
        if ends not in (None, *_ENDS):
            raise ValueError(f"A Dag run does not end {ends!r}; it ends {' or '.join(_ENDS)}, and None takes either.")
        if not isinstance(dag, str | Path):
            return self._run(dag, conf, logical_date, ends)
        file = self._root / dag
        with _importable(file.parent):  # as Airflow does with its Dag folder
            return self._run(only_dag(file), conf, logical_date, ends)

    def _run(self, dag: DAG, conf: Mapping[str, Any] | None, when: datetime | None, ends: str | None) -> DagResult:
        _register(dag)
        date: dict[str, Any] = {"logical_date" if AIRFLOW_3 else "execution_date": when} if when else {}
        with _quick(dag), task_logs() as logs:
            done = dag.test(run_conf=None if conf is None else dict(conf), **date)
        run = Run(done.dag_id, done.run_id)
        state = self._database.run_state(run) or "removed"
        result = DagResult(run, state, self._database.tasks(run), self._database, logs)
        if ends not in (None, state):
            raise AssertionError(result.report())
        return result


def only_dag(file: Path) -> DAG:
    """Return the one DAG that a file defines."""
    if not file.is_file():
        raise FileNotFoundError(f"There is no DAG file {file}; a relative path starts at pytest's root folder.")
    bag = _dag_bag(file)
    for trace in bag.import_errors.values():
        raise AssertionError(f"Airflow cannot import {file}:\n{trace}")
    if len(bag.dags) != 1:
        raise ValueError(
            f"{file} defines {', '.join(bag.dags) or 'no DAG'}; import it and pass run_dag the DAG that is to run."
        )
    dag: DAG = next(iter(bag.dags.values()))
    return dag


def _dag_bag(folder: Path) -> Any:  # noqa: ANN401 - where it is defined depends on the version
    module = import_module("airflow.dag_processing.dagbag" if AIRFLOW_3 else "airflow.models.dagbag")
    # Whatever the file is, it was given to be run: without this, one that names neither Airflow nor a DAG is skipped.
    return module.DagBag(folder, safe_mode=False)


def _register(dag: Any) -> None:  # noqa: ANN401 - its methods depend on the version
    """Store a DAG as the Dag processor would: its version, and its assets, have to be there."""
    if not AIRFLOW_3:
        # dag.test() deletes an earlier run of the same date with its notes, which refer to the table of users.
        # That module's own imports are deprecated, and pytest may make that an error.
        with warnings.catch_warnings(action="ignore"):
            import_module("airflow.providers.fab.auth_manager.models")
        dag.sync_to_db()
        return
    import_module("airflow.dag_processing.bundles.manager").DagBundlesManager().sync_bundles_to_db()
    bag = _dag_bag(own_home() / "dags")
    bag.bag_dag(dag)
    import_module("airflow.dag_processing.dagbag").sync_bag_to_db(bag, "dags-folder", None)


@contextmanager
def _quick(dag: DAG) -> Iterator[None]:
    """Have the tasks of a DAG lose no time, and give them back as they were."""
    before = []
    for task in dag.tasks:
        # A mapped task makes its operators of these arguments.
        arguments = getattr(task, "partial_kwargs", None)
        arguments = vars(task) if arguments is None else arguments
        before += [(arguments, name, arguments[name]) for name in _QUICK if name in arguments]
    try:
        for arguments, name, _ in before:
            arguments[name] = _QUICK[name]
        yield
    finally:
        for arguments, name, value in before:
            arguments[name] = value


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let modules beside a DAG file be imported."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _label(task_id: str, map_index: int) -> str:
    return task_id if map_index < 0 else f"{task_id}[{map_index}]"
