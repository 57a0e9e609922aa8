# SPDX-License-Identifier: Apache-2.0
"""What the endpoint remembers of a run, and what an executor may say about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow_provider_omics.local.run_caches import Entries

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
    cache: Entries | None = None
    # How it uses its cache: as StartRun says, else as the cache does.
    cache_behavior: str | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """A workflow's definition as an executor needs it: the zip of its files and the path of the main one in it."""

    workflow_id: str
    name: str
    engine: str
    zip_bytes: bytes
    main: str | None = None


class Journal(Protocol):
    """How an executor, from any thread, tells the engine what happens to its run."""

    def status(self, status: str, *, failure_reason: str | None = None, status_message: str | None = None) -> None:
        """Move the run to ``status``; one that has ended stays as it is, and one that is STOPPING can only end."""

    def task(self, name: str, *, cpus: int = 1, memory: int = 1, gpus: int = 0) -> str:
        """Add a task in status PENDING and return its id."""

    def task_status(
        self, task_id: str, status: str, *, failure_reason: str | None = None, status_message: str | None = None
    ) -> None:
        """Move a task to ``status``; RUNNING sets its start time, an end its stop time."""

    def task_cached(self, task_id: str, uri: str) -> None:
        """Say that a task did not run, since its outputs were in the cache."""

    def task_used(self, task_id: str, metrics: dict[str, float]) -> None:
        """Keep what a task used, under the manifest's names."""


class Executor(Protocol):
    """What really executes runs. Without one the engine simulates them by its clock."""

    max_parallel_runs: int

    def submit(self, run: Run, definition: Definition, journal: Journal) -> None:
        """Take a new run (PENDING) and return at once; the work goes on in the executor's own threads and processes."""

    def cancel(self, run_id: str) -> None:
        """Kill the process tree of a run; its journal then says CANCELLED. Unknown or ended runs are ignored."""

    def time_out(self, run_id: str, message: str) -> None:
        """Kill the process tree of a run; its journal then says FAILED, RUN_TIMED_OUT and the message."""

    def end(self, run_ids: Sequence[str]) -> None:
        """Cancel runs and wait until nothing is left of them; unknown or ended ones are ignored."""

    def close(self) -> None:
        """Kill whatever still runs and wait for it: no child is left behind."""


class Publisher(Protocol):
    """Where runs leave their traces: S3, CloudWatch Logs, EventBridge. Never called on the event loop's thread."""

    def download(self, uri: str, path: str) -> None:
        """Copy the object ``s3://…`` to a local file; FileNotFoundError names the uri that does not exist."""

    def keys(self, uri: str) -> list[str]:
        """Return the keys that begin as ``s3://…`` does, in order; FileNotFoundError if the bucket is not there."""

    def upload(self, path: str, uri: str) -> None:
        """Copy a local file to ``s3://…``; a bucket that does not exist is an error, as in AWS."""

    def put(self, uri: str, text: str) -> None:
        """Write a small object ``s3://…``; a bucket that does not exist is an error, as in AWS."""

    def copy(self, uri: str, to: str) -> int:
        """Copy an object within S3 and return its bytes; FileNotFoundError names the uri that cannot be read."""

    def presigned(self, uri: str) -> str:
        """Return a URL by which anybody can read the object ``s3://…`` for an hour."""

    def make_buckets(self, names: Sequence[str]) -> None:
        """Make buckets that are not there yet."""

    def log(self, stream: str, lines: list[tuple[datetime, str]]) -> None:
        """Append lines to a stream of ``/aws/omics/WorkflowLog``, made when missing."""

    def event(self, detail_type: str, detail: dict[str, Any], resources: list[str], moment: datetime) -> None:
        """Put one ``aws.omics`` event on the default EventBridge bus."""
