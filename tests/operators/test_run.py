# SPDX-License-Identifier: Apache-2.0
"""StartOmicsRunOperator against the local endpoint: what is sent, what is pushed, how it ends."""

from dataclasses import replace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_omics.exceptions import (
    OmicsError,
    RunCancelledError,
    RunDeletedError,
    RunFailedError,
    StartRunRequestError,
)
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.request.members import BY_ARGUMENT
from airflow_provider_omics.tasks.attempt_end import wait
from tests.operators.conftest import INTENTION
from tests.operators.deferring import deferred


def test_a_run_is_started_and_waited_for(start_run, context, ti, omics_local):
    result = start_run().execute(context)
    [run] = omics_local.runs()
    assert result == {
        "run_id": run["id"],
        "uuid": run["uuid"],
        "arn": run["arn"],
        "run_output_uri": f"s3://bucket/runs/{run['id']}",
        "status": "COMPLETED",
    }
    assert {key: ti.xcom[key] for key in ("run_id", "uuid", "arn", "run_output_uri")} == {
        key: value for key, value in result.items() if key != "status"
    }


def test_every_member_reaches_the_service(start_run, context, omics_local):
    client = omics_local.client()
    group = client.create_run_group(name="x", requestId="x")["id"]
    cache = client.create_run_cache(cacheS3Location="s3://bucket/cache", requestId="x")["id"]
    configured = {
        "workflow_type": "PRIVATE",
        "name": "all-members",
        "cache_id": cache,
        "cache_behavior": "CACHE_ALWAYS",
        "run_group_id": group,
        "priority": "7",
        "parameters": '{"sample_name": "NA12878"}',
        "storage_capacity": "1200",
        "log_level": "ALL",
        "tags": {"project": "x"},
        "retention_mode": "REMOVE",
        "storage_type": "STATIC",
        "networking_mode": "RESTRICTED",
        "scratch_storage_mode": "LOCAL",
        "session_policy": {"Version": "2012-10-17"},
        "engine_settings": {"profile": "a"},
        "output_uri_prefix_mode": "SERVICE_DEFINED",
        "request_id": "mine",
    }
    result = start_run(**configured, wait_for_completion=False).execute(context)
    [run] = omics_local.runs()
    request = run["request"]
    assert [call["request_id"] for call in omics_local.calls("StartRun")] == ["mine"]
    assert request["priority"] == 7
    assert request["storageCapacity"] == 1200
    assert request["parameters"] == {"sample_name": "NA12878"}
    assert request["sessionPolicy"] == '{"Version":"2012-10-17"}'
    sent = {BY_ARGUMENT[argument].name for argument in configured} - {"tags"}
    assert set(request) == sent | {"workflowId", "roleArn", "outputUri"}
    assert client.get_run(id=result["run_id"])["tags"]["project"] == "x"


def test_the_run_leads_back_to_its_task(start_run, context, omics_local):
    start_run(tags={"airflow:dag_id": "mine"}).execute(context)
    [run] = omics_local.runs()
    assert [call["request_id"] for call in omics_local.calls("StartRun")] == [INTENTION.request_id(0)]
    assert run["request"]["name"] == INTENTION.run_name
    assert run["tags"] == INTENTION.tags(INTENTION.request_id(0)) | {"airflow:dag_id": "mine"}


def test_tags_can_be_left_out(start_run, context, omics_local):
    start_run(airflow_tags=False, name="mine").execute(context)
    [run] = omics_local.runs()
    assert "tags" not in run["request"]
    assert run["request"]["name"] == "mine"


@pytest.mark.usefixtures("frozen")
def test_without_waiting_the_task_ends_when_the_run_has_started(start_run, context, omics_local):
    result = start_run(wait_for_completion=False).execute(context)
    assert result["status"] == "PENDING"
    assert omics_local.counts() == {"StartRun": 1}


def test_bad_input_is_refused_before_any_call(start_run, context, omics_local):
    operator = start_run()
    operator.workflow_id, operator.priority = "abc", "high"
    with pytest.raises(StartRunRequestError, match=r"workflow_id must match .*; priority must be an integer") as error:
        operator.execute(context)
    assert isinstance(error.value, AirflowFailException)
    assert omics_local.counts() == {}


def test_what_the_service_refuses_is_not_tried_again(start_run, context):
    with pytest.raises(StartRunRequestError, match=r"ResourceNotFoundException.*9999999"):
        start_run(workflow_id="9999999").execute(context)


def test_an_older_botocore_is_named(start_run, context, omics_local):
    with pytest.raises(StartRunRequestError, match=r"installed botocore .* does not know futureMember of StartRun"):
        start_run(start_run_kwargs={"futureMember": 1}).execute(context)
    assert omics_local.counts() == {}


@pytest.mark.parametrize(
    ("status", "error", "retries"),
    [("FAILED", RunFailedError, False), ("CANCELLED", RunCancelledError, False)],
)
def test_a_bad_end_is_told_in_the_first_line(status, error, retries, start_run, context, omics_local):
    omics_local.script(status=status, failureReason="RUN_TASK_FAILED", statusMessage="Run failed due to task: x")
    with pytest.raises(error) as raised:
        start_run().execute(context)
    [run] = omics_local.runs()
    first = str(raised.value).splitlines()[0]
    assert first == f"HealthOmics run {run['id']} {status}: RUN_TASK_FAILED: Run failed due to task: x"
    assert isinstance(raised.value, AirflowFailException) is not retries


@pytest.mark.usefixtures("frozen")
def test_what_was_shown_before_a_deferral_is_not_pushed_again(start_run, context, ti, omics_local):
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    assert "run_id" in ti.xcom
    run = operator.attempt.run
    omics_local.force(run.id, "COMPLETED")
    for key in ("run_id", "uuid", "arn"):
        del ti.xcom[key]
    event = RunEvent(replace(run, status="COMPLETED")).serialize()
    result = start_run(deferrable=True).execute_complete(context, event, **deferral.kwargs)
    assert result["run_id"] == run.id
    assert ti.xcom.keys() & result.keys() == {"run_output_uri"}


@pytest.mark.usefixtures("frozen")
def test_what_an_earlier_try_has_pushed_too_late_is_pushed_over(start_run, context, ti, omics_local):
    """By a triggerer that stood still while it pushed."""
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    run = operator.attempt.run
    omics_local.force(run.id, "COMPLETED")
    ti.xcom |= {"arn": "of an earlier run", "run_output_uri": "s3://bucket/runs/0"}
    event = RunEvent(replace(run, status="COMPLETED")).serialize()
    result = start_run(deferrable=True).execute_complete(context, event, **deferral.kwargs)
    assert {key: ti.xcom[key] for key in result if key != "status"} == {
        key: value for key, value in result.items() if key != "status"
    }


@pytest.mark.usefixtures("frozen")
def test_a_reused_id_is_not_taken_for_the_run(start_run, context, omics_local):
    omics_local.switch(reuse_run_ids=True)
    operator = start_run(deferrable=True)
    deferred(operator, context)
    run = operator.attempt.run
    omics_local.force(run.id, "COMPLETED")
    client = omics_local.client()
    client.delete_run(id=run.id)
    other = client.start_run(workflowId="1234567", roleArn="arn:aws:iam::1:role/x", outputUri="s3://b")
    assert other["id"] == run.id
    with pytest.raises(RunDeletedError, match="its id belongs to another run now"):
        operator._finish(context, wait(operator.attempt, run))


def test_a_misspelt_class_is_refused(start_run):
    with pytest.raises(OmicsError, match=r"retry_on must name classes .*, not 'trasient'"):
        start_run(retry_on=["trasient"])
