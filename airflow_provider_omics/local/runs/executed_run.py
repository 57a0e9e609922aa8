# SPDX-License-Identifier: Apache-2.0
"""How an executor tells the endpoint what happens to its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_omics.local.runs import queueing
from airflow_provider_omics.local.runs.simulation import limit_duration
from airflow_provider_omics.local.runs.statuses import add_task, move, move_task
from airflow_provider_omics.local.state.run_state import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.state.run_state import Run


class ExecutedRun:
    """What an executor may say of one run, from any thread."""

    def __init__(self, state: State, run: Run) -> None:
        self._state = state
        self._run = run

    def status(self, status: str, *, failure_reason: str | None = None, status_message: str | None = None) -> None:
        """Move the run to ``status``; one that has ended stays as it is, and one that is STOPPING can only end."""
        with self._state.lock:
            run, now = self._run, self._state.clock.now()
            if run.status not in ENDED and (run.status != "STOPPING" or status in ENDED):
                move(self._state, run, status, now, failure_reason=failure_reason, status_message=status_message)
                if status == "RUNNING":
                    limit_duration(self._state, run, now)

    def task(self, name: str, *, cpus: int = 1, memory: int = 1, gpus: int = 0) -> str:
        """Add a task in status PENDING and return its id."""
        with self._state.lock:
            sizes = {"cpus": cpus, "memory": memory, "gpus": gpus}
            return add_task(self._state, self._run, self._state.clock.now(), name, sizes).id

    def task_status(
        self, task_id: str, status: str, *, failure_reason: str | None = None, status_message: str | None = None
    ) -> None:
        """Move a task to ``status``; RUNNING sets its start time, an end its stop time."""
        with self._state.lock:
            task = next(task for task in self._run.tasks if task.id == task_id)
            now = self._state.clock.now()
            move_task(task, status, now, failure_reason=failure_reason, status_message=status_message)
            if status in ENDED:
                queueing.give_back(self._state, self._run, task, now)

    def task_waits(self, task_id: str, go: Callable[[str], None]) -> None:
        """Call ``go`` when the run's group has room for a task, or with the reason why it never will."""
        with self._state.lock:
            state, run = self._state, self._run
            task = next(task for task in run.tasks if task.id == task_id)
            queueing.take(state, run, task, state.clock.now(), lambda _: go(queueing.too_large(state, run, task) or ""))

    def task_used(self, task_id: str, metrics: dict[str, float]) -> None:
        """Keep what a task used, under the manifest's names."""
        with self._state.lock:
            next(task for task in self._run.tasks if task.id == task_id).metrics = metrics

    def task_cached(self, task_id: str, uri: str) -> None:
        """Say that a task did not run, since its outputs were in the cache."""
        with self._state.lock:
            task = next(task for task in self._run.tasks if task.id == task_id)
            task.status, task.cache_uri, task.creation_time = "COMPLETED", uri, None
