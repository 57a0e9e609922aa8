# SPDX-License-Identifier: Apache-2.0
"""Task instances as workers and triggerers have them, and their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Protocol

    from airflow.sdk.types import RuntimeTaskInstanceProtocol

    RunningTask = RuntimeTaskInstanceProtocol

    class Named(Protocol):
        """The ids of a task instance."""

        @property
        def dag_id(self) -> str:
            """Its Dag."""

        @property
        def run_id(self) -> str:
            """Its Dag run."""

        @property
        def task_id(self) -> str:
            """Its task."""

        @property
        def map_index(self) -> int | None:
            """Its index if the task is mapped; None or -1 otherwise."""

    class TaskInstance(Named, Protocol):
        """A task instance, in a worker and in a triggerer."""

        @property
        def try_number(self) -> int:
            """Its try."""


class TaskKey(NamedTuple):
    """
    The key of a task instance, the same for all its tries and, in a task loop, passes.

    A trigger gets it as an argument, as ``dag.test()`` of Airflow 3 does not set ``trigger.task_instance``.
    """

    dag_id: str
    task_id: str
    run_id: str
    # Of a task that is not mapped: -1.
    map_index: int = -1

    @classmethod
    def of(cls, ti: TaskInstance) -> TaskKey:
        """Return the key of a task instance, of a worker or a triggerer."""
        return cls(ti.dag_id, ti.task_id, ti.run_id, -1 if ti.map_index is None else ti.map_index)
