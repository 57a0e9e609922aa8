# SPDX-License-Identifier: Apache-2.0
"""Runs: started, looked at, listed, cancelled, deleted."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

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


def test_a_run_uses_its_cache_as_the_cache_says(start, client):
    cache = client.create_run_cache(cacheS3Location="s3://bucket/cache/", cacheBehavior="CACHE_ALWAYS")["id"]
    run = client.get_run(id=start(cacheId=cache)["id"])
    client.update_run_cache(id=cache, cacheBehavior="CACHE_ON_FAILURE")
    assert run["cacheBehavior"] == client.get_run(id=run["id"])["cacheBehavior"] == "CACHE_ALWAYS"


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
