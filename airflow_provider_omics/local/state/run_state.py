# SPDX-License-Identifier: Apache-2.0
"""A run, its tasks, and the runs and tasks of its group that wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_omics.local.wire.caller import NOBODY, Caller

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_omics.local.state.resources import CacheEntries
    from airflow_provider_omics.local.state.scripts import Plan

# HealthOmics user guide, "Run lifecycle": a run passes STOPPING on its way to every end that follows RUNNING.
ACTIVE = ("PENDING", "STARTING", "RUNNING", "STOPPING")
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "DELETED")


@dataclass(slots=True)
class Task:
    """One task of a run, as GetRunTask answers it."""

    id: str
    name: str
    status: str = "PENDING"
    cpus: int = 1
    memory: int = 1
    gpus: int = 0
    creation_time: datetime | None = None
    start_time: datetime | None = None
    stop_time: datetime | None = None
    failure_reason: str | None = None
    status_message: str | None = None
    uuid: str = field(default_factory=lambda: str(uuid4()))
    # What it used, under the manifest's names (cpusAverage, memoryMaximumGiB, …); what nobody measured is not here.
    metrics: dict[str, float] = field(default_factory=dict)
    # Where its run's cache had its outputs.
    cache_uri: str | None = None


@dataclass(slots=True)
class Run:
    """One run: the StartRun input it came from, and what has become of it."""

    id: str
    uuid: str
    arn: str
    request: dict[str, Any]
    run_output_uri: str
    creation_time: datetime
    status: str = "PENDING"
    start_time: datetime | None = None
    stop_time: datetime | None = None
    failure_reason: str | None = None
    status_message: str | None = None
    batch_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    # What the file that parametersUri names holds, when it is read.
    parameters: dict[str, Any] | None = None
    # What the manifest says of its workflow: ARNs of it and of the version, digest, engine, main.
    workflow: dict[str, Any] = field(default_factory=dict)
    # What its configuration was when it started, as GetConfiguration answers it.
    configuration: dict[str, Any] | None = None
    cache: CacheEntries | None = None
    # How it uses its cache: as StartRun says, else as the cache does.
    cache_behavior: str | None = None
    # Its place in the order of all things.
    seq: int = 0
    caller: Caller = NOBODY
    plan: Plan | None = None
    # A step on the agenda counts only while the run is in the generation that it was planned in.
    generation: int = 0
    # Whether it is on the way to the end that CancelRun asked for.
    cancelling: bool = False
    # Whether it counts as one of its group's concurrent runs.
    counted: bool = False


@dataclass(slots=True)
class Queue:
    """What the runs of one group have in use, and which of them, and of their tasks, wait; None is no group."""

    runs: int = 0
    cpus: int = 0
    gpus: int = 0
    tasks: set[tuple[int, str]] = field(default_factory=set)
    # Sorted by priority and age; each entry counts while its run is in the generation that it came in.
    waiting_runs: list[tuple[int, int, int, Run, Callable[[datetime], None]]] = field(default_factory=list)
    waiting_tasks: list[tuple[int, int, int, Run, Task, Callable[[datetime], None]]] = field(default_factory=list)
