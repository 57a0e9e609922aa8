# SPDX-License-Identifier: Apache-2.0
"""Run batches, from submission to deletion."""

from __future__ import annotations

import json
from functools import partial

import pytest

from airflow_provider_omics.local.runs import batch_processing, batches, run_operations
from airflow_provider_omics.local.state.endpoint_state import State
from airflow_provider_omics.local.wire.caller import NOBODY
from airflow_provider_omics.local.workflows import workflow_operations

ROLE = "arn:aws:iam::123456789012:role/omics"
CONFLICT, INVALID, MISSING = (
    ("ConflictException", 409),
    ("ValidationException", 400),
    ("ResourceNotFoundException", 404),
)


@pytest.fixture
def batch(omics_local, client):
    """Return StartRunBatch with these run settings."""
    omics_local.workflow(id="1234567")

    def start_run_batch(*settings, default=None, **members):
        least = {"workflowId": "1234567", "roleArn": ROLE, "outputUri": "s3://bucket/batch", **(default or {})}
        members.setdefault("batchRunSettings", {"inlineSettings": list(settings)})
        return client.start_run_batch(defaultRunSetting=least, **members)

    return start_run_batch


def status(client, batch_id):
    return client.get_batch(batchId=batch_id)["status"]


def test_a_batch_lives_until_its_runs_have_ended(batch, client, frozen, omics_local):
    omics_local.script(name="b", status="FAILED", running=60)
    made = batch({"runSettingId": "a"}, {"runSettingId": "b", "name": "b"}, batchName="n", tags={"x": "y"})
    assert (made["status"], made["tags"]) == ("CREATING", {"x": "y"})
    seen = []
    for seconds in (0, 1, 1, 1, 45, 30):
        frozen.advance(seconds)
        seen.append(status(client, made["id"]))
    assert seen == ["CREATING", "PENDING", "SUBMITTING", "INPROGRESS", "INPROGRESS", "PROCESSED"]
    got = client.get_batch(batchId=made["id"])
    assert (got["name"], got["totalRuns"], got["uuid"]) == ("n", 2, made["uuid"])
    assert got["submissionSummary"]["successfulStartSubmissionCount"] == 2
    assert (got["runSummary"]["completedRunCount"], got["runSummary"]["failedRunCount"]) == (1, 1)
    assert got["creationTime"] < got["submittedTime"] < got["processedTime"]
    assert len(client.list_runs(batchId=made["id"])["items"]) == 2


def test_a_runs_own_settings_win_and_parameters_and_tags_are_merged(batch, client, frozen):
    default = {"priority": 1, "parameters": {"a": 1, "b": 1}, "runTags": {"t": "1", "u": "1"}, "name": "all"}
    own = {"runSettingId": "s", "priority": 2, "parameters": {"b": 2}, "runTags": {"u": "2"}, "outputUri": "s3://own"}
    made = batch(own, default=default, tags={"batch": "only"})
    frozen.advance(3)
    [item] = client.list_runs_in_batch(batchId=made["id"])["runs"]
    run = client.get_run(id=item["runId"])
    assert (run["priority"], run["parameters"], run["tags"]) == (2, {"a": 1, "b": 2}, {"t": "1", "u": "2"})
    assert (run["name"], run["runOutputUri"]) == ("all", f"s3://own/{run['id']}")
    assert (run["batchId"], run["uuid"], run["arn"]) == (made["id"], item["runInternalUuid"], item["runArn"])


def test_what_cannot_be_started_is_told_by_setting(batch, client, frozen):
    made = batch({"runSettingId": "good"}, {"runSettingId": "bad", "outputUri": "nowhere"})
    frozen.advance(60)
    good, bad = client.list_runs_in_batch(batchId=made["id"])["runs"]
    assert (good["runSettingId"], good["submissionStatus"]) == ("good", "SUCCESS")
    assert (bad["submissionStatus"], bad["submissionFailureReason"]) == ("FAILED", "ValidationException")
    assert "runId" not in bad
    summary = client.get_batch(batchId=made["id"])["submissionSummary"]
    assert (summary["successfulStartSubmissionCount"], summary["failedStartSubmissionCount"]) == (1, 1)
    for asked, expected in (
        ({"submissionStatus": "FAILED"}, [bad]),
        ({"runSettingId": "good"}, [good]),
        ({"runId": good["runId"]}, [good]),
    ):
        assert client.list_runs_in_batch(batchId=made["id"], **asked)["runs"] == expected


def test_parameters_that_are_no_object_fail_their_run_alone(batch, client, frozen):
    made = batch({"runSettingId": "bad", "parameters": 7}, {"runSettingId": "good"})
    frozen.advance(3)
    bad, good = client.list_runs_in_batch(batchId=made["id"])["runs"]
    assert (bad["submissionFailureReason"], good["submissionStatus"]) == ("ValidationException", "SUCCESS")


def test_a_batch_of_which_nothing_starts_is_processed(batch, client, frozen):
    made = batch({"runSettingId": "bad", "outputUri": "nowhere"})
    frozen.advance(3)
    assert status(client, made["id"]) == "PROCESSED"


def test_a_batch_is_of_its_region_alone(batch, omics_local, refused):
    made = batch({"runSettingId": "a"})
    elsewhere = omics_local.client("omics", region_name="eu-west-1")
    for call in (elsewhere.get_batch, elsewhere.cancel_run_batch, elsewhere.list_runs_in_batch, elsewhere.delete_batch):
        assert refused(call, batchId=made["id"]) == MISSING
    assert refused(elsewhere.list_tags_for_resource, resourceArn=made["arn"]) == MISSING
    assert elsewhere.list_batch()["items"] == []


def test_settings_in_s3(batch, client, omics_local, refused, frozen):
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="settings")
    for key, document in (("good", [{"runSettingId": f"s{i}"} for i in range(150)]), ("bad", {"runSettingId": "s"})):
        s3.put_object(Bucket="settings", Key=key, Body=json.dumps(document))
    made = batch(batchRunSettings={"s3UriSettings": "s3://settings/good"})
    frozen.advance(3)
    pages = list(client.get_paginator("list_runs_in_batch").paginate(batchId=made["id"]))
    assert [len(page["runs"]) for page in pages] == [100, 50]
    for key in ("bad", "missing"):
        assert refused(batch, batchRunSettings={"s3UriSettings": f"s3://settings/{key}"}) == INVALID


def test_setting_ids_are_unique(batch, client, frozen):
    made = batch({"runSettingId": "a"}, {"runSettingId": "a"})
    frozen.advance(3)
    got = client.get_batch(batchId=made["id"])
    assert got["status"] == "FAILED"
    assert got["failureReason"] == "Expected 2 unique runSettingIds but there were 1"
    client.delete_batch(batchId=made["id"])


def test_what_cannot_be_a_batch(batch, refused, omics_local):
    setting = {"runSettingId": "a"}
    assert refused(batch, setting, default={"workflowId": "9"}) == MISSING
    assert refused(batch, setting, default={"workflowType": "READY2RUN"}) == INVALID
    assert refused(batch, *[{"runSettingId": f"s{i}"} for i in range(101)]) == INVALID
    assert omics_local.runs() == []


def test_a_batch_is_cancelled(batch, client, frozen, refused):
    made = batch({"runSettingId": "a"}, {"runSettingId": "b"})
    assert refused(client.cancel_run_batch, batchId=made["id"]) == CONFLICT
    frozen.advance(3)
    client.cancel_run_batch(batchId=made["id"])
    assert status(client, made["id"]) == "STOPPING"
    frozen.advance(5)
    got = client.get_batch(batchId=made["id"])
    assert (got["status"], got["runSummary"]["cancelledRunCount"]) == ("CANCELLED", 2)
    assert got["submissionSummary"]["successfulCancelSubmissionCount"] == 2
    assert got["submissionSummary"]["successfulStartSubmissionCount"] == 2


def test_a_batch_cancelled_before_its_runs_starts_none(batch, client, frozen, omics_local):
    made = batch({"runSettingId": "a"})
    frozen.advance(1)
    client.cancel_run_batch(batchId=made["id"])
    frozen.advance(60)
    assert status(client, made["id"]) == "CANCELLED"
    assert omics_local.runs() == []


def test_runs_and_batch_are_deleted(batch, client, frozen, refused):
    made = batch({"runSettingId": "a"}, {"runSettingId": "b"})
    frozen.advance(3)
    assert refused(client.delete_run_batch, batchId=made["id"]) == CONFLICT
    assert refused(client.delete_batch, batchId=made["id"]) == CONFLICT
    frozen.advance(60)
    client.delete_run_batch(batchId=made["id"])
    assert status(client, made["id"]) == "RUNS_DELETING"
    frozen.advance(1)
    assert status(client, made["id"]) == "RUNS_DELETED"
    assert client.list_runs()["items"] == []
    items = client.list_runs_in_batch(batchId=made["id"])["runs"]
    assert {item["submissionStatus"] for item in items} == {"DELETE_SUCCESS"}
    client.delete_batch(batchId=made["id"])
    assert refused(client.get_batch, batchId=made["id"]) == MISSING


def test_batches_are_listed_by_one_filter(batch, client, frozen, refused):
    group = client.create_run_group(name="g")["id"]
    first = batch({"runSettingId": "a"}, batchName="one")["id"]
    frozen.advance(1)
    second = batch({"runSettingId": "a"}, default={"runGroupId": group})["id"]
    for asked, expected in (
        ({}, [second, first]),
        ({"name": "one"}, [first]),
        ({"status": "CREATING"}, [second]),
        ({"runGroupId": group}, [second]),
    ):
        assert [item["id"] for item in client.list_batch(**asked)["items"]] == expected
    assert refused(client.list_batch, name="one", status="PENDING") == INVALID
    page = client.list_batch(maxItems=1)
    assert [item["id"] for item in client.list_batch(maxItems=1, startingToken=page["nextToken"])["items"]] == [first]


def test_a_repeated_batch_is_one_batch(batch, client):
    first, again = (batch({"runSettingId": "a"}, requestId="r") for _ in range(2))
    assert first["id"] == again["id"]
    assert len(client.list_batch()["items"]) == 1


def test_a_batch_has_tags(batch, client):
    arn = batch({"runSettingId": "a"}, tags={"a": "b"})["arn"]
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "b"}


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"runSettingId": "b", "name": 7}, "s3UriSettings.2.member.name"),
        ({"runSettingId": "b", "runTags": "x"}, "s3UriSettings.2.member.runTags"),
        ({"runSettingId": "b", "roleArn": ROLE}, "s3UriSettings.2.member.roleArn"),
        ({"runSettingId": ""}, "s3UriSettings.2.member.runSettingId"),
        ({}, "s3UriSettings.2.member.runSettingId"),
        ("b", "s3UriSettings.2.member"),
    ],
)
def test_settings_in_s3_are_checked_as_inline_ones_are(entry, says, batch, client, omics_local):
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="settings")
    s3.put_object(Bucket="settings", Key="a", Body=json.dumps([{"runSettingId": "a"}, entry]))
    with pytest.raises(client.exceptions.ValidationException, match=f"'{says}'"):
        batch(batchRunSettings={"s3UriSettings": "s3://settings/a"})
    assert omics_local.runs() == []


def test_no_step_stops_the_clock_nor_the_calls(batch, client, frozen, monkeypatch):
    create = run_operations.create_run

    def breaks_for_one(state, params, caller, **how):
        if params.get("name") == "bad":
            raise ZeroDivisionError
        return create(state, params, caller, **how)

    monkeypatch.setattr(run_operations, "create_run", breaks_for_one)
    made = batch({"runSettingId": "bad", "name": "bad"}, {"runSettingId": "good"})
    frozen.advance(3)
    bad, good = client.list_runs_in_batch(batchId=made["id"])["runs"]
    assert (bad["submissionFailureReason"], good["submissionStatus"]) == ("InternalServerException", "SUCCESS")
    frozen.advance(60)
    assert status(client, made["id"]) == "PROCESSED"


def test_a_step_that_fails_does_not_keep_the_next_from_being_done():
    state, done = State(), []
    for action in (lambda _now: 1 / 0, done.append):
        state.at(state.clock.now(), action)
    state.advance()
    assert len(done) == 1


def test_a_large_batch_lets_others_through_and_costs_what_its_runs_cost():
    state = State()
    state.clock.freeze()
    state.ended = partial(batch_processing.run_ended, state)
    workflow_operations.register(state, {"id": "1234567"})
    request = {"defaultRunSetting": {"workflowId": "1234567", "roleArn": ROLE, "outputUri": "s3://b"}}
    caller = NOBODY._replace(settings=[{"runSettingId": f"s{i}"} for i in range(1_200)])
    batches.start_run_batch(state, {**request, "batchRunSettings": {"s3UriSettings": "s3://s/a"}}, caller)
    [made] = state.batches.values()
    state.clock.advance(3)
    slices = 1
    while state.advance(500):
        slices += 1
    assert (slices, made.status) == (3, "INPROGRESS")
    made.submissions = Unread(made.submissions)
    state.clock.advance(100)
    state.advance()
    assert made.status == "PROCESSED"


class Unread(list):
    """A batch's submissions that nobody reads through at the end of each run."""

    def __iter__(self):
        raise AssertionError("one pass over all submissions for each run is quadratic")
