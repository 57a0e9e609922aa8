# SPDX-License-Identifier: Apache-2.0
"""ImportOmicsReadSetsOperator: what is sent, pushed and told, in a worker and deferred."""

import json
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_omics.exceptions import (
    OmicsError,
    ReadSetJobFailedError,
    ReadSetJobRefusedError,
    ReadSetJobTimeoutError,
    ReadSetJobWaitError,
)
from airflow_provider_omics.polling import faults
from airflow_provider_omics.read_sets import job_submissions
from airflow_provider_omics.tasks import read_set_wait
from airflow_provider_omics.triggers.pause import OmicsPauseTrigger
from airflow_provider_omics.triggers.read_sets import OmicsReadSetJobTrigger
from tests.operators.deferring import deferred, fired, next_try, resumed
from tests.operators.stores import source


@pytest.mark.parametrize("deferrable", [True, False])
def test_what_has_arrived_becomes_read_sets(deferrable, stored, context, ti):
    operator = stored.importing("a", "b", deferrable=deferrable)
    result = resumed(operator, context, deferred(operator, context)) if deferrable else operator.execute(context)
    by_sample = {item["sampleId"]: item["id"] for item in stored.read_sets()}
    [job] = stored.jobs("import")
    uris = f"omics://123456789012.storage.us-east-1.amazonaws.com/{stored.id}/readSet"
    assert result == {
        "job_id": job["id"],
        "sequence_store_id": stored.id,
        "status": "COMPLETED",
        "read_set_ids": [by_sample["a"], by_sample["b"]],
        "read_sets": [
            {
                "read_set_id": by_sample[sample],
                "subject_id": "family",
                "sample_id": sample,
                "omics_uris": [f"{uris}/{by_sample[sample]}/source1"],
            }
            for sample in ("a", "b")
        ],
    }
    assert ti.xcom == {name: result[name] for name in result if name != "status"}


def test_every_member_reaches_the_service_and_the_read_sets_lead_back(stored, context, omics_local):
    stored.s3.put_object(Bucket="reads", Key="a_2.fastq.gz", Body=b"reads")
    whole = source(
        "a",
        generatedFrom="run 7",
        referenceArn="arn:aws:omics:us-east-1:123456789012:referenceStore/1/reference/2",
        name="A",
        description="the first",
        tags={"project": "x"},
    )
    whole["sourceFiles"]["source2"] = "s3://reads/a_2.fastq.gz"
    stored.importing(sources=json.dumps([whole])).execute(context)
    [job] = stored.jobs("import")
    [sent] = job["request"]["sources"]
    assert {**sent, "tags": {"project": sent["tags"]["project"]}} == whole
    [call] = omics_local.calls("StartReadSetImportJob")
    assert sent["tags"]["airflow:request_id"] == call["request_id"] == job["request"]["clientToken"]
    assert sent["tags"]["airflow:dag_id"] == "cohort"


def test_without_tags_nothing_is_tagged(stored, context):
    stored.importing("a", airflow_tags=False).execute(context)
    assert "tags" not in stored.jobs("import")[0]["request"]["sources"][0]


@pytest.mark.usefixtures("frozen")
def test_without_waiting_the_task_ends_when_the_job_has_started(stored, context):
    result = stored.importing("a", wait_for_completion=False).execute(context)
    assert (result["status"], result["read_set_ids"]) == ("SUBMITTED", [])


def test_a_source_that_fails_is_told_and_the_others_are_kept(stored, context, ti):
    with pytest.raises(ReadSetJobFailedError) as error:
        stored.importing("a", *"cdefgh").execute(context)
    lines = str(error.value).splitlines()
    [job] = stored.jobs("import")
    assert lines[0].startswith(f"HealthOmics read set import job {job['id']} of sequence store {stored.id} COMPLETED_W")
    assert [line.split(": ")[0] for line in lines[1:6]] == [
        f"  {name} (s3://reads/{name}.fastq.gz)" for name in "cdefg"
    ]
    assert all("FAILED: s3://reads/" in line for line in lines[1:6])
    assert lines[6:] == [
        "  … 5 of 6 that failed",
        "1 of the sources are imported; XCom read_set_ids has them. A retry imports the others.",
    ]
    assert ti.xcom["read_set_ids"] == [item["id"] for item in stored.read_sets()]
    assert not isinstance(error.value, AirflowFailException)


@pytest.mark.parametrize("code", ["InternalServerException", "ThrottlingException", "RequestTimeoutException"])
def test_faults_that_pass_fail_no_task(code, stored, context, omics_local):
    for operation in ("StartReadSetImportJob", "GetReadSetImportJob"):
        omics_local.fault(operation, "error", code=code, times=3)
    operator = stored.importing("a", botocore_config={"retries": {"mode": "standard", "total_max_attempts": 1}})
    assert operator.execute(context)["status"] == "COMPLETED"


def test_a_full_account_is_asked_again_without_a_worker(stored, context, omics_local, monkeypatch):
    monkeypatch.setattr(read_set_wait, "_FULL", 0.05)
    omics_local.fault("StartReadSetImportJob", "error", code="ServiceQuotaExceededException", times=2)
    operator = stored.importing("a", deferrable=True)
    deferral = deferred(operator, context)
    for _ in range(2):
        assert isinstance(deferral.trigger, OmicsPauseTrigger)
        assert deferral.kwargs["request"]["sources"] == [source("a")]
        with pytest.raises(TaskDeferred) as again:
            resumed(operator, context, deferral)
        deferral = again.value
    assert isinstance(deferral.trigger, OmicsReadSetJobTrigger)
    assert resumed(operator, context, deferral)["status"] == "COMPLETED"


@pytest.mark.parametrize("deferrable", [True, False])
def test_when_the_time_to_start_is_up_the_refusal_is_told(deferrable, stored, context, omics_local):
    omics_local.fault("StartReadSetImportJob", "error", code="ServiceQuotaExceededException", probability=1)
    with pytest.raises(ReadSetJobRefusedError, match="No read set import job was started"):
        stored.importing("a", deferrable=deferrable, submit_timeout=timedelta(seconds=1)).execute(context)


@pytest.mark.parametrize("deferrable", [True, False])
def test_nobody_says_that_no_job_was_started_if_that_is_not_known(deferrable, stored, context, omics_local):
    omics_local.fault("StartReadSetImportJob", "lost", probability=1)
    omics_local.fault("ListReadSetImportJobs", "drop", probability=1)
    once = {"submit_timeout": timedelta(seconds=0.1), "botocore_config": {"retries": {"total_max_attempts": 1}}}
    with pytest.raises(ReadSetJobRefusedError, match=r"HealthOmics does not answer: .*a retry finds it"):
        stored.importing("a", deferrable=deferrable, **once).execute(context)
    assert len(stored.jobs("import")) == 1


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("deferrable", [True, False])
def test_the_deadline_leaves_the_job_to_a_retry(deferrable, stored, context):
    operator = stored.importing("a", deferrable=deferrable, execution_timeout=timedelta(seconds=0.5))
    with pytest.raises(ReadSetJobTimeoutError, match=r"SUBMITTED.*a retry waits for it"):
        resumed(operator, context, deferred(operator, context)) if deferrable else operator.execute(context)


@pytest.mark.usefixtures("frozen")
def test_waiting_that_breaks_is_told(stored, context, omics_local):
    operator = stored.importing("a", deferrable=True)
    deferral = deferred(operator, context)
    omics_local.fault("GetReadSetImportJob", "error", code="AccessDeniedException")
    with pytest.raises(ReadSetJobWaitError, match=r"failed, and the job goes on: .*AccessDenied"):
        resumed(operator, context, deferral)


@pytest.mark.usefixtures("frozen")
def test_an_event_of_another_try_or_release_is_not_believed(stored, context, ti):
    operator = stored.importing("a", deferrable=True)
    deferral = deferred(operator, context)
    for event, number in (({"version": 0}, 1), (None, 1)):
        with pytest.raises(TaskDeferred):
            operator.execute_complete(context, event, **{**deferral.kwargs, "try_number": number})
    ended = {"version": 1, "job": {**deferral.trigger.job_args, "status": "FAILED"}}
    next_try(ti)
    with pytest.raises(TaskDeferred):
        operator.execute_complete(context, ended, **deferral.kwargs)
    assert len(stored.jobs("import")) == 1


def test_dag_test_that_forgets_what_was_deferred_with_starts_no_other_job(stored, context, ti):
    operator = stored.importing("a", "c", deferrable=True)
    deferral = deferred(operator, context)
    with pytest.raises(ReadSetJobFailedError, match="1 of the sources are imported"):
        operator.execute_complete(context, fired(deferral))
    assert ti.xcom["read_set_ids"] == [item["id"] for item in stored.read_sets()]
    assert len(stored.jobs("import")) == 1
    [read_set] = stored.archived("a")
    operator = stored.activating(read_set, deferrable=True)
    result = operator.execute_complete(context, fired(deferred(operator, context)))
    assert result["read_set_ids"] == [read_set]
    assert len(stored.jobs("activation")) == 1


def test_nothing_starts_after_a_kill(stored, context):
    operator = stored.importing("a")
    operator.on_kill()
    with pytest.raises(OmicsError, match="nothing was started"):
        operator.execute(context)
    assert stored.jobs("import") == []


def test_a_wait_in_a_worker_that_breaks_says_that_the_job_goes_on(stored, context, omics_local):
    omics_local.fault("GetReadSetImportJob", "error", code="AccessDeniedException", times=1)
    with pytest.raises(ReadSetJobWaitError, match=r"failed, and the job goes on: .*AccessDenied.*\nA retry waits"):
        stored.importing("a").execute(context)


def test_a_connection_that_is_missed_once_when_the_job_is_there_fails_nothing(stored, context, monkeypatch):
    there = json.dumps(stored.local.airflow_connection())
    monkeypatch.setenv("AIRFLOW_CONN_AWS_OWN", there)
    missed = []
    start_job = job_submissions.start_job

    def start(*arguments):
        job = start_job(*arguments)
        monkeypatch.delenv("AIRFLOW_CONN_AWS_OWN")
        return job

    def back_off(_faults):
        missed.append(True)
        monkeypatch.setenv("AIRFLOW_CONN_AWS_OWN", there)
        return 0.01

    monkeypatch.setattr(job_submissions, "start_job", start)
    monkeypatch.setattr(faults, "back_off", back_off)
    assert stored.importing("a", aws_conn_id="aws_own").execute(context)["status"] == "COMPLETED"
    assert missed == [True]


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    ("why", "error", "told"),
    [
        ("Trigger failure", ReadSetJobWaitError, "and the job goes on: the trigger failed: Trigger failure"),
        ("Trigger timeout", ReadSetJobTimeoutError, "not ended within execution_timeout"),
    ],
)
def test_a_task_whose_trigger_is_lost_names_the_job_that_goes_on(why, error, told, stored, context, ti):
    operator = stored.importing("a", deferrable=True)
    deferred(operator, context)
    with pytest.raises(error, match=rf"import job {ti.xcom['job_id']} of .*{told}"):
        operator.resume_execution("__fail__", {"error": why}, context)
