# SPDX-License-Identifier: Apache-2.0
"""Which import job a retry or a clear has, and what it imports."""

import pytest

from airflow_provider_omics.exceptions import (
    ClientTokenSpentError,
    ReadSetJobFailedError,
    ReadSetJobWaitError,
    StartRunConflictError,
)
from tests.operators.deferring import deferred, next_try, resumed


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


@pytest.mark.parametrize("unseen", ["denied", "not listed yet"])
def test_a_retry_imports_only_what_is_missing_of_jobs_that_no_list_shows(unseen, stored, context, ti, omics_local):
    if unseen == "denied":
        omics_local.fault("ListReadSetImportJobs", "error", code="AccessDeniedException", probability=1)
    else:
        omics_local.switch(list_delay=36_000)
    for arrived in ("c", "d"):
        with pytest.raises(ReadSetJobFailedError):
            stored.importing("a", "c", "d").execute(context)
        stored.arrive(arrived)
        omics_local.clock.advance(60)
        next_try(ti)
    result = stored.importing("a", "c", "d").execute(context)
    assert sorted(result["read_set_ids"]) == sorted(item["id"] for item in stored.read_sets())
    assert [[it["request"]["sampleId"] for it in job["sources"]] for job in stored.jobs("import")] == [
        ["a", "c", "d"],
        ["c", "d"],
        ["d"],
    ]


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
    with pytest.raises(StartRunConflictError, match="is taken, but lists no read set import job of it"):
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
        with pytest.raises(ClientTokenSpentError, match="Give another client_token"):
            stored.importing("nobody", client_token="mine").execute(context)
        next_try(ti)
    assert {call["request_id"] for call in omics_local.calls("StartReadSetImportJob")} <= {"mine"}
    assert len(stored.jobs("import")) == 1


def test_a_look_up_that_is_denied_relies_on_the_token(stored, context, ti, omics_local, caplog):
    stored.importing("a").execute(context)
    next_try(ti)
    omics_local.fault("ListReadSetImportJobs", "error", code="AccessDeniedException")
    assert stored.importing("a").execute(context)["status"] == "COMPLETED"
    assert "The look-up of the read set import job is denied, only the clientToken is relied on" in caplog.text
    assert len(stored.jobs("import")) == 1


@pytest.mark.usefixtures("frozen")
def test_a_retry_that_may_not_get_its_job_says_that_it_goes_on(stored, context, ti, omics_local):
    deferred(stored.importing("a", deferrable=True), context)
    next_try(ti)
    for operation in ("ListReadSetImportJobs", "GetReadSetImportJob"):
        omics_local.fault(operation, "error", code="AccessDeniedException", probability=1)
    with pytest.raises(ReadSetJobWaitError, match=r"^Waiting for read set import job .*and the job goes on: .*Denied"):
        stored.importing("a").execute(context)
    assert len(stored.jobs("import")) == 1


def test_the_log_names_the_job_that_is_started_and_why(stored, context, ti, caplog):
    def told():
        """Return the lines on what was started, of this task alone."""
        words = ("First try", "No read set", "read set import job", "Started", "Reattached")
        lines = [line for line in caplog.messages if line.startswith(words)]
        caplog.clear()
        return lines

    caplog.set_level("INFO")
    with pytest.raises(ReadSetJobFailedError):
        stored.importing("a", "c").execute(context)
    first = f"read set import job {ti.xcom['job_id']} of sequence store {stored.id}"
    assert told() == ["First try: starting a read set import job", f"Started {first} SUBMITTED"]
    stored.arrive("c")
    next_try(ti)
    stored.importing("a", "c", wait_for_completion=True).execute(context)
    second = f"read set import job {ti.xcom['job_id']} of sequence store {stored.id}"
    assert second != first
    again, started = told()
    assert again.startswith(f"{first} COMPLETED_WITH_FAILURES")
    assert again.endswith(", before this try began: this try starts the next read set import job")
    assert started.startswith(f"Started {second} SUBMITTED")
    next_try(ti)
    stored.importing("a", "c").execute(context)
    [reattached] = told()
    assert reattached.startswith(f"Reattached to {second} COMPLETED")
    ti.max_tries += 1
    stored.importing("a", "c").execute(context)
    nothing = "No read set import job of an earlier try was found"
    assert told()[0] == f"{nothing}; if there is one, StartReadSetImportJob returns it"
