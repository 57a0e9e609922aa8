# SPDX-License-Identifier: Apache-2.0
"""The same through ``omics-local serve``: boto3 on one side, processes on the other."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import uuid
import zipfile

import pytest

from airflow_provider_omics.local.testing import start_server

LONG = """
version 1.1
task Long { input { String marker } command <<< echo started; bash -c 'sleep 300; : ~{marker}' >>> }
"""
QUICK = """
version 1.1
task Quick { input { File? file } command <<< echo done > done.txt >>> output { File done = "done.txt" } }
"""
SAY = """
version 1.1
task Say { input { String word } command <<< echo "~{word}" >>> output { String said = read_string(stdout()) } }
"""
TIMED = """
version 1.1
task Timed {
    input { Int cpu  Int repeats }
    command <<< sleep 0.3 >>>
    runtime { cpu: cpu  maxRetries: repeats }
}
workflow Several {
    input { Array[Int] cpus  Int repeats = 0 }
    scatter (cpu in cpus) { call Timed { input: cpu = cpu, repeats = repeats } }
}
"""
ENDED = ("COMPLETED", "FAILED", "CANCELLED")


ROLE = "arn:aws:iam::123456789012:role/omics"


def zipped(name, text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


def start(endpoint, wdl, parameters, **members):
    omics = endpoint.client()
    workflow = omics.create_workflow(name="w", definitionZip=zipped("main.wdl", wdl), requestId=uuid.uuid4().hex)
    request = {"workflowId": workflow["id"], "roleArn": ROLE, "parameters": parameters}
    request |= {"outputUri": "s3://lab/results", "requestId": uuid.uuid4().hex} | members
    return omics.start_run(**{name: value for name, value in request.items() if value is not None})["id"]


@pytest.fixture
def finish(endpoint, wait_for):
    omics = endpoint.client()
    return lambda run_id: wait_for(lambda: (run := omics.get_run(id=run_id))["status"] in ENDED and run)


@pytest.fixture(scope="module")
def endpoint():
    with start_server("--examples") as endpoint:
        endpoint.client("s3").create_bucket(Bucket="lab")
        yield endpoint


def test_cancel_run_kills_the_task(endpoint, finish, wait_for, alive):
    omics, marker = endpoint.client(), uuid.uuid4().hex
    run_id = start(endpoint, LONG, {"marker": marker})
    wait_for(lambda: alive(marker))

    omics.cancel_run(id=run_id)
    assert omics.get_run(id=run_id)["status"] in ("STOPPING", "CANCELLED")
    run = finish(run_id)

    assert run["status"] == "CANCELLED"
    assert alive(marker) == []
    [task] = omics.list_run_tasks(id=run_id)["items"]
    assert task["status"] == "CANCELLED"
    assert "Contents" not in endpoint.client("s3").list_objects_v2(Bucket="lab", Prefix=f"results/{run_id}/")


def test_runs_of_a_group_are_executed_one_after_the_other_by_priority(endpoint, finish, wait_for, alive):
    omics, marker = endpoint.client(), uuid.uuid4().hex
    group = omics.create_run_group(maxRuns=1)["id"]
    blocking = start(endpoint, LONG, {"marker": marker}, runGroupId=group)
    wait_for(lambda: alive(marker))
    low, cancelled, high = (
        start(endpoint, QUICK, {}, runGroupId=group, priority=priority) for priority in (1, 50, 100)
    )
    assert {omics.get_run(id=run)["status"] for run in (low, cancelled, high)} == {"PENDING"}
    omics.cancel_run(id=cancelled)
    assert finish(cancelled)["status"] == "CANCELLED"
    omics.cancel_run(id=blocking)
    assert finish(low)["startTime"] >= finish(high)["stopTime"]


@pytest.mark.parametrize(("cpus", "most"), [([2, 2], 1), ([1, 1], 3)])
def test_tasks_of_a_groups_runs_wait_for_vcpus(endpoint, finish, cpus, most):
    omics = endpoint.client()
    group = omics.create_run_group(maxCpus=3)["id"]
    runs = [start(endpoint, TIMED, {"cpus": cpus}, runGroupId=group) for _ in range(2)]
    assert {finish(run)["status"] for run in runs} == {"COMPLETED"}
    tasks = [task for run in runs for task in omics.list_run_tasks(id=run)["items"]]
    for now in tasks:
        beside = [it for it in tasks if it["startTime"] <= now["startTime"] < it["stopTime"]]
        assert 1 <= len(beside) <= most


def test_a_cancelled_run_gives_its_vcpus_to_the_next(endpoint, finish, wait_for, alive):
    omics, marker = endpoint.client(), uuid.uuid4().hex
    group = omics.create_run_group(maxCpus=1)["id"]
    blocking = start(endpoint, LONG, {"marker": marker}, runGroupId=group)
    wait_for(lambda: alive(marker))
    waiting = start(endpoint, QUICK, {}, runGroupId=group)
    [task] = wait_for(lambda: omics.list_run_tasks(id=waiting)["items"])
    assert task["status"] == "PENDING"
    assert omics.get_run(id=waiting)["status"] == "RUNNING"
    omics.cancel_run(id=waiting)
    assert finish(waiting)["status"] == "CANCELLED"
    following = start(endpoint, QUICK, {}, runGroupId=group)
    wait_for(lambda: omics.list_run_tasks(id=following)["items"])
    omics.cancel_run(id=blocking)
    assert finish(following)["status"] == "COMPLETED"


@pytest.mark.parametrize("repeats", [0, 1])
def test_a_task_that_asks_for_more_than_its_group_has_fails(endpoint, finish, repeats):
    omics = endpoint.client()
    group = omics.create_run_group(maxCpus=2)["id"]
    run = finish(start(endpoint, TIMED, {"cpus": [3], "repeats": repeats}, runGroupId=group))
    assert (run["status"], run["failureReason"]) == ("FAILED", "INVALID_TASK_RESOURCE_VALUE")
    tasks = omics.list_run_tasks(id=run["id"])["items"]
    assert [task["status"] for task in tasks] == ["FAILED"] * (1 + repeats)
    task = omics.get_run_task(id=run["id"], taskId=tasks[-1]["taskId"])
    assert f"3 is more than maxCpus, 2, of run group {group}" in task["statusMessage"]


@pytest.mark.parametrize("cache", [None, "1234567"], ids=["own", "the examples'"])
def test_outputs_are_found_in_a_run_cache(endpoint, finish, cache):
    omics, s3 = endpoint.client(), endpoint.client("s3")
    cache = cache or omics.create_run_cache(cacheS3Location="s3://lab/cache/")["id"]
    runs = [finish(start(endpoint, QUICK, {}, cacheId=cache, cacheBehavior="CACHE_ALWAYS"))["id"] for _ in range(2)]
    first, second = (omics.list_run_tasks(id=run)["items"][0] for run in runs)
    assert (first["cacheHit"], second["cacheHit"], second["status"]) == (False, True, "COMPLETED")
    task = omics.get_run_task(id=runs[1], taskId=second["taskId"])
    where = omics.get_run_cache(id=cache)["cacheS3Uri"]
    assert task["cacheS3Uri"].startswith(f"{where}{runs[0]}/{first['taskId']}/")
    bucket, _, prefix = task["cacheS3Uri"].removeprefix("s3://").partition("/")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]
    assert {key.rpartition(".")[2] for key in keys} == {"txt", "json"}


def test_a_run_is_killed_that_takes_longer_than_its_group_allows(endpoint, finish, wait_for, alive):
    omics, marker = endpoint.client(), uuid.uuid4().hex
    group = omics.create_run_group(maxDuration=30)["id"]
    run_id = start(endpoint, LONG, {"marker": marker}, runGroupId=group)
    wait_for(lambda: alive(marker))
    endpoint.clock.advance(30 * 60)
    run = finish(run_id)
    assert (run["status"], run["failureReason"]) == ("FAILED", "RUN_TIMED_OUT")
    assert "30 minutes" in run["statusMessage"]
    assert alive(marker) == []


@pytest.mark.parametrize(
    ("parameters", "output", "reason"),
    [
        ({"file": "s3://lab/nothing"}, "s3://lab/results", "INPUT_URI_NOT_FOUND"),
        ({"file": "s3://nowhere/nothing"}, "s3://lab/results", "INPUT_URI_NOT_FOUND"),
        ({}, "s3://nowhere/results", "EXPORT_FAILED"),
    ],
)
def test_what_s3_does_not_have_fails_the_run(endpoint, finish, parameters, output, reason):
    run = finish(start(endpoint, QUICK, parameters, outputUri=output))

    assert (run["status"], run["failureReason"]) == ("FAILED", reason)


def test_parameters_come_from_s3(endpoint, finish):
    s3 = endpoint.client("s3")
    s3.put_object(Bucket="lab", Key="parameters.json", Body=json.dumps({"word": "from S3"}).encode())
    run = finish(start(endpoint, SAY, None, parametersUri="s3://lab/parameters.json"))
    assert run["status"] == "COMPLETED", run.get("statusMessage")
    assert "parameters" not in run
    said = s3.get_object(Bucket="lab", Key=f"results/{run['id']}/logs/outputs.json")["Body"].read()
    assert json.loads(said) == {"Say.said": "from S3"}

    run = finish(start(endpoint, SAY, None, parametersUri="s3://lab/nothing.json"))
    assert (run["status"], run["failureReason"]) == ("FAILED", "INVALID_RUN_PARAMETERS")


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"definitionZip": zipped("main.nf", "")}, "is written for NEXTFLOW"),
        ({"definitionZip": zipped("main.cwl", "")}, "is written for CWL"),
        (
            {
                "definitionRepository": {
                    "connectionArn": "arn:aws:codeconnections:us-east-1:123456789012:connection/1",
                    "fullRepositoryId": "lab/flows",
                },
                "engine": "WDL",
            },
            "is defined by a repository",
        ),
    ],
)
def test_what_cannot_be_executed_fails_and_says_so_and_is_never_simulated(endpoint, finish, members, why):
    omics = endpoint.client()
    workflow = omics.create_workflow(name="other", **members)["id"]
    omics.get_waiter("workflow_active").wait(id=workflow)
    run = finish(omics.start_run(workflowId=workflow, roleArn=ROLE, outputUri="s3://lab/results")["id"])

    assert (run["status"], run["failureReason"]) == ("FAILED", "WORKFLOW_RUN_FAILED")
    assert why in run["statusMessage"]
    assert "--simulate" in run["statusMessage"]


def test_a_workflow_without_a_definition_lives_by_a_script_alone(endpoint, finish):
    endpoint.workflow(id="1111111", name="mine")
    request = {"workflowId": "1111111", "roleArn": ROLE, "outputUri": "s3://lab/results"}
    run = finish(endpoint.client().start_run(**request)["id"])
    assert (run["status"], "has no definition" in run["statusMessage"]) == ("FAILED", True)

    endpoint.script(workflowId="1111111", pending=0, starting=0, running=0, stopping=0, times=1)
    assert finish(endpoint.client().start_run(**request)["id"])["status"] == "COMPLETED"


def test_a_reset_waits_until_nothing_is_executed(endpoint, wait_for, alive):
    marker = uuid.uuid4().hex
    for _ in range(3):
        start(endpoint, LONG, {"marker": marker})
    wait_for(lambda: alive(marker))
    endpoint.reset()
    assert alive(marker) == []
    assert [run["id"] for run in endpoint.runs()] == ["3282892"]  # the examples' own, as after the start
    logs = endpoint.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    streams = [
        it["logStreamName"] for name in groups for it in logs.describe_log_streams(logGroupName=name)["logStreams"]
    ]
    assert [name for name in streams if "run/3282892" not in name] == []
    endpoint.client("s3").create_bucket(Bucket="lab")


@pytest.mark.usefixtures("hangups")
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_server_leaves_no_process(stop, wait_for, alive, monkeypatch):
    monkeypatch.setattr(subprocess.Popen, "terminate", lambda process: process.send_signal(stop))
    marker = uuid.uuid4().hex
    with start_server() as endpoint:
        start(endpoint, LONG, {"marker": marker})
        wait_for(lambda: alive(marker))

    assert alive(marker) == []
