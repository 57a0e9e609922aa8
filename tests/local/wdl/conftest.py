# SPDX-License-Identifier: Apache-2.0
"""An executor at work: only S3, CloudWatch and the engine are stood in for, by a directory and two lists."""

from __future__ import annotations

import io
import os
import threading
import uuid
import zipfile
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_omics.local.state.execution import Definition
from airflow_provider_omics.local.state.run_state import ENDED, Run, Task
from airflow_provider_omics.local.wdl import process
from airflow_provider_omics.local.wdl.executor import WdlExecutor
from airflow_provider_omics.local.wdl.isolation import namespaces


class PublisherStub:
    """Stands for the publisher: S3 is a dictionary with one bucket, each log stream a list."""

    def __init__(self):
        self.objects = {}
        self.streams = defaultdict(list)

    def put(self, uri, text):
        self.objects[uri] = text.encode()

    def get(self, uri):
        return self.objects[uri].decode()

    def below(self, uri):
        return sorted(key.removeprefix(f"{uri}/") for key in self.objects if key.startswith(f"{uri}/"))

    def keys(self, uri):
        return [key.removeprefix("s3://lab/") for key in sorted(self.objects) if key.startswith(uri)]

    def download(self, uri, path):
        if uri not in self.objects:
            raise FileNotFoundError(uri)
        Path(path).write_bytes(self.objects[uri])

    def upload(self, path, uri):
        if not uri.startswith("s3://lab/"):
            raise OSError(f"NoSuchBucket {uri.split('/')[2]}")
        self.objects[uri] = Path(path).read_bytes()

    def log(self, stream, lines):
        self.streams[stream] += lines

    def text(self, stream):
        return "\n".join(line for _, line in self.streams[stream])


class UpdatesRecorder:
    """A run's updates that remembers every status."""

    def __init__(self, run):
        self.run = run
        self.statuses = ["PENDING"]
        self.ended = threading.Event()

    def status(self, status, *, failure_reason=None, status_message=None):
        assert self.run.status not in ENDED
        self.run.failure_reason, self.run.status_message = failure_reason, status_message
        self.run.status = status
        self.statuses.append(status)
        if status in ENDED:
            self.ended.set()

    def task(self, name, *, cpus=1, memory=1, gpus=0):
        task = Task(str(len(self.run.tasks) + 1), name, "PENDING", cpus, memory, gpus, datetime.now(UTC))
        self.run.tasks.append(task)
        return task.id

    def task_status(self, task_id, status, *, failure_reason=None, status_message=None):
        task = self.run.tasks[int(task_id) - 1]
        task.status, task.failure_reason, task.status_message = status, failure_reason, status_message
        if status == "RUNNING":
            task.start_time = datetime.now(UTC)
        elif status in ENDED:
            task.stop_time = datetime.now(UTC)

    def task_cached(self, task_id, uri):
        task = self.run.tasks[int(task_id) - 1]
        task.status, task.cache_uri, task.creation_time = "COMPLETED", uri, None

    def task_used(self, task_id, metrics):
        self.run.tasks[int(task_id) - 1].metrics = metrics


class ExecutorHarness:
    """An executor and what it needs."""

    def __init__(self, publisher, executor):
        self.publisher = publisher
        self.executor = executor
        self.runs = 0

    def start(self, wdl, parameters, *, engine="WDL", main=None, output="s3://lab/results", **request):
        cache, behavior = request.pop("cache", None), request.pop("cache_behavior", None)
        self.runs += 1
        zipped = wdl if isinstance(wdl, bytes) else _zip(wdl if isinstance(wdl, dict) else {"main.wdl": wdl})
        run_id = str(self.runs)
        run = Run(
            id=run_id,
            uuid=str(uuid.uuid4()),
            arn=f"arn:aws:omics:us-east-1:123456789012:run/{run_id}",
            request={"parameters": parameters, "outputUri": output, **request},
            run_output_uri=f"{output}/{run_id}",
            creation_time=datetime.now(UTC),
            cache=cache,
            cache_behavior=behavior,
        )
        updates = UpdatesRecorder(run)
        self.executor.submit(run, Definition("7", "wf", engine, zipped, main), updates)
        return run, updates

    def finish(self, wdl, parameters, **how):
        run, updates = self.start(wdl, parameters, **how)
        assert updates.ended.wait(120)
        return run, updates


def _zip(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@pytest.fixture
def publisher():
    publisher = PublisherStub()
    publisher.put("s3://lab/in/greeting.txt", "Hello")
    return publisher


@pytest.fixture
def harness(request, publisher):
    executor = WdlExecutor(publisher, max_parallel_runs=getattr(request, "param", 2))
    yield ExecutorHarness(publisher, executor)
    executor.close()


@pytest.fixture
def require():
    def require_or_skip(there, what):
        """Skip a test where this host has no such isolation; with REQUIRE_ISOLATION, as on CI, it fails."""
        if not there and os.environ.get("REQUIRE_ISOLATION"):
            pytest.fail(f"{what} does not work here")
        if not there:
            pytest.skip(f"{what} does not work here")

    return require_or_skip


@pytest.fixture(params=["namespaces", "plain"])
def isolated(request, monkeypatch, require):
    if request.param == "plain":
        monkeypatch.setattr(process, "namespaces", tuple)
        monkeypatch.setattr(process, "backend", lambda: "omics_host")
    else:
        require(namespaces(), "unshare")
    return request.param


@pytest.fixture
def alive():
    def carrying(marker):
        """Return the ids of the processes that have a marker in their command line."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # gone meanwhile
                if marker.encode() in path.read_bytes():
                    found.append(int(path.parent.name))
        return found

    return carrying
