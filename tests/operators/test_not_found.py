# SPDX-License-Identifier: Apache-2.0
"""What a task says when HealthOmics does not find what it names, the commonest mistake of all."""

import pytest

from airflow_provider_omics.aws import identity
from airflow_provider_omics.aws.not_found import account_of, where_to_look
from airflow_provider_omics.exceptions import OmicsError, OmicsRequestError, StartRunRequestError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.read_sets.job_calls import get_job, start_job
from airflow_provider_omics.records.read_set_job import ReadSetJob
from airflow_provider_omics.records.run import Run

WHERE = "It was looked for in Region us-east-1, account 123456789012: check "
REGION = "region_name (by default the connection's)"
READY = "workflow_type (now READY2RUN)"
WORKFLOW = (
    f"{REGION}, workflow_type (READY2RUN for a Ready2Run workflow), "
    "workflow_owner_id (the account that shares the workflow)."
)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"workflow_id": "111"}, f"Workflow 111 not found. {WHERE}workflow_id, {WORKFLOW}"),
        (
            {"workflow_id": "111", "workflow_type": "READY2RUN", "workflow_owner_id": "999999999999"},
            f"Workflow 111 not found. {WHERE}workflow_id, {REGION}, {READY}, workflow_owner_id (now 999999999999).",
        ),
        (
            {"workflow_version_name": "v9", "run_group_id": "12"},
            f"Workflow 1234567 version v9 not found. {WHERE}workflow_version_name, workflow_id, {WORKFLOW}",
        ),
        (
            {"run_group_id": "12", "cache_id": "1234567"},
            f"Run cache 1234567 not found. {WHERE}cache_id, {REGION}.",
        ),
        (
            {"run_group_id": "12"},
            f"Run group 12 not found. {WHERE}run_group_id, {REGION}.",
        ),
        (
            {"workflow_id": None, "run_id": "12"},
            f"Run 12 not found. {WHERE}run_id (the run to duplicate, if it was not deleted), {REGION}.",
        ),
    ],
    ids=["workflow", "shared", "version", "cache", "group", "duplicate"],
)
def test_what_is_not_found_is_told_with_where_and_what_to_check(arguments, told, start_run, context):
    with pytest.raises(StartRunRequestError) as caught:
        start_run(**arguments).execute(context)
    assert str(caught.value) == f"HealthOmics rejected the run (ResourceNotFoundException): {told}"


@pytest.mark.usefixtures("aws_default")
def test_a_sequence_store_that_is_not_found_is_told_likewise():
    request = {"sequenceStoreId": "9999999999", "sources": [{"readSetId": "1234567890"}], "clientToken": "x"}
    with pytest.raises(OmicsRequestError) as caught:
        start_job(OmicsHook("aws_default"), "activation", request)
    check = f"{WHERE}sequence_store_id, {REGION}."
    assert str(caught.value).endswith(f"9999999999 not found. {check}")


def test_a_message_that_names_nothing_leaves_all_that_is_named_to_check():
    request = {"workflowId": "1", "runGroupId": "2", "roleArn": "arn:aws-cn:iam::123456789012:role/x"}
    told = where_to_look("No such resource", request, "cn-north-1")
    assert told.startswith("It was looked for in Region cn-north-1, account 123456789012: check run_group_id, ")
    assert "workflow_id, workflow_type" in told
    assert "account 210987654321" in where_to_look("", request, "cn-north-1", "210987654321")


def test_an_arn_without_an_account_has_none():
    assert [account_of(arn) for arn in ("arn:aws:s3:::bucket", "arn:x", "")] == [None] * 3


def test_where_sts_is_denied_the_account_is_that_of_the_role(start_run, context, omics_local, monkeypatch):
    omics_local.fault("sts:GetCallerIdentity", "error", code="AccessDenied", probability=1)
    monkeypatch.setattr(identity, "_accounts", {})
    role = "arn:aws:iam::210987654321:role/omics"
    with pytest.raises(StartRunRequestError, match="account 210987654321: check workflow_id"):
        start_run(workflow_id="111", role_arn=role).execute(context)


def test_a_job_that_is_not_found_is_told_likewise(aws_default):
    store = aws_default.client().create_sequence_store(name="cohort")["id"]
    with pytest.raises(OmicsError) as caught:
        get_job(OmicsHook("aws_default"), ReadSetJob("import", "1234567890", store))
    assert str(caught.value).endswith(f"1234567890 not found. {WHERE}job_id, sequence_store_id, {REGION}.")


@pytest.mark.parametrize("known", [True, False], ids=["of its ARN", "of its id alone"])
def test_a_run_of_which_only_the_id_is_known_is_told_likewise(known, start_run):
    start_run()
    arn = "arn:aws:omics:us-east-1:123456789012:run/12" if known else ""
    gone = OmicsHook("aws_default").get_run(Run("12", "u", arn))
    assert gone.status == "DELETED"
    where = "" if known else f". {WHERE}run_id, {REGION}."
    assert str(gone).endswith(f"GetRun does not find it: it was deleted, or is too old{where}")
