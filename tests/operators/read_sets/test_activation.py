# SPDX-License-Identifier: Apache-2.0
"""ActivateOmicsReadSetsOperator: what is activated, told and tried again."""

import re

import pytest

from airflow_provider_omics.exceptions import OmicsRequestError, ReadSetJobFailedError
from tests.operators.deferring import deferred, fired, next_try, resumed


def one_fails(stored, good, bad, context, omics_local):
    """Return the deferral of a task that activates two read sets, of which one fails."""
    omics_local.clock.freeze()
    deferral = deferred(stored.activating(good, bad, deferrable=True), context)
    omics_local.force_read_set(bad, "PROCESSING_UPLOAD")
    omics_local.clock.advance(1)
    omics_local.force_read_set(bad, "ARCHIVED")
    omics_local.clock.resume()
    return deferral


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


@pytest.mark.parametrize("repeated", ["replay", "conflict"])
def test_a_retry_activates_what_is_left_of_jobs_that_no_list_shows(repeated, stored, context, ti, omics_local):
    omics_local.switch(request_id_other_input=repeated)
    omics_local.fault("ListReadSetActivationJobs", "error", code="AccessDeniedException", probability=1)
    good, bad = stored.archived("a", "b")
    deferral = one_fails(stored, good, bad, context, omics_local)
    with pytest.raises(ReadSetJobFailedError):
        resumed(stored.activating(good, bad), context, deferral)
    next_try(ti)
    assert stored.activating(good, bad).execute(context)["read_set_ids"] == [good, bad]
    assert [job["request"]["sources"] for job in stored.jobs("activation")][1:] == [[{"readSetId": bad}]]


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_read_set_that_fails_is_told_and_a_retry_activates_it(deferrable, stored, context, ti, omics_local):
    good, bad = stored.archived("a", "b")
    deferral = one_fails(stored, good, bad, context, omics_local)
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


def test_a_read_set_that_is_archived_when_its_job_has_completed_is_no_success(stored, context, ti, omics_local):
    ids = stored.archived("a", "b")
    operator = stored.activating(*ids, deferrable=True)
    deferral = deferred(operator, context)
    event = fired(deferral)
    omics_local.force_read_set(ids[1], "ARCHIVED")
    with pytest.raises(ReadSetJobFailedError, match=r"COMPLETED: .*\n1 of the read sets are active"):
        operator.execute_complete(context, event, **deferral.kwargs)
    assert ti.xcom["read_set_ids"] == ids[:1]


def test_what_has_no_reads_is_refused_before_any_job(stored, context, omics_local):
    good, bad = stored.archived("a", "b")
    omics_local.force_read_set(bad, "DELETING")
    with pytest.raises(OmicsRequestError, match=re.escape(f"{bad} is DELETING, 1111111111 does not exist")):
        stored.activating(good, bad, "1111111111").execute(context)
    assert stored.jobs("activation") == []
