# SPDX-License-Identifier: Apache-2.0
"""Workflows, versions, run groups, run caches and tags."""

from __future__ import annotations

import io
import re
import zipfile

import pytest

MISSING, CONFLICT, INVALID = (
    ("ResourceNotFoundException", 404),
    ("ConflictException", 409),
    ("ValidationException", 400),
)
ROLE = "arn:aws:iam::123456789012:role/omics"


def zipped(**files):
    """Return a zip: ``a__b_wdl="text"`` is the file ``a/b.wdl``, and an empty WDL file has the least that one needs."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            path = name.replace("__", "/").replace("_", ".")
            archive.writestr(path, text or ("version 1.1\nworkflow W {}" if path.endswith(".wdl") else ""))
    return content.getvalue()


@pytest.fixture
def workflow(client):
    return client.create_workflow(name="w", definitionZip=zipped(main_wdl=""), tags={"a": "b"})


def test_a_workflow_is_made_changed_and_deleted(workflow, client, refused):
    assert workflow["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (workflow["status"], workflow["tags"]) == ("CREATING", {"a": "b"})
    client.get_waiter("workflow_active").wait(id=workflow["id"])
    got = client.get_workflow(id=workflow["id"])
    assert (got["name"], got["engine"], got["type"], got["uuid"]) == ("w", "WDL", "PRIVATE", workflow["uuid"])
    assert len(got["digest"]) <= 64
    client.update_workflow(id=workflow["id"], name="v", storageType="DYNAMIC", readmeMarkdown="# v")
    got = client.get_workflow(id=workflow["id"])
    assert (got["name"], got["storageType"], got["readme"]) == ("v", "DYNAMIC", "# v")
    assert [item["id"] for item in client.list_workflows(name="v")["items"]] == [workflow["id"]]
    assert client.list_workflows(name="w")["items"] == client.list_workflows(type="READY2RUN")["items"] == []
    client.delete_workflow(id=workflow["id"])
    for call in (client.get_workflow, client.delete_workflow, client.update_workflow):
        assert refused(call, id=workflow["id"]) == MISSING


def test_a_workflow_has_one_definition(client, refused):
    assert refused(client.create_workflow, name="w") == INVALID
    both = {"definitionZip": zipped(a_wdl=""), "definitionUri": "s3://b/k"}
    assert refused(client.create_workflow, name="w", **both) == INVALID


def test_a_definition_in_s3(client, omics_local, refused):
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="definitions")
    s3.put_object(Bucket="definitions", Key="a.zip", Body=zipped(main_wdl=""))
    workflow = client.create_workflow(name="w", definitionUri="s3://definitions/a.zip")
    assert client.get_workflow(id=workflow["id"])["engine"] == "WDL"
    assert refused(client.create_workflow, name="w", definitionUri="s3://definitions/b.zip") == INVALID
    assert refused(client.create_workflow, name="w", definitionUri="elsewhere") == INVALID


def test_a_version_is_made_changed_run_and_deleted(workflow, client, refused):
    where = {"workflowId": workflow["id"], "versionName": "v1"}
    made = client.create_workflow_version(**where, definitionZip=zipped(main_wdl=""), description="first")
    assert made["arn"] == f"{workflow['arn']}/version/v1"
    assert refused(client.create_workflow_version, **where, definitionZip=zipped(main_wdl="")) == CONFLICT
    client.update_workflow_version(**where, description="better")
    got = client.get_workflow_version(**where)
    assert (got["versionName"], got["description"], got["status"]) == ("v1", "better", "ACTIVE")
    assert [item["versionName"] for item in client.list_workflow_versions(workflowId=workflow["id"])["items"]] == ["v1"]
    run = {"workflowId": workflow["id"], "workflowVersionName": "v1", "roleArn": ROLE, "outputUri": "s3://b"}
    assert client.get_run(id=client.start_run(**run)["id"])["workflowVersionName"] == "v1"
    client.delete_workflow_version(**where)
    assert refused(client.get_workflow_version, **where) == MISSING
    assert refused(client.start_run, **run) == MISSING


def test_ready2run_workflows_are_asked_for_by_type(client, omics_local, refused):
    omics_local.workflow(id="3333333", type="READY2RUN", account="111111111111", name="ready")
    assert refused(client.get_workflow, id="3333333") == MISSING
    assert client.get_workflow(id="3333333", type="READY2RUN")["name"] == "ready"
    assert [item["id"] for item in client.list_workflows(type="READY2RUN")["items"]] == ["3333333"]


def test_a_shared_workflow_is_asked_for_by_its_owner(client, omics_local, refused):
    omics_local.workflow(id="4444444", account="111111111111")
    assert refused(client.get_workflow, id="4444444") == MISSING
    assert client.get_workflow(id="4444444", workflowOwnerId="111111111111")["id"] == "4444444"
    assert refused(client.delete_workflow, id="4444444") == MISSING
    assert client.list_workflows()["items"] == []


def test_a_run_group_lives_until_its_runs_have_ended(start, client, refused, frozen):
    group = client.create_run_group(name="g", maxCpus=10, maxRuns=2, tags={"a": "b"})["id"]
    client.update_run_group(id=group, maxRuns=3)
    got = client.get_run_group(id=group)
    assert (got["name"], got["maxCpus"], got["maxRuns"], got["tags"]) == ("g", 10, 3, {"a": "b"})
    assert [item["id"] for item in client.list_run_groups(name="g")["items"]] == [group]
    assert client.list_run_groups(name="other")["items"] == []
    start(runGroupId=group)
    assert refused(client.delete_run_group, id=group) == CONFLICT
    frozen.advance(60)
    client.delete_run_group(id=group)
    assert refused(client.get_run_group, id=group) == MISSING


def test_a_run_cache(client, refused):
    made = client.create_run_cache(cacheS3Location="s3://bucket/cache/", name="c")
    client.update_run_cache(id=made["id"], cacheBehavior="CACHE_ALWAYS", description="d")
    got = client.get_run_cache(id=made["id"])
    assert (made["status"], got["status"]) == ("ACTIVE", "ACTIVE")
    assert re.fullmatch("s3://bucket/cache/[0-9a-f-]{36}/", got["cacheS3Uri"])
    assert (got["cacheBehavior"], got["description"], got["name"]) == ("CACHE_ALWAYS", "d", "c")
    items = client.list_run_caches()["items"]
    assert [(item["id"], item["cacheS3Uri"]) for item in items] == [(made["id"], got["cacheS3Uri"])]
    client.delete_run_cache(id=made["id"])
    assert refused(client.get_run_cache, id=made["id"]) == MISSING


@pytest.mark.parametrize("kind", ["workflow", "run_group", "run_cache"])
def test_a_repeated_request_makes_one(kind, client):
    members = {
        "workflow": {"definitionZip": zipped(a_wdl="")},
        "run_group": {"name": "g"},
        "run_cache": {"cacheS3Location": "s3://bucket/"},
    }[kind]
    create = getattr(client, f"create_{kind}")
    assert create(requestId="r", **members)["id"] == create(requestId="r", **members)["id"]
    assert len(getattr(client, f"list_{kind}s")()["items"]) == 1


def test_lists_come_in_pages(client):
    made = [client.create_run_group(name=f"g{i}")["id"] for i in range(5)][::-1]
    pages = list(client.get_paginator("list_run_groups").paginate(PaginationConfig={"PageSize": 2}))
    assert [[item["id"] for item in page["items"]] for page in pages] == [made[:2], made[2:4], made[4:]]


def test_everything_with_an_arn_has_tags(start, workflow, client, refused):
    version = client.create_workflow_version(
        workflowId=workflow["id"], versionName="v1", definitionZip=zipped(a_wdl=""), tags={"k": "v"}
    )
    made = [
        start(tags={"k": "v"}),
        version,
        client.create_run_group(name="g", tags={"k": "v"}),
        client.create_run_cache(cacheS3Location="s3://bucket/", tags={"k": "v"}),
    ]
    for resource in made:
        arn = resource["arn"]
        client.tag_resource(resourceArn=arn, tags={"l": "w", "m": "x"})
        client.untag_resource(resourceArn=arn, tagKeys=["k", "m"])
        assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"l": "w"}
        many = {f"k{i}": "v" for i in range(50)}
        assert refused(client.tag_resource, resourceArn=arn, tags=many) == INVALID
        elsewhere = arn.replace("us-east-1", "eu-west-1")
        assert refused(client.list_tags_for_resource, resourceArn=elsewhere) == MISSING
    assert client.get_run(id=made[0]["id"])["tags"] == {"l": "w"}
