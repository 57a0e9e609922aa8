# SPDX-License-Identifier: Apache-2.0
"""Runs: started, looked at, listed, cancelled, deleted."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_omics.local.operations import table
from airflow_provider_omics.local.state.endpoint_state import State
from airflow_provider_omics.local.wire.caller import NOBODY

ROLE = "arn:aws:iam::123456789012:role/omics"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def test_a_run_is_started(start, omics_local):
    answer = start(tags={"a": "b"})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert re.fullmatch(r"\d{7}", answer["id"])
    assert re.fullmatch(UUID, answer["uuid"])
    assert answer["arn"] == f"arn:aws:omics:us-east-1:123456789012:run/{answer['id']}"
    assert answer["runOutputUri"] == f"s3://bucket/runs/{answer['id']}"
    assert (answer["status"], answer["tags"], answer["networkingMode"]) == ("PENDING", {"a": "b"}, "RESTRICTED")
    [run] = omics_local.runs()
    assert (run["id"], run["uuid"]) == (answer["id"], answer["uuid"])


def test_the_arn_is_of_the_callers_region_and_the_set_account(omics_local):
    omics_local.switch(account="210987654321")
    omics_local.workflow(id="1234567")
    client = omics_local.client("omics", region_name="eu-west-2")
    answer = client.start_run(workflowId="1234567", roleArn=ROLE, outputUri="s3://b")
    assert answer["arn"] == f"arn:aws:omics:eu-west-2:210987654321:run/{answer['id']}"


def test_outputs_can_go_to_the_very_prefix(start, client):
    answer = start(outputUriPrefixMode="NONE_WITH_OVERWRITE")
    assert answer["runOutputUri"] == "s3://bucket/runs/"
    assert client.get_run(id=answer["id"])["outputUriPrefixMode"] == "NONE_WITH_OVERWRITE"


def test_get_run_tells_what_was_asked_for(start, client):
    group = client.create_run_group(name="g")["id"]
    cache = client.create_run_cache(cacheS3Location="s3://bucket/cache/")["id"]
    asked = {
        "name": "r",
        "runGroupId": group,
        "cacheId": cache,
        "cacheBehavior": "CACHE_ALWAYS",
        "priority": 3,
        "parameters": {"x": [1, None, "é"]},
        "storageType": "DYNAMIC",
        "storageCapacity": 10,
        "logLevel": "ERROR",
        "retentionMode": "REMOVE",
        "scratchStorageMode": "LOCAL",
        "sessionPolicy": '{"Version": "2012-10-17"}',
        "engineSettings": {"engineVersion": "25"},
        "networkingMode": "RESTRICTED",
    }
    answer = start(**asked)
    run = client.get_run(id=answer["id"])
    assert {name: run[name] for name in asked} == asked
    assert (run["workflowId"], run["roleArn"], run["outputUri"]) == ("1234567", ROLE, "s3://bucket/runs/")
    assert (run["uuid"], run["workflowType"]) == (answer["uuid"], "PRIVATE")
    assert run["logLocation"]["engineLogStream"].endswith(f":log-stream:run/{answer['id']}/engine")
    assert abs(run["creationTime"] - datetime.now(UTC)) < timedelta(seconds=60)


def test_a_run_lives_by_the_clock(start, client, frozen):
    run_id = start()["id"]
    began = frozen.now()
    seen = []
    for seconds in (0, 5, 5, 29, 1, 5):
        frozen.advance(seconds)
        seen.append(client.get_run(id=run_id)["status"])
    assert seen == ["PENDING", "STARTING", "RUNNING", "RUNNING", "STOPPING", "COMPLETED"]
    run = client.get_run(id=run_id)
    assert [(run[name] - began).total_seconds() for name in ("creationTime", "startTime", "stopTime")] == [0, 10, 45]


def test_a_leap_over_all_statuses_keeps_their_times(start, client, frozen):
    run_id = start()["id"]
    began = frozen.now()
    frozen.advance(3600)
    run = client.get_run(id=run_id)
    assert run["status"] == "COMPLETED"
    assert [(run[name] - began).total_seconds() for name in ("startTime", "stopTime")] == [10, 45]


def test_speed_shortens_a_life(start, client, omics_local, frozen):
    omics_local.switch(speed=10)
    run_id = start()["id"]
    frozen.advance(4.6)
    assert client.get_run(id=run_id)["status"] == "COMPLETED"


def test_a_resumed_clock_runs_on_from_where_it_was(frozen):
    frozen.advance(3600)
    then = frozen.now()
    frozen.resume()
    assert timedelta() <= frozen.now() - then < timedelta(minutes=30)


def test_a_script_decides_the_end(start, client, omics_local, frozen):
    omics_local.script(
        name="bad", status="FAILED", failureReason="IMPORT_FAILED", statusMessage="no", running=1, times=1
    )
    good, bad, again = start(name="good")["id"], start(name="bad")["id"], start(name="bad")["id"]
    frozen.advance(16)
    run = client.get_run(id=bad)
    assert (run["status"], run["failureReason"], run["statusMessage"]) == ("FAILED", "IMPORT_FAILED", "no")
    assert client.get_run(id=good)["status"] == client.get_run(id=again)["status"] == "RUNNING"


def test_a_name_goes_before_a_workflow_and_the_newest_before_the_rest(start, client, omics_local, frozen):
    omics_local.script(name="n", running=1)
    omics_local.script(workflowId="1234567", running=100)
    omics_local.script(running=200)
    omics_local.script(workflowId="1234567", running=50)
    named, other = start(name="n")["id"], start(name="o")["id"]
    frozen.advance(16)
    assert client.get_run(id=named)["status"] == "COMPLETED"
    frozen.advance(48)
    assert client.get_run(id=other)["status"] == "STOPPING"


@pytest.mark.parametrize("script", [{"status": "RUNNING"}, {"colour": 1}, {"tasks": [{"cpus": 1}]}])
def test_a_script_that_means_nothing_is_refused(script, omics_local):
    with pytest.raises(ValueError, match=r"\w"):
        omics_local.script(**script)


def test_tasks(start, client, omics_local, frozen):
    failed = {"name": "call", "status": "FAILED", "failureReason": "OUT_OF_MEMORY_ERROR", "statusMessage": "137"}
    tasks = [{"name": "align", "cpus": 4, "memory": 8}, failed]
    omics_local.script(tasks=tasks, status="FAILED", failureReason="RUN_TASK_FAILED")
    run_id = start()["id"]
    assert client.list_run_tasks(id=run_id)["items"] == []
    frozen.advance(10)
    align, call = client.list_run_tasks(id=run_id)["items"]
    assert [(task["name"], task["status"]) for task in (align, call)] == [("align", "RUNNING"), ("call", "PENDING")]
    assert (align["cpus"], align["memory"], align["gpus"]) == (4, 8, 0)
    frozen.advance(15)
    assert [task["name"] for task in client.list_run_tasks(id=run_id, status="RUNNING")["items"]] == ["call"]
    frozen.advance(20)
    call = client.get_run_task(id=run_id, taskId=call["taskId"])
    assert (call["status"], call["failureReason"], call["statusMessage"]) == ("FAILED", "OUT_OF_MEMORY_ERROR", "137")
    assert (call["stopTime"] - call["startTime"]).total_seconds() == 15
    assert call["logStream"].endswith(f"run/{run_id}/task/{call['taskId']}")
    message = client.get_run(id=run_id)["statusMessage"]
    assert message.startswith(f"Run failed due to task: call, id: {call['taskId']}, failure.")
    assert call["logStream"] in message


def test_tasks_come_in_pages(start, client, omics_local, frozen):
    omics_local.script(tasks=[{"name": f"t{i}"} for i in range(7)])
    run_id = start()["id"]
    frozen.advance(10)
    pages = list(client.get_paginator("list_run_tasks").paginate(id=run_id, PaginationConfig={"PageSize": 3}))
    assert [[task["name"] for task in page["items"]] for page in pages] == [
        ["t0", "t1", "t2"],
        ["t3", "t4", "t5"],
        ["t6"],
    ]


def test_a_duplicate_takes_over_what_it_is_not_given(start, client):
    source = start(name="first", parameters={"a": 1}, priority=5, tags={"x": "y"})
    answer = start(workflowId=None, runId=source["id"], outputUri="s3://other", priority=6)
    run = client.get_run(id=answer["id"])
    assert (run["runId"], run["workflowId"], run["parameters"]) == (source["id"], "1234567", {"a": 1})
    assert (run["priority"], run["runOutputUri"]) == (6, f"s3://other/{answer['id']}")
    assert "name" not in run
    assert run["tags"] == {}


INVALID, MISSING = ("ValidationException", 400), ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"workflowId": None}, INVALID),
        ({"workflowId": "9"}, MISSING),
        ({"workflowId": None, "runId": "9"}, MISSING),
        ({"runId": "9"}, INVALID),
        ({"outputUri": "bucket/x"}, INVALID),
        ({"cacheBehavior": "CACHE_ALWAYS"}, INVALID),
        ({"cacheId": "9"}, MISSING),
        ({"runGroupId": "9"}, MISSING),
        ({"workflowVersionName": "v9"}, MISSING),
        ({"workflowOwnerId": "999999999999"}, MISSING),
        ({"workflowType": "READY2RUN"}, MISSING),
        ({"networkingMode": "VPC"}, INVALID),
        ({"sessionPolicy": "no JSON"}, INVALID),
        ({"parameters": {"x": "y" * 50_000}}, INVALID),
        ({"tags": {f"k{i}": "v" for i in range(51)}}, INVALID),
        ({"tags": {"aws:x": "v"}}, INVALID),
        ({"requestId": "r" * 129}, INVALID),
        ({"storageType": "BAD"}, INVALID),
    ],
)
def test_what_cannot_be_started(members, expected, start, refused, omics_local):
    assert refused(start, **members) == expected
    assert omics_local.runs() == []


def test_parameters_fit_the_template(start, refused, omics_local):
    template = {"reads": {}, "depth": {"optional": True}}
    omics_local.workflow(id="2222222", parameterTemplate=template)
    assert start(workflowId="2222222", parameters={"reads": "s3://a/b"})
    assert refused(start, workflowId="2222222", parameters={"depth": 1}) == INVALID
    assert refused(start, workflowId="2222222", parameters={"reads": 1, "colour": 2}) == INVALID
    assert refused(start, workflowId="2222222") == INVALID


def test_ready2run_workflows_must_be_named_so(start, refused, omics_local, client):
    omics_local.workflow(id="3333333", type="READY2RUN", account="111111111111")
    cache = client.create_run_cache(cacheS3Location="s3://bucket/c")["id"]
    assert refused(start, workflowId="3333333") == MISSING
    assert refused(start, workflowId="3333333", workflowType="READY2RUN", cacheId=cache) == INVALID
    assert start(workflowId="3333333", workflowType="READY2RUN")


def test_a_shared_workflow_is_run_by_its_owners_id_and_never_duplicated(start, refused, omics_local):
    omics_local.workflow(id="4444444", account="111111111111")
    assert refused(start, workflowId="4444444") == MISSING
    run_id = start(workflowId="4444444", workflowOwnerId="111111111111")["id"]
    assert refused(start, workflowId=None, runId=run_id) == INVALID


@pytest.mark.usefixtures("frozen")
def test_runs_are_listed_and_filtered(start, client):
    group = client.create_run_group(name="g")["id"]
    first, second, third = start(name="a"), start(name="a", runGroupId=group), start(name="ab")
    listed = client.list_runs()["items"]
    assert [run["id"] for run in listed] == [third["id"], second["id"], first["id"]]
    assert listed[0]["workflowName"] == "germline"
    assert not {"uuid", "tags"} & set(listed[0])
    client.cancel_run(id=first["id"])
    for asked, expected in (
        ({"name": "a"}, [second, first]),
        ({"runGroupId": group}, [second]),
        ({"status": "STOPPING"}, [first]),
        ({"name": "a", "status": "PENDING"}, [second]),
        ({"batchId": "1"}, []),
    ):
        assert [run["id"] for run in client.list_runs(**asked)["items"]] == [run["id"] for run in expected]


def test_pages_neither_lose_nor_repeat_a_run_while_others_start(start, client):
    ids = [start()["id"] for _ in range(7)][::-1]
    page = client.list_runs(maxResults=3)
    seen = [run["id"] for run in page["items"]]
    while "nextToken" in page:
        start()
        page = client.list_runs(maxResults=3, startingToken=page["nextToken"])
        seen += [run["id"] for run in page["items"]]
    assert seen == ids


def test_a_token_of_somewhere_else_is_refused(client, refused):
    assert refused(client.list_runs, startingToken="x") == INVALID


@pytest.mark.parametrize("seconds", [0, 5, 10, 41])
def test_a_run_is_cancelled_in_every_active_status(seconds, start, client, frozen):
    run_id = start()["id"]
    frozen.advance(seconds)
    assert client.cancel_run(id=run_id)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert client.get_run(id=run_id)["status"] == "STOPPING"
    client.cancel_run(id=run_id)
    frozen.advance(5)
    assert client.get_run(id=run_id)["status"] == "CANCELLED"
    assert {task["status"] for task in client.list_run_tasks(id=run_id)["items"]} <= {"CANCELLED", "COMPLETED"}
    frozen.advance(3600)
    assert client.get_run(id=run_id)["status"] == "CANCELLED"


def test_a_run_that_is_to_end_cancelled_anyway_is_cancelled_when_asked(start, client, omics_local, frozen):
    omics_local.script(status="CANCELLED", running=3600)
    run_id = start()["id"]
    frozen.advance(10)
    client.cancel_run(id=run_id)
    frozen.advance(4)
    client.cancel_run(id=run_id)
    frozen.advance(1)
    assert client.get_run(id=run_id)["status"] == "CANCELLED"


def test_a_run_forced_back_can_be_cancelled_again(start, client, omics_local, frozen):
    run_id = start()["id"]
    client.cancel_run(id=run_id)
    omics_local.force(run_id, "RUNNING")
    client.cancel_run(id=run_id)
    frozen.advance(5)
    assert client.get_run(id=run_id)["status"] == "CANCELLED"


def test_an_executed_run_that_is_stopping_can_only_end():
    state, submitted = State(), []
    submit = lambda _run, _definition, updates: submitted.append(updates)  # noqa: E731 - one line, used once
    state.executor = SimpleNamespace(submit=submit, cancel=print, max_parallel_runs=2)
    content = io.BytesIO()
    zipfile.ZipFile(content, "w").close()
    workflow = table.call(state, "CreateWorkflow", {"requestId": "w", "definitionZip": content.getvalue()}, NOBODY)
    request = {"requestId": "r", "workflowId": workflow["id"], "roleArn": ROLE, "outputUri": "s3://b"}
    asked = {"id": table.call(state, "StartRun", request, NOBODY)["id"]}
    [updates] = submitted
    table.call(state, "CancelRun", asked, NOBODY)
    seen = []
    for status in ("STARTING", "RUNNING", "STOPPING", "CANCELLED", "COMPLETED"):
        updates.status(status)
        seen.append(table.call(state, "GetRun", asked, NOBODY)["status"])
    assert seen == ["STOPPING", "STOPPING", "STOPPING", "CANCELLED", "CANCELLED"]


def test_a_run_is_of_its_region_alone(start, omics_local, refused):
    run = start(requestId="r")
    elsewhere = omics_local.client("omics", region_name="eu-west-1")
    for call in (elsewhere.get_run, elsewhere.cancel_run, elsewhere.delete_run, elsewhere.list_run_tasks):
        assert refused(call, id=run["id"]) == MISSING
    assert refused(elsewhere.list_tags_for_resource, resourceArn=run["arn"]) == MISSING
    request = {"roleArn": ROLE, "outputUri": "s3://b"}
    assert refused(elsewhere.start_run, runId=run["id"], **request) == MISSING
    assert elsewhere.list_runs()["items"] == []
    other = elsewhere.start_run(workflowId="1234567", requestId="r", **request)
    assert [listed["id"] for listed in elsewhere.list_runs()["items"]] == [other["id"]]
    assert [known["id"] for known in omics_local.runs()] == [run["id"], other["id"]]


def test_only_an_ended_run_is_deleted(start, client, refused, frozen, omics_local):
    run_id = start()["id"]
    assert refused(client.delete_run, id=run_id) == ("ConflictException", 409)
    frozen.advance(60)
    assert client.delete_run(id=run_id)["ResponseMetadata"]["HTTPStatusCode"] == 202
    for call in (client.get_run, client.cancel_run, client.delete_run, client.list_run_tasks):
        assert refused(call, id=run_id) == MISSING
    assert client.list_runs()["items"] == []
    assert [run["status"] for run in omics_local.runs()] == ["DELETED"]


def test_a_run_can_be_put_into_any_status(start, client, omics_local, frozen, refused):
    run_id = start()["id"]
    omics_local.force(run_id, "FAILED", failureReason="SERVICE_ERROR", statusMessage="again")
    frozen.advance(3600)
    run = client.get_run(id=run_id)
    assert (run["status"], run["failureReason"], run["statusMessage"]) == ("FAILED", "SERVICE_ERROR", "again")
    omics_local.force(run_id, "DELETED")
    assert refused(client.get_run, id=run_id) == MISSING
    with pytest.raises(ValueError, match="no status 'LOST'"):
        omics_local.force(start()["id"], "LOST")


def test_the_answers_date_is_the_endpoints_clock(start, frozen):
    frozen.advance(86_400)
    headers = start()["ResponseMetadata"]["HTTPHeaders"]
    assert headers["date"] == frozen.now().strftime("%a, %d %b %Y %H:%M:%S GMT")


def test_every_call_is_counted_and_recorded(start, client, omics_local, refused):
    run_id = start(requestId="token")["id"]
    client.get_run(id=run_id)
    refused(client.get_run, id="9")
    assert omics_local.counts() == {"StartRun": 1, "GetRun": 2}
    [call] = omics_local.calls("StartRun")
    assert (call["request_id"], call["status"]) == ("token", 201)
    assert [(call["id"], call["status"]) for call in omics_local.calls("GetRun")] == [(run_id, 200), ("9", 404)]
    assert json.dumps(omics_local.calls())


@pytest.mark.parametrize("change", ["tag", "untag"])
def test_a_replay_answers_as_the_first_time(start, client, change):
    first = start(requestId="once", tags={"a": "1"})
    if change == "tag":
        client.tag_resource(resourceArn=first["arn"], tags={"b": "2"})
    else:
        client.untag_resource(resourceArn=first["arn"], tagKeys=["a"])
    again = start(requestId="once", tags={"a": "1"})
    assert {**again, "ResponseMetadata": None} == {**first, "ResponseMetadata": None}


def test_a_run_that_is_forced_back_has_no_times_that_it_has_not_reached(start, client, omics_local, frozen):
    run_id = start()["id"]
    frozen.advance(60)
    ended = client.get_run(id=run_id)
    for status, times in (
        ("STOPPING", {"startTime"}),
        ("RUNNING", {"startTime"}),
        ("STARTING", set()),
        ("PENDING", set()),
    ):
        omics_local.force(run_id, status)
        assert {"startTime", "stopTime"} & client.get_run(id=run_id).keys() == times, status
        assert {"startTime", "stopTime"} & client.list_runs()["items"][0].keys() == times, status
    omics_local.force(run_id, "COMPLETED")
    assert client.get_run(id=run_id)["stopTime"] >= ended["stopTime"]


@pytest.fixture
def token(start, client):
    """Return the token of the second page of ListRuns."""
    for _ in range(3):
        start(name="r")
    return client.list_runs(name="r", maxResults=1)["nextToken"]


def test_a_page_token_goes_with_another_page_size(client, token):
    assert len(client.list_runs(name="r", maxResults=2, startingToken=token)["items"]) == 2


@pytest.mark.parametrize(
    ("operation", "arguments", "region"),
    [
        ("list_runs", {}, "us-east-1"),
        ("list_runs", {"name": "s"}, "us-east-1"),
        ("list_runs", {"name": "r", "status": "PENDING"}, "us-east-1"),
        ("list_runs", {"name": "r"}, "eu-west-2"),
        ("list_workflows", {"name": "r"}, "us-east-1"),
        ("list_run_groups", {"name": "r"}, "us-east-1"),
    ],
)
def test_a_page_token_belongs_to_its_call(omics_local, token, refused, operation, arguments, region):
    call = getattr(omics_local.client("omics", region_name=region), operation)
    assert refused(call, **arguments, startingToken=token) == ("ValidationException", 400)


def test_a_token_of_nobody_is_refused(client, refused):
    for token in ("1", "x", "ä", "-1", "1.0"):
        assert refused(client.list_runs, startingToken=token) == ("ValidationException", 400)
