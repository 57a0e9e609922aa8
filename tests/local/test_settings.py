# SPDX-License-Identifier: Apache-2.0
"""The behaviours that HealthOmics has not published."""

from __future__ import annotations

import pytest

from airflow_provider_omics.local.server import Server
from airflow_provider_omics.local.testing import LocalOmics

CONFLICT = ("ConflictException", 409)


def test_a_repeated_request_gets_the_first_answer(start, omics_local, frozen):
    first = start(requestId="r", parameters={"a": 1})
    frozen.advance(3600)
    again = start(requestId="r", parameters={"a": 1})
    assert {**first, "ResponseMetadata": None} == {**again, "ResponseMetadata": None}
    assert len(omics_local.runs()) == 1


def test_a_repeated_request_can_conflict(start, omics_local, refused):
    omics_local.switch(request_id_repeat="conflict")
    start(requestId="r")
    assert refused(start, requestId="r") == CONFLICT
    assert len(omics_local.runs()) == 1


def test_other_input_conflicts_or_not(start, omics_local, refused):
    first = start(requestId="r", parameters={"a": 1})
    assert refused(start, requestId="r", parameters={"a": 2}) == CONFLICT
    omics_local.switch(request_id_other_input="replay")
    assert start(requestId="r", parameters={"a": 2})["id"] == first["id"]
    assert len(omics_local.runs()) == 1


def test_a_request_id_can_be_forgotten(start, omics_local, frozen):
    omics_local.switch(request_id_lifetime=100)
    first = start(requestId="r")
    frozen.advance(99)
    assert start(requestId="r")["id"] == first["id"]
    frozen.advance(1)
    assert start(requestId="r")["id"] != first["id"]


def test_a_refused_request_leaves_its_id_free(start, refused):
    assert refused(start, requestId="r", workflowId="9") == ("ResourceNotFoundException", 404)
    assert start(requestId="r")["status"] == "PENDING"


def test_an_ended_run_can_or_cannot_be_cancelled(start, client, omics_local, refused, frozen):
    run_id = start()["id"]
    frozen.advance(60)
    assert refused(client.cancel_run, id=run_id) == CONFLICT
    omics_local.switch(cancel_ended="accept")
    client.cancel_run(id=run_id)
    assert client.get_run(id=run_id)["status"] == "COMPLETED"


def test_ids_of_deleted_runs_come_back(start, client, omics_local, frozen):
    omics_local.switch(reuse_run_ids=True)
    first = start()
    frozen.advance(60)
    client.delete_run(id=first["id"])
    again = start()
    assert (again["id"], again["uuid"] != first["uuid"]) == (first["id"], True)
    assert client.get_run(id=first["id"])["status"] == "PENDING"


def test_a_new_run_is_listed_and_found_late(start, client, omics_local, refused, frozen):
    omics_local.switch(list_delay=10, get_delay=3)
    run_id = start()["id"]
    assert refused(client.get_run, id=run_id) == ("ResourceNotFoundException", 404)
    frozen.advance(3)
    assert client.get_run(id=run_id)["id"] == run_id
    assert client.list_runs()["items"] == []
    frozen.advance(7)
    assert [run["id"] for run in client.list_runs()["items"]] == [run_id]


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"},
        {"speed": 0},
        {"speed": "fast"},
        {"request_id_repeat": "maybe"},
        {"quotas": {"GetRun": 0}},
        {"event_copies": 11},
    ],
)
def test_a_setting_that_means_nothing_is_refused(change, omics_local):
    before = omics_local.switch()
    with pytest.raises(ValueError, match=next(iter(change))):
        omics_local.switch(**change)
    assert omics_local.switch() == before


def test_an_endless_delay_lists_nothing(start, client, omics_local):
    omics_local.switch(list_delay=1e300)
    start()
    assert client.list_runs()["items"] == []


def test_the_account_of_a_configuration_is_that_of_all_it_registers():
    with Server({"workflows": [{"id": "7"}], "account": "210987654321", "examples": True}) as server:
        omics = LocalOmics(server.url).client("omics")
        assert ":210987654321:" in omics.get_workflow(id="7")["arn"]
        assert ":210987654321:" in omics.get_run(id="3282892")["arn"]


def test_a_script_of_the_user_comes_before_the_examples_own():
    with Server({"examples": True, "scripts": [{"status": "FAILED", "outputs": {}}]}) as server:
        omics = LocalOmics(server.url).client("omics")
        omics.start_run(workflowId="1234567", roleArn="arn:x", outputUri="s3://b", requestId="r")
        [run] = [run for run in server.endpoint.state.runs.values() if run.request["workflowId"] == "1234567"]
        assert run.plan.status == "FAILED"


def test_what_belongs_to_another_account_is_not_there(start, client, omics_local, refused):
    omics_local.switch(accounts={"other": "210987654321"})
    other = omics_local.client("omics", access_key="other")
    group, cache = client.create_run_group(name="g"), client.create_run_cache(cacheS3Location="s3://bucket/c")
    store = client.create_sequence_store(name="s")
    setting = {"workflowId": "1234567", "roleArn": "arn:aws:iam::123456789012:role/x", "outputUri": "s3://b"}
    start()
    batch = client.start_run_batch(
        defaultRunSetting=setting, batchRunSettings={"inlineSettings": [{"runSettingId": "a"}]}
    )
    assert other.list_runs()["items"] == other.list_batch()["items"] == other.list_workflows()["items"] == []
    assert other.list_run_groups()["items"] == other.list_run_caches()["items"] == []
    assert other.list_sequence_stores()["sequenceStores"] == []
    missing = ("ResourceNotFoundException", 404)
    assert refused(other.get_run_group, id=group["id"]) == refused(other.get_run_cache, id=cache["id"]) == missing
    assert refused(other.delete_run_group, id=group["id"]) == refused(other.delete_run_cache, id=cache["id"]) == missing
    for arn in (group["arn"], cache["arn"], store["arn"], batch["arn"]):
        assert refused(other.list_tags_for_resource, resourceArn=arn) == missing
        assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {}
    own = omics_local.workflow(account="210987654321")
    run = {**setting, "workflowId": own}
    assert refused(other.start_run, **run, runGroupId=group["id"]) == missing
    assert refused(other.start_run, **run, cacheId=cache["id"]) == missing
    assert other.start_run(**run)["arn"].split(":")[4] == "210987654321"
