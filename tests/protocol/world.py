# SPDX-License-Identifier: Apache-2.0
"""
A world in one process whose every step a test decides: the real operator, hook and boto3 client over the local engine.

Each try of a task is a thread that goes only when it is told to, from one call's start or end to the next, so that
everything may happen between any two steps. Time is the endpoint's frozen clock, for all of them.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import boto3
import botocore.endpoint
from airflow.providers.common.compat.sdk import AirflowException
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from airflow_provider_omics.hooks import omics
from airflow_provider_omics.lifecycle import in_hub, in_worker, retry_policy, submissions
from airflow_provider_omics.lifecycle.intention import Intention
from airflow_provider_omics.lifecycle.protocol import Fail, GiveUp, Wait
from airflow_provider_omics.local import catalog, life
from airflow_provider_omics.local.engine import call
from airflow_provider_omics.local.manifest import manifest_lines
from airflow_provider_omics.local.plans import Plan, Script
from airflow_provider_omics.local.protocol import Service, ServiceError
from airflow_provider_omics.local.records import ENDED
from airflow_provider_omics.local.settings import Settings
from airflow_provider_omics.local.state import NOBODY, State
from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.polling import faults
from airflow_provider_omics.results import failure_report, outputs
from airflow_provider_omics.tasks import attempt_end, start_run_task, worker_attempt
from tests.protocol import deferred

START = datetime(2026, 1, 1, microsecond=500_000, tzinfo=UTC)  # Dates of answers have whole seconds.
REQUEST = {"workflow_id": "1234567", "role_arn": "arn:aws:iam::123456789012:role/x", "output_uri": "s3://bucket/runs"}
FAULTS = ("ThrottlingException", "InternalServerException", "AccessDeniedException")
_FOR_EVER = 1e9


class KilledError(BaseException):
    """SIGKILL: nothing of the process goes on."""


@dataclass
class Attempted:
    """What the processes of one try have done."""

    began: float
    created: int = 0
    waited_for: set[str] = field(default_factory=set)


class Process(threading.Thread):
    """One try of a task, which goes when it is told to."""

    def __init__(self, world: World, task: Task, before: Process | None = None) -> None:
        """Begin a try, or take the place of ``before`` in it."""
        super().__init__(daemon=True)
        self.world, self.task, self.key = world, task, task.key
        self.retry = task.ti.try_number > 1
        self.arguments, self.context, self.intention = task.arguments, task.context, task.intention
        self.since = world.now
        self.attempt = before.attempt if before else Attempted(world.now)
        # Where it stands: ("before" or "after", operation), or ("waiting", "").
        self.place = ("born", "")
        self.verdict: Any = None
        self.result: dict[str, str] | None = None
        self.error: Exception | None = None
        self.done = self.doomed = self.denied = False
        self.ended = KilledError()
        self._order: BaseException | None = None
        self._told, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self.start()

    def go(self, order: BaseException | None = None) -> None:
        """Let it do one step, or meet what the order says; one that is done stays so."""
        if self.done:
            return
        self._order = KilledError() if self.doomed else order
        self._told.release()
        self._stands.acquire()

    def run(self) -> None:
        try:
            self._obey()
            self.result = deferred.execute(self) if self.task.deferred else self._execute()
        except KilledError:
            pass
        except (AirflowException, ClientError, HTTPClientError) as error:
            self.error = error
        except BaseException as error:  # noqa: BLE001 - told in the main thread
            self.world.broken.append(f"{type(error).__name__}: {error}")
        self.done = True
        self._stands.release()

    def _execute(self) -> dict[str, str]:
        operator = Operator(**REQUEST, **self.arguments)
        operator.world = self.world
        return operator.execute(self.context)

    @property
    def created(self) -> int:
        """How many runs its try has created."""
        return self.attempt.created

    @property
    def was_killed(self) -> bool:
        """Whether nobody has heard what came of it."""
        return self.done and self.result is None and self.error is None

    def stand(self, *place: str) -> None:
        """Wait for the next order."""
        self.place = place
        self._stands.release()
        self._obey()

    def _obey(self) -> None:
        self._told.acquire()
        if self._order is not None:
            raise self._order


class Operator(StartOmicsRunOperator):
    """The operator, on the world's wire."""

    world: World
    operator_extra_links = ()
    log = logging.getLogger("tests.protocol")

    def hook(self, **_config: Any) -> omics.OmicsHook:
        return self.world.hook()


class Hook(omics.OmicsHook):
    """The hook, with clients that all tries share: making one takes longer than a whole schedule."""

    log = Operator.log
    conn_config = SimpleNamespace(
        region_name="us-east-1", botocore_config=None, verify=None, get_service_endpoint_url=lambda _: None
    )

    def __init__(self) -> None:
        super().__init__(None)
        self._thread = threading.current_thread()

    def get_client_type(self, **_: Any) -> Any:
        return client("omics")

    def get_session(self, **_: Any) -> Any:
        return SimpleNamespace(client=lambda name, **_: client(name))

    def _note_date(self, parsed: dict[str, Any], **more: object) -> None:
        if threading.current_thread() is self._thread:
            super()._note_date(parsed, **more)


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
        catalog.register(self.state, {"id": REQUEST["workflow_id"], "name": "cram-to-bam"})
        self.state.scripts.append(Script(Plan(pending=_FOR_EVER)))
        _current.append(self)

    def close(self) -> None:
        """End every process."""
        for process in self.alive:
            process.go(KilledError())
        for hook in self.hooks:
            client("omics").meta.events.unregister("after-call.omics", hook._note_date)
        _current.remove(self)

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
        operation, labels = _service().route(request.method, at.path)
        stand = process.stand if isinstance(process, Process) else lambda *_: None
        try:
            stand("before", operation.name)
            params = _service().parse(operation, labels, at.query, request.body or b"")
            if self.loose and operation.name == "ListRuns":
                del params["name"]
            before = len(self.runs)
            output = call(self.state, operation.name, params, NOBODY)
            status, body = _service().answer(operation, output)
            if isinstance(process, Process):
                self._follow(process, operation.name, params, new=len(self.runs) > before)
            error = None
        except ServiceError as raised:
            status, body = _service().statuses[raised.code], json.dumps({"message": raised.message}).encode()
            error = raised.code
            self.seen[f"{operation.name} {error}"] += 1
        stand("after", operation.name)
        headers = {"date": format_datetime(self.state.clock.now(), usegmt=True)}
        return _response(request, status, headers | ({"x-amzn-errortype": error} if error else {}), body)

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
            return _response(request, 400, headers, b'{"__type": "ResourceNotFoundException"}')
        [run] = [run for run in self.state.deleted if run.uuid == uuid]
        [line, *_] = manifest_lines(run, {"status": self.ends[uuid], "stopTime": run.creation_time})
        self.seen["manifest"] += 1
        return _response(request, 200, headers, json.dumps({"events": [{"message": line}]}).encode())

    # --- what happens to runs and tries ---

    def delete(self, run: Any) -> None:
        """Delete an ended run, as a person or a full account does."""
        self.ends[run.uuid] = run.status
        life.force(self.state, run, "DELETED", None, None)
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
        live = Counter(intention_of(run.request["requestId"]) for run in self.runs if run.status in life.ACTIVE[:3])
        assert all(number == 1 for number in live.values()), "two live runs of one intention"


# The world that clients and clocks belong to at present.
_current: list[World] = []


def _response(request: Any, status: int, headers: dict[str, str], body: bytes) -> AWSResponse:
    return AWSResponse(request.url, status, headers, SimpleNamespace(stream=lambda *_, **__: iter([body])))


@cache
def _service() -> Service:
    return Service("omics")


@cache
def client(name: str) -> Any:
    """Return a boto3 client whose requests the present world answers; it tries every call twice."""
    retries = {"mode": "legacy", "total_max_attempts": 2}
    config = Config(inject_host_prefix=False, retries=retries, signature_version=UNSIGNED)
    new = boto3.Session("x", "x", region_name="us-east-1").client(
        name, endpoint_url="http://127.0.0.1:1", config=config
    )
    answers = {"omics": World.answer, "logs": World.log_events}
    new.meta.events.register("before-send", lambda request, **_: answers[name](_current[-1], request))
    return new


@contextmanager
def world_time():
    """Let the provider and botocore live by the present world's clock, and let the world hear every verdict."""

    def now() -> float:
        return _current[-1].now

    def attempt_of(known: Any) -> Any:
        """Let the world hear each verdict, and each wait for a run that is dying."""
        actions, answer = real_attempt(known), None
        while True:
            threading.current_thread().verdict = None
            try:
                action = actions.send(answer)
            except StopIteration as done:
                _current[-1].judged(done.value)
                return done.value
            if isinstance(action, Wait):
                _current[-1].judged(action)
            answer = yield action

    def sleep(seconds: float) -> None:
        _current[-1].sleep(seconds)

    clock = SimpleNamespace(time=now, monotonic=now, sleep=sleep)
    real_attempt = in_worker.attempt
    with ExitStack() as patches:
        for module in (
            omics,
            submissions,
            retry_policy,
            faults,
            in_worker,
            in_hub,
            attempt_end,
            worker_attempt,
            start_run_task,
            botocore.endpoint,
        ):
            patches.enter_context(patch.object(module, "time", clock))
        for module in (in_worker, in_hub):
            patches.enter_context(patch.object(module, "attempt", attempt_of))
        patches.enter_context(patch.object(submissions, "LOOK_AGAIN", 30.0))
        deferred.patch_airflow(patches)
        # What a run leaves behind is no matter of the protocol.
        patches.enter_context(patch.object(failure_report, "failed_tasks", lambda _hook, _run: ([], 0)))
        patches.enter_context(patch.object(outputs, "outputs", lambda _hook, _run: None))
        # Chance is Hypothesis' alone.
        patches.enter_context(patch.object(faults, "jittered", lambda seconds: seconds))
        for module in (retry_policy, faults):
            patches.enter_context(patch.object(module, "back_off", lambda _faults: 1.0))
        yield


def lost() -> HTTPClientError:
    """Return what a client raises when the connection closes before the answer is read."""
    return ConnectionClosedError(endpoint_url="http://127.0.0.1:1")
