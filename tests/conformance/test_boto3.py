# SPDX-License-Identifier: Apache-2.0
"""boto3's own paginators and waiters of HealthOmics: all that botocore's model has of what the endpoint has."""

from __future__ import annotations

import time

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import WaiterError

from airflow_provider_omics.local.operations.table import OPERATIONS
from tests.conformance.conftest import ROLE, VPC, zipped

LOADER = botocore.session.get_session().get_component("data_loader")
PAGINATORS = LOADER.load_service_model("omics", "paginators-1")["pagination"]
WAITERS = LOADER.load_service_model("omics", "waiters-2")["waiters"]
RUN = {"workflowId": "1234567", "roleArn": ROLE, "outputUri": "s3://reads/out"}
SOURCE = {"sourceFiles": {"source1": "s3://reads/a.bam"}, "sourceFileType": "BAM", "subjectId": "s", "sampleId": "a"}


@pytest.fixture
def omics(omics_local):
    """Return a client of an endpoint whose clock stands still, with a workflow."""
    omics_local.clock.freeze()
    omics_local.workflow(id="1234567", name="cohort")
    return omics_local.client()


def import_job(omics, sources=1):
    store = omics.create_sequence_store(name="reads")["id"]
    job = omics.start_read_set_import_job(sequenceStoreId=store, roleArn=ROLE, sources=[SOURCE] * sources)
    return {"sequenceStoreId": store, "id": job["id"]}


def read_sets(omics, omics_local):
    """Import three, and return the arguments of ListReadSets."""
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="reads")
    s3.put_object(Bucket="reads", Key="a.bam", Body=b"reads")
    job = import_job(omics, sources=3)
    omics_local.clock.advance(60)
    deadline = time.monotonic() + 60
    while "completionTime" not in omics.get_read_set_import_job(**job):
        assert time.monotonic() < deadline, "the import did not end in time"
        time.sleep(0.01)
    return {"sequenceStoreId": job["sequenceStoreId"]}


def activation_jobs(omics, omics_local):
    where = read_sets(omics, omics_local)
    for item in omics.list_read_sets(**where)["readSets"]:
        omics_local.force_read_set(item["id"], "ARCHIVED")
        job = omics.start_read_set_activation_job(**where, sources=[{"readSetId": item["id"]}])
    return {**where, "id": job["id"]}


# --- paginators ---


def three(create, **arguments):
    """Return a function that makes three, each with a name of its own if there is a place for it."""

    def make(omics, _omics_local):
        for name in "abc":
            getattr(omics, create)(
                **{key: value.format(name) if isinstance(value, str) else value for key, value in arguments.items()}
            )
        return {}

    return make


def tasks(omics, omics_local):
    omics_local.script(tasks=[{"name": name} for name in "abc"])
    run = omics.start_run(**RUN)["id"]
    omics_local.clock.advance(15)
    return {"id": run}


def workflows(_omics, omics_local):
    for _ in "abc":
        omics_local.workflow(name="three")
    return {"name": "three"}


def versions(omics, _omics_local):
    for name in "abc":
        omics.create_workflow_version(workflowId="1234567", versionName=name, definitionZip=zipped("workflow w {}"))
    return {"workflowId": "1234567"}


def runs_in_batch(omics, omics_local):
    settings = {"inlineSettings": [{"runSettingId": name} for name in "abc"]}
    batch = omics.start_run_batch(defaultRunSetting=RUN, batchRunSettings=settings)["id"]
    omics_local.clock.advance(5)
    return {"batchId": batch}


def import_jobs(omics, _omics_local):
    where = {"sequenceStoreId": import_job(omics)["sequenceStoreId"]}
    for _ in range(2):
        omics.start_read_set_import_job(**where, roleArn=ROLE, sources=[SOURCE])
    return where


# By operation: what makes three of what it lists, and returns its arguments.
MAKE = {
    "ListBatch": three(
        "start_run_batch", defaultRunSetting=RUN, batchRunSettings={"inlineSettings": [{"runSettingId": "a"}]}
    ),
    "ListConfigurations": three("create_configuration", name="{}", runConfigurations=VPC),
    "ListReadSetActivationJobs": lambda *made: {"sequenceStoreId": activation_jobs(*made)["sequenceStoreId"]},
    "ListReadSetImportJobs": import_jobs,
    "ListReadSets": read_sets,
    "ListRunCaches": three("create_run_cache", cacheS3Location="s3://reads/{}"),
    "ListRunGroups": three("create_run_group", name="{}"),
    "ListRunTasks": tasks,
    "ListRuns": three("start_run", **RUN),
    "ListRunsInBatch": runs_in_batch,
    "ListSequenceStores": three("create_sequence_store", name="{}"),
    "ListWorkflowVersions": versions,
    "ListWorkflows": workflows,
}


@pytest.mark.parametrize("name", sorted(set(PAGINATORS) & set(OPERATIONS)))
def test_a_paginator_finds_each_item_once_and_goes_on_from_its_token(name, omics, omics_local):
    arguments = MAKE[name](omics, omics_local)
    paginator, key = omics.get_paginator(xform_name(name)), PAGINATORS[name]["result_key"]
    pages = [page[key] for page in paginator.paginate(**arguments, PaginationConfig={"PageSize": 1})]
    assert [len(page) for page in pages] == [1, 1, 1]
    items = [item for [item] in pages]
    assert len({str(item) for item in items}) == 3
    two = paginator.paginate(**arguments, PaginationConfig={"PageSize": 1, "MaxItems": 2}).build_full_result()
    config = {"StartingToken": two["NextToken"]}
    assert two[key] + paginator.paginate(**arguments, PaginationConfig=config).build_full_result()[key] == items


def test_every_list_of_the_endpoint_has_a_paginator():
    assert {name for name in OPERATIONS if name.startswith("List")} - set(PAGINATORS) == {"ListTagsForResource"}


# --- waiters ---


def statuses_of_a_run(omics, omics_local):
    run = omics.start_run(**RUN)["id"]
    for status in ("PENDING", "STARTING", "RUNNING", "STOPPING", "COMPLETED", "FAILED", "CANCELLED"):
        omics_local.force(run, status)
        yield {"id": run}


def statuses_of_tasks(omics, omics_local):
    omics_local.script(tasks=[{"name": status, "status": status} for status in ("COMPLETED", "FAILED", "CANCELLED")])
    run = omics.start_run(**RUN)["id"]
    for seconds in (15, 60):
        omics_local.clock.advance(seconds)
        for task in omics.list_run_tasks(id=run)["items"]:
            yield {"id": run, "taskId": task["taskId"]}


def statuses_of_a_job(make):
    def statuses(omics, omics_local):
        job = make(omics, omics_local)
        ended = ("CANCELLED", "FAILED", "COMPLETED_WITH_FAILURES", "COMPLETED")
        for status in ("SUBMITTED", "IN_PROGRESS", "CANCELLING", *ended):
            omics_local.force_job(job["id"], status)
            yield job

    return statuses


def statuses_of_workflows(_omics, omics_local):
    for status in ("CREATING", "ACTIVE", "UPDATING", "FAILED"):
        yield {"id": omics_local.workflow(status=status)}


def statuses_of_versions(omics, omics_local):
    for name, wdl in (("good", "workflow w {}"), ("bad", "workflow {")):
        version = {"workflowId": "1234567", "versionName": name}
        omics.create_workflow_version(**version, definitionZip=zipped(wdl))
        yield version
        omics_local.clock.advance(60)
        yield version


# By operation: what puts something into one status after the other, and returns the operation's arguments.
STATUSES = {
    "GetReadSetActivationJob": statuses_of_a_job(activation_jobs),
    "GetReadSetImportJob": statuses_of_a_job(lambda omics, _: import_job(omics)),
    "GetRun": statuses_of_a_run,
    "GetRunTask": statuses_of_tasks,
    "GetWorkflow": statuses_of_workflows,
    "GetWorkflowVersion": statuses_of_versions,
}


def said(waiter, arguments):
    try:
        waiter.wait(**arguments, WaiterConfig={"Delay": 0, "MaxAttempts": 1})
    except WaiterError as error:
        return "failure" if "terminal failure state" in str(error) else "retry"
    return "success"


@pytest.mark.parametrize("name", sorted(name for name, waiter in WAITERS.items() if waiter["operation"] in OPERATIONS))
def test_a_waiter_ends_as_its_model_says(name, omics, omics_local):
    operation, waiter = WAITERS[name]["operation"], omics.get_waiter(xform_name(name))
    model = {acceptor["expected"]: acceptor["state"] for acceptor in WAITERS[name]["acceptors"]}
    seen = {}
    for arguments in STATUSES[operation](omics, omics_local):
        status = getattr(omics, xform_name(operation))(**arguments)["status"]
        seen[status] = said(waiter, arguments)
        assert seen[status] == model.get(status, "retry"), status
    assert {"success", "failure"} <= set(seen.values())
