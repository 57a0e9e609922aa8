# SPDX-License-Identifier: Apache-2.0
"""The AWS CLI, version 1 of pip: every operation and waiter of `aws omics` that the endpoint has, S3, logs and SQS."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from botocore import xform_name

from airflow_provider_omics.local.operations.table import OPERATIONS
from tests.conformance.conftest import ROLE, VPC, WDL, zipped

CLIENT = "awscli"
pytestmark = pytest.mark.slow


@pytest.fixture
def aws(client):
    """Return a function that calls an operation, or a waiter, of `aws omics`, and returns what it has printed."""

    def call(*words, fails_with=0, **options):
        for name, value in options.items():
            given = [value] if isinstance(value, str) else [json.dumps(value)]
            words += (f"--{name.replace('_', '-')}", *given)
        said, error = client("aws", "omics", *words, status=fails_with)
        return error if fails_with else json.loads(said or "{}")

    return call


@pytest.fixture
def definition(tmp_path):
    (tmp_path / "cohort.zip").write_bytes(zipped(WDL))
    return f"fileb://{tmp_path / 'cohort.zip'}"


@pytest.fixture
def simulated(endpoint):
    """Return StartRun's arguments of a workflow whose runs are simulated, under a clock that stands still."""
    workflow = endpoint.workflow(name="simulated")
    endpoint.script(workflowId=workflow)
    endpoint.clock.freeze()
    yield {"workflow_id": workflow, "role_arn": ROLE, "output_uri": "s3://lab/out"}
    endpoint.clock.resume()


def test_workflows_and_versions(aws, definition):
    workflow = aws("create-workflow", name="cohort", engine="WDL", definition_zip=definition)["id"]
    aws("wait", "workflow-active", id=workflow)
    assert list(aws("get-workflow", id=workflow)["parameterTemplate"]) == ["samples"]
    aws("update-workflow", id=workflow, description="of samples")
    [found] = aws("list-workflows", name="cohort", type="PRIVATE")["items"]
    assert found["id"] == workflow
    version = {"workflow_id": workflow, "version_name": "v2"}
    aws("create-workflow-version", **version, engine="WDL", definition_zip=definition)
    aws("wait", "workflow-version-active", **version)
    aws("update-workflow-version", **version, description="the second")
    assert aws("get-workflow-version", **version)["description"] == "the second"
    assert [item["versionName"] for item in aws("list-workflow-versions", workflow_id=workflow)["items"]] == ["v2"]
    aws("delete-workflow-version", **version)
    aws("delete-workflow", id=workflow)
    assert "ResourceNotFoundException" in aws("get-workflow", id=workflow, fails_with=255)


def test_a_wdl_that_does_not_parse_ends_the_wait(aws, tmp_path):
    (tmp_path / "bad.zip").write_bytes(zipped("workflow {"))
    workflow = aws("create-workflow", name="bad", definition_zip=f"fileb://{tmp_path / 'bad.zip'}")["id"]
    assert "terminal failure state" in aws("wait", "workflow-active", id=workflow, fails_with=255)


def test_groups_caches_configurations_and_tags(aws, simulated, endpoint):
    group = aws("create-run-group", name="lab", max_runs=3)["id"]
    aws("update-run-group", id=group, max_runs=4)
    assert aws("get-run-group", id=group)["maxRuns"] == 4
    assert group in [item["id"] for item in aws("list-run-groups", name="lab")["items"]]
    cache = aws("create-run-cache", cache_s3_location="s3://lab/cache")["id"]
    aws("update-run-cache", id=cache, cache_behavior="CACHE_ALWAYS")
    assert aws("get-run-cache", id=cache)["cacheBehavior"] == "CACHE_ALWAYS"
    assert cache in [item["id"] for item in aws("list-run-caches")["items"]]
    net = aws("create-configuration", name="net", run_configurations=VPC, tags={"a": "b"})
    endpoint.clock.advance(5)
    assert aws("get-configuration", name="net")["status"] == "ACTIVE"
    assert [item["name"] for item in aws("list-configurations")["items"]] == ["net"]
    aws("tag-resource", resource_arn=net["arn"], tags={"c": "d"})
    aws("untag-resource", "--tag-keys", "a", resource_arn=net["arn"])
    assert aws("list-tags-for-resource", resource_arn=net["arn"])["tags"] == {"c": "d"}
    run = aws("start-run", **simulated, run_group_id=group, cache_id=cache)["id"]
    aws("cancel-run", id=run)
    endpoint.clock.advance(10)
    aws("delete-run", id=run)
    aws("delete-run-group", id=group)
    aws("delete-run-cache", id=cache)
    aws("delete-configuration", name="net")


def test_runs_and_tasks(aws, simulated, endpoint):
    run = aws("start-run", **simulated, name="of-the-cli", parameters={"samples": ["a"]}, tags={"by": "cli"})["id"]
    endpoint.clock.advance(15)
    aws("wait", "run-running", id=run)
    [task] = aws("list-run-tasks", id=run)["items"]
    task = {"id": run, "task_id": task["taskId"]}
    aws("wait", "task-running", **task)
    endpoint.clock.advance(60)
    aws("wait", "run-completed", id=run)
    aws("wait", "task-completed", **task)
    assert aws("get-run-task", **task)["status"] == "COMPLETED"
    got = aws("get-run", id=run)
    assert (got["parameters"], got["tags"]) == ({"samples": ["a"]}, {"by": "cli"})
    [again] = aws("list-runs", name="of-the-cli", status="COMPLETED")["items"]
    assert again["id"] == run
    failed = aws("start-run", **simulated)["id"]
    endpoint.force(failed, "FAILED", failureReason="SERVICE_ERROR")
    for waiter in ("run-running", "run-completed"):
        assert "terminal failure state" in aws("wait", waiter, id=failed, fails_with=255)


def test_batches(aws, simulated, endpoint):
    setting = {"workflowId": simulated["workflow_id"], "roleArn": ROLE, "outputUri": "s3://lab/out"}
    settings = {"inlineSettings": [{"runSettingId": name} for name in "abc"]}
    for end in ("cancel", "delete"):
        batch = {
            "batch_id": aws("start-run-batch", default_run_setting=setting, batch_run_settings=settings)["id"],
        }
        endpoint.clock.advance(5)
        assert aws("get-batch", **batch)["totalRuns"] == 3
        runs = aws("list-runs-in-batch", **batch, page_size=2)["runs"]
        assert {run["submissionStatus"] for run in runs} == {"SUCCESS"}
        assert [run["runSettingId"] for run in runs] == ["a", "b", "c"]
        if end == "cancel":
            aws("cancel-run-batch", **batch)
        endpoint.clock.advance(60)
        status = "CANCELLED" if end == "cancel" else "COMPLETED"
        ids = {run["id"] for run in aws("list-runs", batch_id=batch["batch_id"], status=status)["items"]}
        assert ids == {run["runId"] for run in runs}
        if end == "delete":
            aws("delete-run-batch", **batch)
            endpoint.clock.advance(60)
            assert aws("list-runs", batch_id=batch["batch_id"])["items"] == []
        assert batch["batch_id"] in [item["id"] for item in aws("list-batch")["items"]]
        aws("delete-batch", **batch)


def test_read_sets(aws, client, endpoint, tmp_path):
    (tmp_path / "a.bam").write_bytes(b"reads")
    client("aws", "s3", "cp", "a.bam", "s3://lab/reads/a.bam")
    store = aws("create-sequence-store", name="reads")["id"]
    assert aws("get-sequence-store", id=store)["status"] == "ACTIVE"
    assert [item["id"] for item in aws("list-sequence-stores")["sequenceStores"]] == [store]
    source = {
        "sourceFiles": {"source1": "s3://lab/reads/a.bam"},
        "sourceFileType": "BAM",
        "subjectId": "s",
        "sampleId": "a",
    }
    job = aws("start-read-set-import-job", sequence_store_id=store, role_arn=ROLE, sources=[source])
    endpoint.clock.advance(60)
    of_store = {"sequence_store_id": store}
    aws("wait", "read-set-import-job-completed", **of_store, id=job["id"])
    [imported] = aws("get-read-set-import-job", **of_store, id=job["id"])["sources"]
    assert [item["id"] for item in aws("list-read-set-import-jobs", **of_store)["importJobs"]] == [job["id"]]
    assert [item["id"] for item in aws("list-read-sets", **of_store)["readSets"]] == [imported["readSetId"]]
    endpoint.force_read_set(imported["readSetId"], "ARCHIVED")
    again = aws("start-read-set-activation-job", **of_store, sources=[{"readSetId": imported["readSetId"]}])
    endpoint.clock.advance(3600)
    aws("wait", "read-set-activation-job-completed", **of_store, id=again["id"])
    assert aws("get-read-set-activation-job", **of_store, id=again["id"])["status"] == "COMPLETED"
    assert [item["id"] for item in aws("list-read-set-activation-jobs", **of_store)["activationJobs"]] == [again["id"]]
    assert aws("get-read-set-metadata", **of_store, id=imported["readSetId"])["status"] == "ACTIVE"


def test_outputs_and_logs_of_a_run(client, executed, tmp_path):
    client("aws", "s3", "sync", executed["runOutputUri"], "run")
    assert json.loads((tmp_path / "run/logs/outputs.json").read_text())["Cohort.bams"]
    assert [file.read_text() for file in sorted((tmp_path / "run/out").rglob("a.bam"))] == ["a\n", "b\n"]
    stream = f"run/{executed['id']}/engine"
    said, _ = client(
        "aws", "logs", "get-log-events", "--log-group-name", "/aws/omics/WorkflowLog", "--log-stream-name", stream
    )
    assert "workflow start" in said
    said, _ = client("aws", "logs", "filter-log-events", "--log-group-name", "/aws/omics/WorkflowLog")
    assert "workflow start" in said


def test_what_the_docs_say_that_it_may_not(client, endpoint, monkeypatch):
    # Nothing listens there: what would leave this machine says so.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    _, error = client("aws", "sqs", "list-queues", status=255)
    assert "proxy" in error
    client("aws", "--endpoint-url", endpoint.url, "sqs", "create-queue", "--queue-name", "events")
    assert "events" in client("aws", "--endpoint-url", endpoint.url, "sqs", "list-queues")[0]


def test_every_operation_of_the_endpoint_is_called_here():
    called = set(re.findall(r'aws\("([a-z-]+)"', Path(__file__).read_text()))
    assert {xform_name(name, "-") for name in OPERATIONS} == called - {"wait", "omics", "s3", "logs"}
