# SPDX-License-Identifier: Apache-2.0
"""The manifest of a run, as programs read it that analyse or repeat runs, and the instance types of its tasks."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import datetime

import pytest

from airflow_provider_omics.local.runs.instance_types import instance_type


def zipped(wdl):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("main.wdl", wdl)
    return buffer.getvalue()


WORKFLOW = "1234567"
GROUP = "/aws/omics/WorkflowLog"
DEFINITION = zipped("version 1.0\nworkflow w { input { Int? a } }\n")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ((1, 1), "omics.c.large"),
        ((8, 64), "omics.r.2xlarge"),  # the guide's example
        ((2, 8), "omics.m.large"),
        ((2, 9), "omics.r.large"),
        ((2, 17), "omics.r.xlarge"),
        ((100, 400), "omics.m.32xlarge"),
        ((192, 1536), "omics.r.48xlarge"),
        ((193, 1), None),
        ((4, 16, 1), "omics.g4dn.xlarge"),
        ((1, 1, 2), "omics.g4dn.12xlarge"),
        ((1, 1, 5), None),
    ],
)
def test_a_task_gets_the_smallest_instance_of_the_published_table(request_, name):
    assert instance_type(*request_) == name


@pytest.fixture
def manifest(client, omics_local, wait_for):
    """Return a run's manifest lines, once it has ended."""
    omics_local.switch(logs=True)

    def lines(run_id):
        run = wait_for(lambda: (it := client.get_run(id=run_id))["status"] in ("COMPLETED", "FAILED") and it)
        stream = f"manifest/run/{run['id']}/{run['uuid']}"
        logs = omics_local.client("logs")
        events = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)["events"]
        return [json.loads(event["message"]) for event in events]

    return lines


def test_the_run_line_says_all_that_a_repetition_needs(start, client, frozen, manifest):
    version = client.create_workflow_version(workflowId=WORKFLOW, versionName="v2", definitionZip=DEFINITION)
    group, cache = client.create_run_group(maxRuns=5), client.create_run_cache(cacheS3Location="s3://bucket/cache")
    members = {
        "name": "r",
        "parameters": {"a": 1},
        "priority": 7,
        "storageType": "STATIC",
        "storageCapacity": 1200,
        "logLevel": "ERROR",
        "retentionMode": "REMOVE",
    }
    ids = {"runGroupId": group["id"], "cacheId": cache["id"], "cacheBehavior": "CACHE_ALWAYS"}
    run = start(workflowVersionName="v2", **ids, **members)
    frozen.advance(60)
    line, _task = manifest(run["id"])
    assert {name: line[name] for name in members} == members
    assert (line["runGroup"], line["runCache"], line["runCacheBehavior"]) == (
        group["arn"],
        cache["arn"],
        "CACHE_ALWAYS",
    )
    assert line["workflow"] == client.get_workflow(id=WORKFLOW)["arn"]
    assert line["workflowVersion"] == f"{line['workflow']}/version/v2" == version["arn"]
    assert line["digest"] == client.get_workflow_version(workflowId=WORKFLOW, versionName="v2")["digest"]
    assert line["digest"] == client.get_run(id=run["id"])["digest"]
    assert line["metrics"] == {"runningSeconds": 35, "storageReservedGiB": 1200}


def test_the_cache_of_a_run_decides_where_the_run_says_nothing(start, client, frozen, manifest):
    cache = client.create_run_cache(cacheS3Location="s3://bucket/cache", cacheBehavior="CACHE_ALWAYS")
    run = start(cacheId=cache["id"])
    frozen.advance(60)
    assert manifest(run["id"])[0]["runCacheBehavior"] == "CACHE_ALWAYS"


def test_times_have_the_form_that_clients_parse(start, frozen, manifest):
    run = start()
    frozen.advance(60)
    lines = manifest(run["id"])
    times = {name: value for line in lines for name, value in line.items() if name.endswith("Time")}
    assert set(times) == {"creationTime", "startTime", "stopTime"}
    assert all(TIME.fullmatch(value) for value in times.values()), times
    assert all(datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ") for value in times.values())  # noqa: DTZ007 - as clients


def test_a_task_line_says_what_the_task_asked_for_and_got(start, client, omics_local, frozen, manifest):
    used = {"cpusAverage": 2.5, "cpusMaximum": 3.5, "memoryAverageGiB": 20.0, "memoryMaximumGiB": 31.0}
    omics_local.script(tasks=[{"name": "align", "cpus": 4, "memory": 32, "metrics": used}])
    run = start()
    frozen.advance(60)
    _, line = manifest(run["id"])
    [task] = client.list_run_tasks(id=run["id"])["items"]
    task = client.get_run_task(id=run["id"], taskId=task["taskId"])
    same = ("name", "cpus", "memory", "gpus", "instanceType", "uuid", "status")
    assert {name: line[name] for name in same} == {name: task[name] for name in same}
    assert line["instanceType"] == "omics.r.xlarge"
    reserved = {"cpusReserved": 4, "memoryReservedGiB": 32, "gpusReserved": 0}
    assert line["metrics"] == {**reserved, **used, "runningSeconds": 30}


@pytest.mark.parametrize(("asked", "reserved"), [(None, 1200), (1, 1200), (1201, 2400), (2401, 4800), (9600, 9600)])
def test_static_storage_is_rounded_up_as_published(start, frozen, manifest, asked, reserved):
    run = start(storageType="STATIC", storageCapacity=asked)
    frozen.advance(60)
    assert manifest(run["id"])[0]["metrics"]["storageReservedGiB"] == reserved


def test_dynamic_storage_is_not_reserved(start, frozen, manifest):
    run = start(storageType="DYNAMIC")
    frozen.advance(60)
    assert "storageReservedGiB" not in manifest(run["id"])[0]["metrics"]


def test_the_workflow_of_a_ready2run_run_belongs_to_no_account(start, omics_local, frozen, manifest):
    omics_local.workflow(id="7000001", type="READY2RUN")
    run = start(workflowId="7000001", workflowType="READY2RUN")
    frozen.advance(60)
    assert manifest(run["id"])[0]["workflow"].split(":")[4] == ""


def test_a_deleted_workflow_stays_in_the_manifest(start, client, frozen, manifest):
    run, arn = start(), client.get_workflow(id=WORKFLOW)["arn"]
    client.delete_workflow(id=WORKFLOW)
    frozen.advance(60)
    assert manifest(run["id"])[0]["workflow"] == arn
