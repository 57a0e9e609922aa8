# SPDX-License-Identifier: Apache-2.0
"""capo-omics, an SDK that is generated from the service's Smithy model and has nothing of botocore, sync and async."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import uuid
from pathlib import Path

import pytest
from botocore import xform_name

from tests.conformance.conftest import ROLE, WDL, environment_of, zipped

CLIENT = "capo-omics"
HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["sync", "async"])
def capo(request, endpoint):
    """Return a function that calls a method of a client, and returns what it answers, or the text of its error."""
    program = [environment_of(CLIENT) / "python", HERE / "call_capo.py", request.param]
    environment = {**os.environ, **endpoint.env()}
    with subprocess.Popen(program, stdin=-1, stdout=-1, text=True, env=environment) as process:

        def call(method, **arguments):
            process.stdin.write(json.dumps([method, arguments]) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            return answer if isinstance(answer, str) else answer[0]

        yield call
        process.stdin.close()


def test_a_workflow_is_registered_and_run(capo, endpoint):
    token, content = uuid.uuid4().hex, base64.b64encode(zipped(WDL)).decode()
    made = capo("create_workflow", name="capo", definition_zip=content, request_id=token)
    endpoint.client().get_waiter("workflow_active").wait(id=made["id"])
    assert list(capo("get_workflow", id=made["id"])["parameter_template"]) == ["samples"]
    run = capo(
        "start_run",
        workflow_id=made["id"],
        role_arn=ROLE,
        output_uri="s3://lab/out",
        parameters={"samples": ["a", "b"]},
        tags={"by": "capo"},
        request_id=token,
    )
    endpoint.client().get_waiter("run_completed").wait(id=run["id"], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    got = capo("get_run", id=run["id"])
    assert (got["status"], got["tags"]) == ("COMPLETED", {"by": "capo"})


def test_what_is_read_is_what_boto3_reads(capo, endpoint, executed):
    omics, run = endpoint.client(), executed["id"]
    task = omics.list_run_tasks(id=run)["items"][0]["taskId"]
    for method, arguments in (
        ("get_run", {"id": run}),
        ("get_run_task", {"id": run, "taskId": task}),
        ("get_run_group", {"id": executed["runGroupId"]}),
        ("get_run_cache", {"id": executed["cacheId"]}),
        ("get_workflow_version", {"workflowId": executed["workflowId"], "versionName": "v2"}),
    ):
        expected = getattr(omics, method)(**arguments)
        del expected["ResponseMetadata"]
        got = capo(method, **{xform_name(name): value for name, value in arguments.items()})
        assert set(got) == {xform_name(name) for name in expected}
        for name, value in expected.items():
            if isinstance(value, str | int | list):
                assert got[xform_name(name)] == value, name
    assert capo("get_run", id=run)["parameters"] == {"samples": ["a", "b"]}
    assert [item["name"] for item in capo("iter_list_run_tasks", id=run)] == ["Align", "Align"]


def test_pages_follow_each_other(capo, endpoint):
    omics, name = endpoint.client(), uuid.uuid4().hex
    made = [omics.create_run_group(name=name)["id"] for _ in range(7)]
    assert [item["id"] for item in capo("iter_list_run_groups", name=name, max_results=2)] == made[::-1]


def test_errors_have_their_types_and_throttled_calls_are_repeated(capo, endpoint):
    assert capo("get_run", id="99").startswith("ResourceNotFoundException: ")
    assert capo("list_shares", resource_owner="SELF").startswith("UnknownServiceError: NotImplementedException")
    endpoint.fault("ListRuns", "error", code="ThrottlingException", times=1)
    assert isinstance(capo("list_runs")["items"], list)
    assert endpoint.faults() == []
