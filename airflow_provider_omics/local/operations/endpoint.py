# SPDX-License-Identifier: Apache-2.0
"""The endpoint without its socket: the state, what it publishes and executes, and how all of it begins anew."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.faults.call_log import CallLog
from airflow_provider_omics.local.faults.planned_faults import PlannedFaults
from airflow_provider_omics.local.faults.throttle import Throttle
from airflow_provider_omics.local.operations.table import SLICE, call
from airflow_provider_omics.local.publishing import moto_backends
from airflow_provider_omics.local.runs import batch_processing
from airflow_provider_omics.local.state.endpoint_state import State
from airflow_provider_omics.local.wire.service_model import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.local.publishing.publishing_queue import PublishingQueue
    from airflow_provider_omics.local.state.execution import Executor
    from airflow_provider_omics.local.wire.caller import Answer, Caller


class Endpoint:
    """The service's model, the state, and what happens to calls; operations are done one at a time."""

    def __init__(self, config: dict[str, Any], *, simulate: bool = True) -> None:
        self.config = config
        self._simulate = simulate
        self.service = Service("omics")
        self._executor: Executor | None = None
        self.publishing: PublishingQueue | None = None
        self.lock = threading.RLock()
        self.calls, self.faults, self.throttle = CallLog(), PlannedFaults(), Throttle()
        self.state = State(self.lock)
        self.reset()

    def reset(self, prepare: Callable[[], None] = lambda: None) -> None:
        """
        Forget everything: runs, resources, calls, faults, scripts, settings, and what is in the other services.

        ``prepare`` sets up the new state. The caller must not hold the lock, which those need that are to end.
        """
        with self.lock:
            left, runs = self.publishing, list(self.state.runs)
            self.calls, self.faults, self.throttle = CallLog(), PlannedFaults(), Throttle()
            self.publishing = renewed = left.renewed() if left else None
            executor = None if self._simulate else self._executor
            self.state = State(self.lock, executor=executor, publishing=self.publishing)
            self.state.ended = partial(batch_processing.run_ended, self.state)
            prepare()
        # What still runs or publishes would leave something in services that are empty already.
        if self._executor:
            self._executor.end(runs)
        if left:
            left.close()
        moto_backends.reset()
        if renewed:  # Before, what `prepare` publishes would be forgotten, too.
            renewed.begin()

    def call(self, operation: str, params: dict[str, Any], caller: Caller) -> Answer:
        """Do an operation on the state that there is when its turn comes."""
        with self.lock:
            return call(self.state, operation, params, caller)

    def catch_up(self) -> None:
        """Do all that is due; calls get through between its slices."""
        while self._advance():
            time.sleep(0.001)  # a lock that is taken again at once is never somebody else's

    def _advance(self) -> bool:
        with self.lock:
            return self.state.advance(SLICE)

    def connect(self, make_executor: Callable[[], Executor], publishing: PublishingQueue) -> None:
        """Give it what executes workflows and what publishes, which both need the endpoint's address."""
        self._make_executor = make_executor
        self.publishing = self.state.publishing = publishing
        if not self._simulate:
            self.execute()

    def execute(self) -> None:
        """Execute WDL instead of simulating its runs, until it begins anew."""
        self._executor = self.state.executor = self._executor or self._make_executor()

    def close(self) -> None:
        """Kill what is executed, publish what is left."""
        if self._executor:
            self._executor.close()
        if self.publishing:
            self.publishing.close()
