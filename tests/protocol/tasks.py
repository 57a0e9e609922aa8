# SPDX-License-Identifier: Apache-2.0
"""A task as its author wrote it, and where its task instance stands."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from airflow_provider_omics.lifecycle.intention import Intention

START = datetime(2026, 1, 1, microsecond=500_000, tzinfo=UTC)  # Dates of answers have whole seconds.
REQUEST = {"workflow_id": "1234567", "role_arn": "arn:aws:iam::123456789012:role/x", "output_uri": "s3://bucket/runs"}


@dataclass
class TaskInstance:
    """What an operator asks of its task instance."""

    task_id: str
    max_tries: int = 2
    try_number: int = 0
    dag_id: str = "cohort"
    run_id: str = "manual__2026-01-01"
    map_index: int = -1

    def xcom_push(self, key: str, value: str) -> None:
        """Keep nothing: no XCom survives a try."""


class Store(dict[str, str]):
    """Airflow 3.3's state store of a task, which a clear does not empty."""

    broken = False

    def get(self, key: str) -> Any:
        if self.broken:
            raise RuntimeError("the API server is gone")
        return json.loads(super().get(key, "null"))

    def set(self, key: str, value: object) -> None:
        if self.broken:
            raise RuntimeError("the API server is gone")
        self[key] = json.dumps(value)


@dataclass
class Task:
    """A task of a Dag: how its author wrote it, and where its task instance stands."""

    ti: TaskInstance
    dag_run_start: datetime
    airflow_tags: bool = True
    waits: bool = True
    name: str | None = None
    request_id: str | None = None
    store: Store | None = None
    # Somebody may edit the Dag between two tries.
    priority: int = 1
    # Whether its runs are started in the triggerer, and the XComs of its present try.
    deferred: bool = False
    xcom: dict[str, Any] = field(default_factory=dict)

    @property
    def intention(self) -> Intention:
        ti = self.ti
        return Intention(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, self.dag_run_start, ti.max_tries)

    @property
    def key(self) -> str:
        """What all requestIds of the present intention have in common."""
        return intention_of(self.request_id or self.intention.request_id())

    @property
    def context(self) -> Any:
        dag_run = SimpleNamespace(start_date=self.dag_run_start)
        return {"ti": replace(self.ti), "dag_run": dag_run, "task_state_store": self.store}

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            "task_id": self.ti.task_id,
            "airflow_tags": self.airflow_tags,
            "wait_for_completion": self.waits,
            "name": self.name,
            "request_id": self.request_id,
            "priority": self.priority,
            "deferrable": False,
        }


def intention_of(request_id: str) -> str:
    """Return what tells whose run it is: the digest, or all of a requestId that somebody chose."""
    return request_id.rpartition("-")[0] if request_id.startswith("airflow-") else request_id
