# SPDX-License-Identifier: Apache-2.0
"""What runs leave outside the engine: events, and of simulated runs logs, outputs and the manifest."""

from __future__ import annotations

import itertools
import json
import logging
import queue
import threading
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_omics.local.records import Publisher
    from airflow_provider_omics.local.state.run import Run
    from airflow_provider_omics.local.state.scripts import Plan

T = TypeVar("T")
log = logging.getLogger(__name__)
_FIRST, _LATER = 0, 1


class Traces:
    """One thread that publishes, so that no call and no event loop ever waits for S3 or EventBridge.

    Events and manifests go in order, before outputs and logs: of many runs that end at once, one after the other ends.
    """

    def __init__(self, publisher: Publisher, lock: threading.RLock) -> None:
        self.publisher = publisher
        # Events go nowhere before a rule can exist: the app sets this at the first call of EventBridge.
        self.listening = False
        self._lock = lock
        self._jobs: queue.PriorityQueue[tuple[int, int, Callable[[], None]]] = queue.PriorityQueue()
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def renewed(self) -> Traces:
        """Return another one that has published nothing, for a state that is new."""
        return Traces(self.publisher, self._lock)

    def close(self) -> None:
        """End the thread; what it has not yet published is dropped."""
        self._closed = True
        if self._thread:
            self._jobs.put((_FIRST, -1, lambda: None))
            self._thread.join()

    def event(self, detail_type: str, detail: dict[str, Any], resources: list[str], moment: datetime) -> None:
        """Send an event."""
        self._submit(_FIRST, partial(self.publisher.event, detail_type, detail, resources, moment))

    def export(self, run: Run, plan: Plan, done: Callable[[Exception | None], None]) -> None:
        """Leave a run's logs and outputs, then call ``done``, holding the lock, with None or what went wrong."""

        def job() -> None:
            error = None
            try:
                self._export(run, plan)
            except Exception as caught:  # noqa: BLE001 - whatever it is, it ends the run and not the thread
                error = caught
            with self._lock:
                done(error)

        self._submit(_LATER, job)

    def manifest(self, run: Run, lines: list[tuple[datetime, str]], done: Callable[[], None]) -> None:
        """Leave a run's manifest, then call ``done``, holding the lock."""

        def job() -> None:
            try:
                self.publisher.log(f"manifest/run/{run.id}/{run.uuid}", lines)
            finally:
                with self._lock:
                    done()

        self._submit(_FIRST, job)

    def work(self, work: Callable[[Publisher], T], done: Callable[[T], None]) -> None:
        """Let the thread do what needs S3, then call ``done``, holding the lock, with what came of it."""

        def job() -> None:
            result = work(self.publisher)
            with self._lock:
                done(result)

        self._submit(_LATER, job)

    def _export(self, run: Run, plan: Plan) -> None:
        if run.request.get("logLevel") != "OFF" and run.start_time:
            stream = f"run/{run.id}"
            self.publisher.log(stream, [(run.start_time, f"Run {run.id} is running")])
            self.publisher.log(f"{stream}/engine", _engine_lines(run, run.start_time, plan))
            for task, members in zip(run.tasks, plan.tasks, strict=True):
                if members.get("log"):
                    moment = task.start_time or run.start_time
                    self.publisher.log(f"{stream}/task/{task.id}", [(moment, line) for line in members["log"]])
        if plan.outputs is not None:
            base = run.run_output_uri.rstrip("/")
            lines = _engine_lines(run, run.start_time or run.creation_time, plan)
            self.publisher.put(f"{base}/logs/engine.log", "".join(f"{line}\n" for _, line in lines))
            outputs = {name: self._output(base, name, value) for name, value in plan.outputs.items()}
            self.publisher.put(f"{base}/logs/outputs.json", json.dumps(outputs, indent=2))

    def _output(self, base: str, name: str, value: Any) -> Any:  # noqa: ANN401 - an output is any JSON
        if not (isinstance(value, dict) and set(value) == {"file", "text"}):
            return value
        uri = f"{base}/out/{name.rpartition('.')[2]}/{value['file']}"
        self.publisher.put(uri, value["text"])
        return uri

    def _submit(self, priority: int, job: Callable[[], None]) -> None:
        if self._closed:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="omics-local-traces", daemon=True)
            self._thread.start()
        self._jobs.put((priority, next(self._order), job))

    def _work(self) -> None:
        while True:
            _, _, job = self._jobs.get()
            if self._closed:
                return
            try:
                job()
            except Exception:
                log.exception("A trace could not be left")


def _engine_lines(run: Run, start: datetime, plan: Plan) -> list[tuple[datetime, str]]:
    """Return what the engine says: the script's lines, else what has become of the run's tasks."""
    if plan.log:
        return [(start, line) for line in plan.log]
    workflow = run.request.get("workflowId")
    lines = [(start, f"Run {run.id} of workflow {workflow} is simulated: no workflow engine executes it.")]
    for task in run.tasks:
        lines.append((task.start_time or start, f"Running task {task.name}, id {task.id}."))
        if task.stop_time:
            lines.append((task.stop_time, f"Task {task.name}, id {task.id}, is {task.status}."))
    return sorted(lines, key=itemgetter(0))
