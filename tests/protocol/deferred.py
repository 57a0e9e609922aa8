# SPDX-License-Identifier: Apache-2.0
"""A try whose run is started in a triggerer: the real driver of the hub, in a thread that goes when it is told to."""

from __future__ import annotations

import asyncio
import copy
import threading
from dataclasses import asdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_omics.aws.errors import is_refused, should_retry
from airflow_provider_omics.compat import TaskKey
from airflow_provider_omics.lifecycle import claim, in_hub, marker
from airflow_provider_omics.lifecycle.claim import Claim
from airflow_provider_omics.lifecycle.in_hub import HubDriver
from airflow_provider_omics.lifecycle.marker import KEY, Marker
from airflow_provider_omics.lifecycle.protocol import Succeed, Wait
from airflow_provider_omics.lifecycle.run_submissions import RunSubmissions
from airflow_provider_omics.lifecycle.start_calls import Place
from airflow_provider_omics.lifecycle.start_times import StartTimes
from airflow_provider_omics.polling import hub
from airflow_provider_omics.polling.pacing import CallPace

if TYPE_CHECKING:
    from contextlib import ExitStack

    from airflow_provider_omics.records.run import Run
    from tests.protocol.process import Process
    from tests.protocol.world import World

FOR_EVER = 1e9


class Limit:
    """No limit: how often calls are made is no matter of the protocol."""

    def __init__(self) -> None:
        self.pace = CallPace(1.0)

    async def acquire(self) -> None:
        """Make the call at once."""


class Hub:
    """What a driver asks of a hub, whose calls are made in the process's own thread, and whose queue is empty."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.limit = Limit()
        self.client = self.starts = self

    repeat = hub.Hub.repeat

    async def call(self, method: Any, **_: Any) -> Any:
        return method(self._world.hook())

    def should_retry(self, error: Exception, faults: int) -> bool:
        return should_retry(error, faults)

    async def start(self, call: Any, *, ready: Any, refused: Any) -> Any:
        while True:
            await ready()
            try:
                return call(self._world.hook())
            except Exception as error:
                if not is_refused(error):
                    raise
                refused(error)
            self._world.advance(1.0)


def execute(process: Process) -> dict[str, str]:
    """Find or start the run of a try, wait for it, and return its XCom, as worker and triggerer do together."""
    world, task, ti = process.world, process.task, process.context["ti"]
    request = {"workflowId": "1234567", "roleArn": "arn:aws:iam::123456789012:role/x", "outputUri": "s3://bucket/runs"}
    request |= {"priority": process.arguments["priority"]}
    request |= {"name": task.name} if task.name else {}
    request |= {"requestId": task.request_id} if task.request_id else {}
    submissions = RunSubmissions(
        request, process.intention, try_number=ti.try_number, airflow_tags=task.airflow_tags, store=task.store
    )
    task.xcom.setdefault(KEY, asdict(Marker(process.intention.digest, ti.try_number)))
    stored = submissions.stored() if process.retry else None
    known = submissions.known(stored, retry=process.retry, waits=task.waits)
    hook = world.hook()

    async def show(run: Run) -> None:
        task.xcom |= run.shown()

    def until_end(run: Run) -> Run:
        while not run.ended:
            world.sleep(30.0)
            run = hook.get_run(run)
        return run

    async def wait(run: Run) -> Run:
        return until_end(run)

    driver = HubDriver(
        Hub(world),  # type: ignore[arg-type]  # what a driver asks of one
        submissions,
        Claim(TaskKey.of(ti), process.intention.digest, ti.try_number),
        Place(None, None),
        StartTimes(FOR_EVER * 10, FOR_EVER, None),
        show=show,
        say=lambda _line: None,
        wait=wait,
    )
    verdict = asyncio.run(driver.carry_out(known))
    run = until_end(verdict.run) if isinstance(verdict, Wait) else verdict.run
    if isinstance(verdict, Succeed) or run.succeeded:
        return run.xcom()
    raise AirflowException(f"HealthOmics {run}")


def patch_airflow(patches: ExitStack) -> None:
    """Let drivers find the XComs and the state of their process's task, and live by its world's clock."""

    async def ask(question: Any, *arguments: Any) -> Any:
        return question(*arguments)

    def process() -> Any:
        return threading.current_thread()

    async def sleep(seconds: float) -> None:
        me = process()
        if (me.task.ti.try_number, me.task.intention) != (me.context["ti"].try_number, me.intention):
            raise me.ended  # Airflow ends a trigger whose try is over.
        me.world.sleep(seconds)

    def push(_task: TaskKey, key: str, value: Any) -> None:
        process().task.xcom[key] = copy.deepcopy(value)

    def pull(_task: TaskKey, key: str) -> Any:
        return copy.deepcopy(process().task.xcom.get(key))

    names = ("timeout", "get_running_loop", "CancelledError")
    clock = SimpleNamespace(sleep=sleep, **{name: getattr(asyncio, name) for name in names})
    patches.enter_context(patch.object(claim, "ask_airflow", ask))
    patches.enter_context(patch.object(claim, "task_states", lambda tis: ["deferred"] * len(tis)))
    for module in (claim, in_hub):
        patches.enter_context(patch.object(module, "asyncio", clock))
        patches.enter_context(patch.object(module, "back_off", lambda _faults: 1.0))
    patches.enter_context(
        patch.object(hub, "asyncio", SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop))
    )
    patches.enter_context(patch.object(hub, "back_off", lambda _faults: 1.0))
    patches.enter_context(patch.object(marker, "push_from_trigger", push))
    patches.enter_context(patch.object(marker, "pull_in_trigger", pull))
    for module in (claim, marker):
        patches.enter_context(patch.object(module, "time", in_hub.time))
