# SPDX-License-Identifier: Apache-2.0
"""
A world in one process whose every step a test decides: the real operator, hook and boto3 client over the local engine.

Each try of a task is a thread that goes only when it is told to, from one call's start or end to the next, so that
everything may happen between any two steps. Time is the endpoint's frozen clock, for all of them.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_omics.lifecycle.protocol import Fail, GiveUp, Wait
from airflow_provider_omics.local.operations.table import call
from airflow_provider_omics.local.runs import simulation
from airflow_provider_omics.local.runs.run_manifest import manifest_lines
from airflow_provider_omics.local.settings import Settings
from airflow_provider_omics.local.state.endpoint_state import State
from airflow_provider_omics.local.state.run_state import ENDED
from airflow_provider_omics.local.state.scripts import Plan, Script
from airflow_provider_omics.local.wire.caller import NOBODY
from airflow_provider_omics.local.wire.service_error import ServiceError
from airflow_provider_omics.local.workflows import workflow_operations
from tests.protocol.process import KilledError, Process
from tests.protocol.tasks import REQUEST, START, Task, intention_of
from tests.protocol.wire import CURRENT, Hook, client, response, service

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse

_FOR_EVER = 1e9


@dataclass
class World:
    """The endpoint's engine, its clock, and everything that must never happen."""

    settings: dict[str, Any] = field(default_factory=dict)
    manifests: bool = True
    # Whether ListRuns' filter by name is not exact, which HealthOmics does not publish.
    loose: bool = False
    state: State = field(default_factory=State)
    processes: list[Process] = field(default_factory=list)
    # How the runs ended that are deleted since, by uuid.
    ends: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    hooks: list[Hook] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state.settings = Settings().changed(self.settings)
        self.state.clock._frozen_at = START.timestamp()
        workflow_operations.register(self.state, {"id": REQUEST["workflow_id"], "name": "cram-to-bam"})
        self.state.scripts.append(Script(Plan(pending=_FOR_EVER)))
        CURRENT.append(self)

    def close(self) -> None:
        """End every process."""
        for process in self.alive:
            process.go(KilledError())
        for hook in self.hooks:
            client("omics").meta.events.unregister("after-call.omics", hook._note_date)
        CURRENT.remove(self)

    def hook(self) -> Hook:
        self.hooks.append(Hook())
        return self.hooks[-1]

    @property
    def alive(self) -> list[Process]:
        return [process for process in self.processes if not process.done]

    @property
    def runs(self) -> list[Any]:
        """All runs there ever were, in the order of their creation."""
        return sorted((*self.state.deleted, *self.state.runs.values()), key=lambda run: run.seq)

    def runs_of(self, key: str) -> list[Any]:
        return [run for run in self.runs if intention_of(run.request["requestId"]) == key]

    # --- time ---

    @property
    def now(self) -> float:
        return self.state.clock.now().timestamp()

    @property
    def unseen_for(self) -> float:
        """Seconds in which a new run is not listed or not visible."""
        return max(self.state.settings.list_delay, self.state.settings.get_delay)

    def advance(self, seconds: float) -> None:
        """Let time pass, but no process hang between its look-up and StartRun for as long as a requestId lives."""
        self.state.clock.advance(seconds)
        self.state.advance()
        lifetime = self.state.settings.request_id_lifetime
        for process in self.alive:
            if lifetime is not None and process.place[0] != "waiting":
                process.doomed |= self.now >= process.since + lifetime - self.unseen_for

    def sleep(self, seconds: float) -> None:
        """Sleep in a try that waits for its run; in one that looks again, time passes."""
        process = threading.current_thread()
        if isinstance(process, Process) and process.verdict is not None:
            process.stand("waiting", "")
            process.since = self.now
        else:
            self.advance(seconds)

    # --- the wire ---

    def answer(self, request: Any) -> AWSResponse:
        """Answer an HTTP request as the endpoint does, unless the process is told to meet something else."""
        process, at = threading.current_thread(), urlsplit(request.url)
        operation, labels = service().route(request.method, at.path)
        stand = process.stand if isinstance(process, Process) else lambda *_: None
        try:
            stand("before", operation.name)
            params = service().parse(operation, labels, at.query, request.body or b"")
            if self.loose and operation.name == "ListRuns":
                del params["name"]
            before = len(self.runs)
            output = call(self.state, operation.name, params, NOBODY)
            status, body = service().answer(operation, output)
            if isinstance(process, Process):
                self._follow(process, operation.name, params, new=len(self.runs) > before)
            error = None
        except ServiceError as raised:
            status, body = service().statuses[raised.code], json.dumps({"message": raised.message}).encode()
            error = raised.code
            self.seen[f"{operation.name} {error}"] += 1
        stand("after", operation.name)
        headers = {"date": format_datetime(self.state.clock.now(), usegmt=True)}
        return response(request, status, headers | ({"x-amzn-errortype": error} if error else {}), body)

    def _follow(self, process: Process, operation: str, params: dict[str, Any], *, new: bool) -> None:
        if operation == "ListRuns":
            process.since = self.now
        if operation != "StartRun":
            return
        if not new:
            self.seen["requestId repeated"] += 1
            return
        self.seen[f"submission {params['requestId'][-1]}"] += params["requestId"].startswith("airflow-")
        process.attempt.created += 1
        *others, _run = self.runs_of(intention_of(params["requestId"]))
        self.must(process.created == 1, "one attempt creates at most one run")
        self.must(intention_of(params["requestId"]) == process.key, "an attempt starts runs of its intention alone")
        self.must(all(run.status in ENDED for run in others), "never two live runs of one intention")
        remembered = self.manifests and self.state.settings.request_id_lifetime is None
        succeeded = [run for run in others if "COMPLETED" in (run.status, remembered and self.ends.get(run.uuid))]
        self.must(not succeeded, "a run that succeeded is followed by no other")

    def log_events(self, request: Any) -> AWSResponse:
        """Answer GetLogEvents of a run's manifest, if manifests there are."""
        uuid = json.loads(request.body)["logStreamName"].rpartition("/")[2]
        headers = {"content-type": "application/x-amz-json-1.1"}
        if not self.manifests or uuid not in self.ends:
            return response(request, 400, headers, b'{"__type": "ResourceNotFoundException"}')
        [run] = [run for run in self.state.deleted if run.uuid == uuid]
        [line, *_] = manifest_lines(run, {"status": self.ends[uuid], "stopTime": run.creation_time})
        self.seen["manifest"] += 1
        return response(request, 200, headers, json.dumps({"events": [{"message": line}]}).encode())

    # --- what happens to runs and tries ---

    def delete(self, run: Any) -> None:
        """Delete an ended run, as a person or a full account does."""
        self.ends[run.uuid] = run.status
        simulation.force(self.state, run, "DELETED", None, None)
        if self.state.settings.request_id_lifetime is not None:
            # Assumed: nobody deletes a task's old run while its next one is so young that it is not listed.
            self.state.settings = self.state.settings.changed({"list_delay": 0.0, "get_delay": 0.0})

    def begin(self, task: Task, *, taken_over: bool = False) -> Process:
        """Begin the next try of a task, or let another triggerer take its present one over."""
        [*_, last] = [None, *(process for process in self.processes if process.task is task)]
        goes_on = task.deferred and last and last.intention == task.intention and (last.was_killed or not last.done)
        if taken_over and goes_on:
            self.seen["taken over"] += 1
        else:
            last = None
            task.ti.try_number += 1
            task.xcom = {}
        process = Process(self, task, last)
        self.processes.append(process)
        return process

    def finish(self, process: Process) -> None:
        """Let a process go until it waits for its run, or is done."""
        while not process.done and process.place[0] != "waiting":
            process.go()
        self.check()

    def judged(self, verdict: Any) -> None:
        """Check what an attempt has decided."""
        process = threading.current_thread()
        process.verdict = verdict
        self.seen[type(verdict).__name__] += 1
        if isinstance(verdict, GiveUp):
            deleted = any(run.status == "DELETED" for run in self.runs_of(process.key))
            blind = process.denied or (process.task.name and not process.task.airflow_tags)
            self.must(deleted or blind, "a run that 409 speaks of and that gets listed is found")
            return
        run = verdict.run
        if isinstance(verdict, Wait) and not verdict.dying:
            process.attempt.waited_for.add(run.uuid)
        [record] = [record for record in self.runs if record.uuid == run.uuid] or [None]
        self.must(record is not None, f"a verdict names a run that exists, not {run}")
        if record is not None:
            whose = intention_of(record.request["requestId"])
            self.must(whose == process.key, "no intention adopts another's run")
            if (
                isinstance(verdict, Fail)
                and process.retry
                and not process.task.request_id
                and record.status != "DELETED"
            ):
                young = record.creation_time.timestamp() >= int(process.attempt.began)
                self.must(
                    young or run.uuid in process.attempt.waited_for,
                    "a run that ended badly before a retry came does not fail it",
                )

    def must(self, holds: bool, rule: str) -> None:  # noqa: FBT001 - reads like a sentence
        if not holds:
            self.broken.append(rule)

    def check(self) -> None:
        """Raise what any thread found."""
        assert not self.broken, "; ".join(self.broken)
        live = Counter(
            intention_of(run.request["requestId"]) for run in self.runs if run.status in simulation.ACTIVE[:3]
        )
        assert all(number == 1 for number in live.values()), "two live runs of one intention"
