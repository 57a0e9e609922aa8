# SPDX-License-Identifier: Apache-2.0
"""What an executor says of its runs, and what becomes of it."""

from __future__ import annotations

import io
import zipfile
from functools import partial
from types import SimpleNamespace

import pytest

from airflow_provider_omics.local.operations import table
from airflow_provider_omics.local.state.endpoint_state import State
from airflow_provider_omics.local.wire.caller import NOBODY


@pytest.fixture
def call():
    """Call operations of an endpoint whose executor does nothing; ``submitted`` has its runs."""
    submitted = []
    submit = lambda _run, _definition, updates: submitted.append(updates)  # noqa: E731 - one line, used once
    state = State(executor=SimpleNamespace(submit=submit, cancel=print, max_parallel_runs=3))
    return SimpleNamespace(operation=partial(_call, state), submitted=submitted)


@pytest.fixture
def start(call):
    """Start a run; return what its executor says it by, and its id."""
    content = io.BytesIO()
    zipfile.ZipFile(content, "w").close()
    workflow = call.operation("CreateWorkflow", requestId="w", definitionZip=content.getvalue())
    request = {"workflowId": workflow["id"], "roleArn": "arn:aws:iam::123456789012:role/omics", "outputUri": "s3://b"}

    def start(request_id, **more):
        run = call.operation("StartRun", requestId=request_id, **request, **more)
        return call.submitted[-1], run["id"]

    return start


def _call(state, operation, **params):
    return table.call(state, operation, params, NOBODY)


def test_one_that_is_stopping_can_only_end(start, call):
    updates, run_id = start("r")
    call.operation("CancelRun", id=run_id)
    seen = []
    for status in ("STARTING", "RUNNING", "STOPPING", "CANCELLED", "COMPLETED"):
        updates.status(status)
        seen.append(call.operation("GetRun", id=run_id)["status"])
    assert seen == ["STOPPING", "STOPPING", "STOPPING", "CANCELLED", "CANCELLED"]


def test_a_task_that_has_failed_while_it_waited_takes_no_vcpus(start, call):
    group, went_on = call.operation("CreateRunGroup", requestId="g", maxCpus=1)["id"], []

    def wait(name):
        updates, _ = start(name, runGroupId=group)
        updates.status("RUNNING")
        task = updates.task(name)
        updates.task_waits(task, lambda _why: went_on.append(name))
        return partial(updates.task_status, task)

    first, second, _ = (wait(name) for name in ("first", "second", "third"))
    second("FAILED")
    assert went_on == ["first"]
    first("COMPLETED")
    assert went_on == ["first", "third"]
