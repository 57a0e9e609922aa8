# SPDX-License-Identifier: Apache-2.0
"""The provider and botocore on the clock of the present world."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import botocore.endpoint

from airflow_provider_omics.hooks import omics
from airflow_provider_omics.lifecycle import in_hub, in_worker, start_times, submissions
from airflow_provider_omics.lifecycle.protocol import Wait
from airflow_provider_omics.polling import faults
from airflow_provider_omics.results import failure_report, outputs
from airflow_provider_omics.tasks import attempt_end, start_run_task
from tests.protocol import deferred
from tests.protocol.wire import CURRENT


@contextmanager
def world_time():
    """Let the provider and botocore live by the present world's clock, and let the world hear every verdict."""

    def now() -> float:
        return CURRENT[-1].now

    def attempt_of(known: Any) -> Any:
        """Let the world hear each verdict, and each wait for a run that is dying."""
        actions, answer = real_attempt(known), None
        while True:
            threading.current_thread().verdict = None
            try:
                action = actions.send(answer)
            except StopIteration as done:
                CURRENT[-1].judged(done.value)
                return done.value
            if isinstance(action, Wait):
                CURRENT[-1].judged(action)
            answer = yield action

    def sleep(seconds: float) -> None:
        CURRENT[-1].sleep(seconds)

    clock = SimpleNamespace(time=now, monotonic=now, sleep=sleep)
    real_attempt = in_worker.attempt
    with ExitStack() as patches:
        for module in (
            omics,
            submissions,
            faults,
            in_worker,
            in_hub,
            start_times,
            attempt_end,
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
        for module in (in_worker, faults):
            patches.enter_context(patch.object(module, "back_off", lambda _faults: 1.0))
        yield
