# SPDX-License-Identifier: Apache-2.0
"""What executes runs, as the endpoint sees it, and what an executor may say about a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_omics.local.state.run_state import Run


@dataclass(frozen=True, slots=True)
class Definition:
    """A workflow's definition as an executor needs it: the zip of its files and the path of the main one in it."""

    workflow_id: str
    name: str
    engine: str
    zip_bytes: bytes
    main: str | None = None


class RunUpdates(Protocol):
    """How an executor, from any thread, tells the endpoint what happens to its run."""

    def status(self, status: str, *, failure_reason: str | None = None, status_message: str | None = None) -> None:
        """Move the run to ``status``; one that has ended stays as it is, and one that is STOPPING can only end."""

    def task(self, name: str, *, cpus: int = 1, memory: int = 1, gpus: int = 0) -> str:
        """Add a task in status PENDING and return its id."""

    def task_status(
        self, task_id: str, status: str, *, failure_reason: str | None = None, status_message: str | None = None
    ) -> None:
        """Move a task to ``status``; RUNNING sets its start time, an end its stop time."""

    def task_waits(self, task_id: str, go: Callable[[str], None]) -> None:
        """Call ``go`` when the run's group has room for a task, or with the reason why it never will."""

    def task_cached(self, task_id: str, uri: str) -> None:
        """Say that a task did not run, since its outputs were in the cache."""

    def task_used(self, task_id: str, metrics: dict[str, float]) -> None:
        """Keep what a task used, under the manifest's names."""


class Executor(Protocol):
    """What really executes runs. Without one the endpoint simulates them by its clock."""

    max_parallel_runs: int

    def submit(self, run: Run, definition: Definition, updates: RunUpdates) -> None:
        """Take a new run (PENDING) and return at once; the work goes on in the executor's own threads and processes."""

    def cancel(self, run_id: str) -> None:
        """Kill the process tree of a run; its updates then say CANCELLED. Unknown or ended runs are ignored."""

    def time_out(self, run_id: str, message: str) -> None:
        """Kill the process tree of a run; its updates then say FAILED, RUN_TIMED_OUT and the message."""

    def end(self, run_ids: Sequence[str]) -> None:
        """Cancel runs and wait until nothing is left of them; unknown or ended ones are ignored."""

    def close(self) -> None:
        """Kill whatever still runs and wait for it: no child is left behind."""
