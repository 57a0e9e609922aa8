# SPDX-License-Identifier: Apache-2.0
"""ImportOmicsReadSetsOperator and ActivateOmicsReadSetsOperator against the local endpoint."""

import json
import re
from datetime import timedelta

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSensorTimeout, TaskDeferred

from airflow_provider_omics.exceptions import (
    ClientTokenSpentError,
    OmicsError,
    OmicsRequestError,
    ReadSetJobFailedError,
    ReadSetJobRefusedError,
    ReadSetJobTimeoutError,
    ReadSetJobWaitError,
    StartRunConflictError,
)
from airflow_provider_omics.lifecycle import in_worker
from airflow_provider_omics.operators import activate_read_sets
from airflow_provider_omics.operators.activate_read_sets import ActivateOmicsReadSetsOperator
from airflow_provider_omics.operators.import_read_sets import ImportOmicsReadSetsOperator
from airflow_provider_omics.polling import faults
from airflow_provider_omics.read_sets import service
from airflow_provider_omics.sensors.read_sets import OmicsReadSetImportSensor
from airflow_provider_omics.tasks import read_set_wait
from airflow_provider_omics.triggers.read_sets import OmicsPauseTrigger, OmicsReadSetJobTrigger
from tests.operators.deferring import deferred, fired, next_try, resumed
from tests.operators.stores import ROLE, STORE, source


@pytest.fixture
def frozen(stored):
    stored.local.clock.freeze()
    return stored.local.clock


# --- import ---


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


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_retry_imports_only_what_is_missing(deferrable, stored, context, ti):
    with pytest.raises(ReadSetJobFailedError):
        stored.importing("a", "c").execute(context)
    stored.arrive("c")
    next_try(ti)
    operator = stored.importing("a", "c", deferrable=deferrable)
    result = resumed(operator, context, deferred(operator, context)) if deferrable else operator.execute(context)
    assert [item["sample_id"] for item in result["read_sets"]] == ["a", "c"]
    assert sorted(result["read_set_ids"]) == sorted(item["id"] for item in stored.read_sets())
    first, second = stored.jobs("import")
    assert [item["request"]["sampleId"] for item in second["sources"]] == ["c"]
    tokens = [job["request"]["clientToken"] for job in (first, second)]
    assert [token.rpartition("-")[2] for token in tokens] == ["0", "1"]
    # The try after that finds all of it.
    next_try(ti)
    assert sorted(stored.importing("a", "c").execute(context)["read_set_ids"]) == sorted(result["read_set_ids"])
    assert len(stored.jobs("import")) == 2


@pytest.mark.parametrize("tags", [True, False])
def test_a_retry_waits_for_the_job_of_the_try_before(tags, stored, context, ti, frozen):
    deferred(stored.importing("a", deferrable=True, airflow_tags=tags), context)
    first = dict(ti.xcom)
    next_try(ti)
    again = deferred(stored.importing("a", deferrable=True, airflow_tags=tags), context)
    assert {name: ti.xcom[name] for name in first} == first
    frozen.resume()
    assert len(resumed(stored.importing("a"), context, again)["read_set_ids"]) == 1
    assert stored.local.counts()["StartReadSetImportJob"] == 1


def test_a_lost_answer_starts_no_second_job(stored, context, omics_local):
    omics_local.fault("StartReadSetImportJob", "lost", times=1)
    stored.importing("a").execute(context)
    assert omics_local.counts()["StartReadSetImportJob"] == 1
    assert len(stored.jobs("import")) == 1


class DiedError(Exception):
    """The process dies when its connection has broken."""


@pytest.fixture
def dying(monkeypatch):
    """Return a function that executes a task whose process dies when a fault is met."""

    def die(_driver, _error):
        raise DiedError

    def execute(operator, context):
        with monkeypatch.context() as patch:
            patch.setattr(in_worker.WorkerDriver, "_recover", die)
            with pytest.raises(DiedError):
                operator.execute(context)

    return execute


@pytest.mark.parametrize("repeat", ["replay", "conflict"])
def test_a_try_that_dies_before_its_answer_leaves_a_job_that_the_next_finds(
    repeat, stored, context, ti, omics_local, dying
):
    omics_local.switch(request_id_repeat=repeat)
    omics_local.fault("StartReadSetImportJob", "lost", times=1)
    dying(stored.importing("a"), context)
    next_try(ti)
    assert stored.importing("a").execute(context)["status"] == "COMPLETED"
    assert len(stored.jobs("import")) == 1


@pytest.mark.usefixtures("frozen")
def test_a_job_that_is_not_listed_yet_is_that_of_the_token(stored, context, ti, omics_local):
    omics_local.switch(list_delay=600)
    deferred(stored.importing("a", deferrable=True), context)
    first = ti.xcom["job_id"]
    next_try(ti)
    deferred(stored.importing("a", deferrable=True), context)
    assert ti.xcom["job_id"] == first
    omics_local.switch(request_id_repeat="conflict")
    next_try(ti)
    with pytest.raises(StartRunConflictError, match="is taken, but lists no job"):
        stored.importing("a").execute(context)
    assert len(stored.jobs("import")) == 1


@pytest.mark.usefixtures("frozen")
def test_a_clear_starts_anew(stored, context, ti):
    deferred(stored.importing("a", deferrable=True), context)
    next_try(ti)
    ti.max_tries += 1
    deferred(stored.importing("a", deferrable=True), context)
    assert len(stored.jobs("import")) == 2


@pytest.mark.usefixtures("frozen")
def test_the_job_of_another_task_is_not_adopted(stored, context, ti):
    deferred(stored.importing("a", deferrable=True), context)
    ti.task_id, ti.try_number = "other", 2
    deferred(stored.importing("a", deferrable=True), context)
    assert len(stored.jobs("import")) == 2


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("tags", [True, False])
def test_a_job_that_cannot_be_looked_at_yet_is_not_adopted(tags, stored, context, ti, omics_local):
    deferred(stored.importing("b", deferrable=True, airflow_tags=tags), context)
    omics_local.switch(get_delay=600)
    ti.task_id, ti.try_number = "other", 2
    deferred(stored.importing("a", deferrable=True, airflow_tags=tags), context)
    assert len(stored.jobs("import")) == 2


@pytest.mark.usefixtures("frozen")
def test_an_expired_token_is_no_failure(stored, context, ti, omics_local):
    deferred(stored.importing("a", deferrable=True), context)
    first = ti.xcom["job_id"]
    next_try(ti)
    omics_local.fault("ListReadSetImportJobs", "error", code="ExpiredTokenException")
    deferred(stored.importing("a", deferrable=True), context)
    assert ti.xcom["job_id"] == first


def test_a_cancelled_job_is_followed_by_the_next(stored, context, ti, omics_local, frozen):
    deferral = deferred(stored.importing("a", deferrable=True), context)
    omics_local.force_job(ti.xcom["job_id"], "CANCELLED", statusMessage="by the service")
    with pytest.raises(ReadSetJobFailedError, match="CANCELLED: by the service"):
        resumed(stored.importing("a", deferrable=True), context, deferral)
    frozen.resume()
    next_try(ti)
    assert stored.importing("a").execute(context)["status"] == "COMPLETED"
    assert len(stored.jobs("import")) == 2


def test_a_token_of_ones_own_is_one_job_for_ever(stored, context, ti, omics_local):
    for _ in range(2):
        with pytest.raises(ClientTokenSpentError, match="One job for a client_token, ever"):
            stored.importing("nobody", client_token="mine").execute(context)
        next_try(ti)
    assert {call["request_id"] for call in omics_local.calls("StartReadSetImportJob")} <= {"mine"}
    assert len(stored.jobs("import")) == 1


def test_a_look_up_that_is_denied_relies_on_the_token(stored, context, ti, omics_local, caplog):
    stored.importing("a").execute(context)
    next_try(ti)
    omics_local.fault("ListReadSetImportJobs", "error", code="AccessDeniedException")
    assert stored.importing("a").execute(context)["status"] == "COMPLETED"
    assert "A retry may not look for its job, and relies on the clientToken" in caplog.text
    assert len(stored.jobs("import")) == 1


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
    with pytest.raises(ReadSetJobWaitError, match=r"broke, and the job goes on: .*AccessDenied"):
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


@pytest.mark.parametrize(
    ("arguments", "rules"),
    [
        ({"sequence_store_id": "12"}, "sequence_store_id must be 10 to 36 characters long"),
        ({"role_arn": None}, "role_arn is required"),
        ({"sources": []}, r"sources must be 1 to 100 .*, not 0: skip the task if there are none"),
        ({"sources": [source("a")] * 101}, "not 101: map the task over smaller lists"),
        ({"sources": "a, b"}, "sources must be a list of 1 to 100, not str"),
        ({"sources": [{}]}, r"sources\[0\].sourceFileType is required; sources\[0\].subjectId is required"),
        ({"sources": [source("a", sourceFileType="VCF")]}, r"sources\[0\].sourceFileType must be one of FASTQ, BAM"),
        ({"sources": [source("a", sampleID="x")]}, r"sources\[0\].sampleID is none of sourceFileType, subjectId"),
        ({"sources": [source("a", sourceFiles={"source1": "/a"})]}, r"sources\[0\].sourceFiles.source1 must match"),
        ({"sources": [source("a", tags={"aws:x": "y"})]}, r"sources\[0\].tags: a key must be"),
        ({"sources": [source("a", tags={"airflow:request_id": "y"})]}, "is how a retry finds"),
    ],
)
def test_bad_input_is_refused_when_the_dag_is_parsed(arguments, rules):
    given = {"sequence_store_id": STORE, "role_arn": ROLE, "sources": [source("a")]}
    with pytest.raises(OmicsRequestError, match=rules):
        ImportOmicsReadSetsOperator(task_id="run", **{**given, **arguments})


def test_what_is_rendered_is_checked_before_any_call(stored, context, omics_local):
    operator = stored.importing(sources="{{ later }}")
    operator.sources = "[{'sampleId': 'a'}]"
    before = omics_local.counts()
    with pytest.raises(OmicsRequestError, match=r"needs the filter `\| tojson`"):
        operator.execute(context)
    assert omics_local.counts() == before


def test_what_the_service_refuses_is_not_tried_again(stored, context):
    operator = stored.importing("a")
    operator.sequence_store_id = "9999999999"
    with pytest.raises(OmicsRequestError, match=r"ResourceNotFoundException.*9999999999"):
        operator.execute(context)


@pytest.mark.parametrize("native", [False, True])
def test_however_the_sources_are_written_the_request_is_the_same(native):
    dag = DAG(
        dag_id="test",
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        schedule=None,
        render_template_as_native_obj=native,
    )
    rendered = {"store": "0123456789", "samples": [source("a")], "sample": "a", "params": {}}
    given = {"sequence_store_id": "{{ store }}", "role_arn": ROLE, "dag": dag}
    whole = ImportOmicsReadSetsOperator(task_id="a", sources="{{ samples | tojson }}", **given)
    inside = ImportOmicsReadSetsOperator(task_id="b", sources=[source("{{ sample }}")], **given)
    for operator in (whole, inside):
        operator.render_template_fields(rendered, dag.get_template_env())
        assert operator.build_request() == {
            "sequenceStoreId": "0123456789",
            "roleArn": ROLE,
            "sources": [source("a")],
        }
    numbers = ActivateOmicsReadSetsOperator(task_id="c", sources=["{{ id }}"], sequence_store_id="{{ store }}", dag=dag)
    numbers.render_template_fields({**rendered, "id": "1234567890"}, dag.get_template_env())
    assert numbers.build_request()["sources"] == [{"readSetId": "1234567890"}]


# --- activation ---


@pytest.mark.parametrize("deferrable", [True, False])
def test_archived_read_sets_are_activated(deferrable, stored, context, ti):
    ids = stored.archived("a", "b")
    operator = stored.activating(*ids, deferrable=deferrable)
    result = resumed(operator, context, deferred(operator, context)) if deferrable else operator.execute(context)
    assert {item["status"] for item in stored.read_sets()} == {"ACTIVE"}
    [job] = stored.jobs("activation")
    assert (result["job_id"], result["status"], result["read_set_ids"]) == (job["id"], "COMPLETED", ids)
    assert [item["sample_id"] for item in result["read_sets"]] == ["a", "b"]
    for item in result["read_sets"]:
        [uri] = item["s3_uris"]
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        assert stored.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"reads"
    assert ti.xcom["read_set_ids"] == ids


def test_active_ones_are_left_alone(stored, context, omics_local):
    first, second = stored.archived("a", "b")
    omics_local.force_read_set(first, "ACTIVE")
    assert stored.activating(first, {"readSetId": second}, second).execute(context)["read_set_ids"] == [first, second]
    [job] = stored.jobs("activation")
    assert job["request"]["sources"] == [{"readSetId": second}]
    again = stored.activating(first, second).execute(context)
    assert (again["job_id"], again["read_set_ids"]) == (None, [first, second])
    assert len(stored.jobs("activation")) == 1


def test_a_retry_waits_for_the_activation_of_the_try_before(stored, context, ti, omics_local):
    ids = stored.archived("a", "b")
    omics_local.clock.freeze()
    for seconds in (0, 0.02):
        # The second time the job is SUBMITTED, the third time the read sets are ACTIVATING.
        omics_local.clock.advance(seconds)
        deferral = deferred(stored.activating(*ids, deferrable=True), context)
        next_try(ti)
    deferred(stored.activating(*ids, deferrable=True), context)
    omics_local.clock.resume()
    assert resumed(stored.activating(*ids), context, deferral) is not None
    assert omics_local.counts()["StartReadSetActivationJob"] == 1


def test_a_lost_answer_starts_no_second_activation(stored, context, ti, omics_local, dying):
    ids = stored.archived("a")
    omics_local.switch(list_delay=600)
    omics_local.fault("StartReadSetActivationJob", "lost", times=1)
    omics_local.clock.freeze()
    dying(stored.activating(*ids), context)
    next_try(ti)
    omics_local.clock.resume()
    assert stored.activating(*ids).execute(context)["read_set_ids"] == ids
    assert len(stored.jobs("activation")) == 1


def test_read_sets_that_another_job_activates_are_waited_for(stored, context, omics_local, monkeypatch):
    monkeypatch.setattr(activate_read_sets, "_LOOK_AGAIN", 0.05)
    ids = stored.archived("a", "b")
    omics_local.switch(speed=20)
    sources = [{"readSetId": read_set_id} for read_set_id in ids]
    stored.client.start_read_set_activation_job(sequenceStoreId=stored.id, sources=sources)
    omics_local.clock.freeze()
    omics_local.clock.advance(0.3)
    assert {item["status"] for item in stored.read_sets()} == {"ACTIVATING"}
    omics_local.clock.resume()
    assert stored.activating(*ids).execute(context)["read_set_ids"] == ids
    assert len(stored.jobs("activation")) == 1


def test_when_another_job_fails_the_task_starts_its_own(stored, context, omics_local):
    ids = stored.archived("a")
    omics_local.clock.freeze()
    stored.client.start_read_set_activation_job(sequenceStoreId=stored.id, sources=[{"readSetId": ids[0]}])
    omics_local.clock.advance(0.02)
    operator = stored.activating(*ids, deferrable=True)
    deferral = deferred(operator, context)
    omics_local.force_read_set(ids[0], "PROCESSING_UPLOAD")
    omics_local.clock.advance(1)
    omics_local.force_read_set(ids[0], "ARCHIVED")
    omics_local.clock.resume()
    with pytest.raises(TaskDeferred) as own:
        resumed(operator, context, deferral)
    assert resumed(operator, context, own.value)["read_set_ids"] == ids
    assert [job["status"] for job in stored.jobs("activation")] == ["FAILED", "COMPLETED"]


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_read_set_that_fails_is_told_and_a_retry_activates_it(deferrable, stored, context, ti, omics_local):
    good, bad = stored.archived("a", "b")
    omics_local.clock.freeze()
    deferral = deferred(stored.activating(good, bad, deferrable=True), context)
    omics_local.force_read_set(bad, "PROCESSING_UPLOAD")
    omics_local.clock.advance(1)
    omics_local.force_read_set(bad, "ARCHIVED")
    omics_local.clock.resume()
    with pytest.raises(ReadSetJobFailedError, match=f"read set {bad}: FAILED: .*\n1 of the read sets are active"):
        resumed(stored.activating(good, bad), context, deferral)
    assert ti.xcom["read_set_ids"] == [good]
    next_try(ti)
    operator = stored.activating(good, bad, deferrable=deferrable)
    result = resumed(operator, context, deferred(operator, context)) if deferrable else operator.execute(context)
    assert result["read_set_ids"] == [good, bad]
    tokens = [job["request"]["clientToken"].rpartition("-")[2] for job in stored.jobs("activation")]
    assert tokens == ["0", "1"]


def test_what_was_archived_again_is_activated_again(stored, context, ti, omics_local):
    ids = stored.archived("a")
    stored.activating(*ids).execute(context)
    omics_local.clock.advance(30)
    omics_local.force_read_set(ids[0], "ARCHIVED")
    next_try(ti)
    assert stored.activating(*ids).execute(context)["read_set_ids"] == ids
    assert len(stored.jobs("activation")) == 2
    assert {item["status"] for item in stored.read_sets()} == {"ACTIVE"}


def test_what_has_no_reads_is_refused_before_any_job(stored, context, omics_local):
    good, bad = stored.archived("a", "b")
    omics_local.force_read_set(bad, "DELETING")
    with pytest.raises(OmicsRequestError, match=re.escape(f"{bad} is DELETING, 1111111111 does not exist")):
        stored.activating(good, bad, "1111111111").execute(context)
    assert stored.jobs("activation") == []


@pytest.mark.parametrize(
    ("sources", "rule"),
    [
        ([], "sources must be 1 to 20 .*, not 0"),
        ([str(number) for number in range(10**9, 10**9 + 21)], "not 21: map the task over smaller lists"),
        (["abcdefghij"], r"sources\[0\].readSetId must match \[0-9\]\+"),
        ([{"id": "1234567890"}], r"sources\[0\].id is none of readSetId; sources\[0\].readSetId is required"),
        ([None], r"sources\[0\].readSetId is required"),
    ],
)
def test_bad_read_sets_are_refused_when_the_dag_is_parsed(sources, rule):
    with pytest.raises(OmicsRequestError, match=rule):
        ActivateOmicsReadSetsOperator(task_id="run", sequence_store_id=STORE, sources=sources)


# --- the sensor ---


@pytest.fixture
def waiting(stored, context):
    """Return a function that starts an import and returns a sensor that waits for it."""

    def sensor(*samples, **arguments):
        job = stored.importing(*samples, wait_for_completion=False).execute(context)
        given = {"sequence_store_id": stored.id, "job_id": job["job_id"], "poke_interval": 0.05, "poll_interval": 0.05}
        return OmicsReadSetImportSensor(task_id="wait", **{**given, **arguments})

    return sensor


@pytest.mark.parametrize("deferrable", [True, False])
def test_the_sensor_waits_for_a_job(deferrable, stored, waiting, context, frozen, ti):
    sensor = waiting("a", "b", deferrable=deferrable)
    if deferrable:
        deferral = deferred(sensor, context)
        frozen.resume()
        result = resumed(sensor, context, deferral)
    else:
        frozen.resume()
        result = sensor.execute(context)
    assert result == {
        "job_id": sensor.job_id,
        "sequence_store_id": stored.id,
        "status": "COMPLETED",
        "read_set_ids": [item["id"] for sample in "ab" for item in stored.read_sets() if item["sampleId"] == sample],
    }
    assert ti.xcom["read_set_ids"] == result["read_set_ids"]


@pytest.mark.parametrize("deferrable", [True, False])
def test_the_sensor_tells_which_sources_failed(deferrable, stored, waiting, context, ti):
    sensor = waiting("a", "nobody", deferrable=deferrable)
    with pytest.raises(
        ReadSetJobFailedError, match=r"COMPLETED_WITH_FAILURES.*\n  nobody \(s3://reads/nobody.fastq.gz\)"
    ):
        resumed(sensor, context, deferred(sensor, context)) if deferrable else sensor.execute(context)
    assert ti.xcom["read_set_ids"] == [item["id"] for item in stored.read_sets()]


def test_faults_that_pass_do_not_end_the_sensor(waiting, context, omics_local, frozen):
    sensor = waiting("a", deferrable=True)
    deferral = deferred(sensor, context)
    for code in ("InternalServerException", "ThrottlingException"):
        omics_local.fault("GetReadSetImportJob", "error", code=code)
    omics_local.fault("GetReadSetImportJob", "drop")
    frozen.resume()
    assert resumed(sensor, context, deferral)["status"] == "COMPLETED"


def test_a_sensor_of_no_job_fails(waiting, context):
    with pytest.raises(OmicsError, match="There is no read set import job 1111111111"):
        waiting("a", job_id="1111111111").execute(context)
    with pytest.raises(OmicsRequestError, match="job_id must be digits, not 'None'"):
        waiting("a", job_id=None).execute(context)


@pytest.mark.usefixtures("frozen")
def test_the_sensors_timeout_ends_the_waiting(waiting, context):
    with pytest.raises(AirflowSensorTimeout):
        waiting("a", timeout=0.2).execute(context)


# --- faults when the job is there ---


def test_a_wait_in_a_worker_that_breaks_says_that_the_job_goes_on(stored, context, omics_local):
    omics_local.fault("GetReadSetImportJob", "error", code="AccessDeniedException", times=1)
    with pytest.raises(ReadSetJobWaitError, match=r"broke, and the job goes on: .*AccessDenied.*\nA retry waits"):
        stored.importing("a").execute(context)


def test_a_connection_that_is_missed_once_when_the_job_is_there_fails_nothing(stored, context, monkeypatch):
    there = json.dumps(stored.local.airflow_connection())
    monkeypatch.setenv("AIRFLOW_CONN_AWS_OWN", there)
    missed = []
    start_job = service.start_job

    def start(*arguments):
        job = start_job(*arguments)
        monkeypatch.delenv("AIRFLOW_CONN_AWS_OWN")
        return job

    def back_off(_faults):
        missed.append(True)
        monkeypatch.setenv("AIRFLOW_CONN_AWS_OWN", there)
        return 0.01

    monkeypatch.setattr(service, "start_job", start)
    monkeypatch.setattr(faults, "back_off", back_off)
    assert stored.importing("a", aws_conn_id="aws_own").execute(context)["status"] == "COMPLETED"
    assert missed == [True]
