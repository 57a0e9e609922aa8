# SPDX-License-Identifier: Apache-2.0
"""ActivateOmicsReadSetsOperator while another job activates its read sets, one that may not be listed."""

import sys
import time
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_omics.exceptions import ReadSetJobRefusedError, ReadSetJobTimeoutError
from airflow_provider_omics.operators import activate_read_sets
from airflow_provider_omics.triggers.pause import OmicsPauseTrigger
from tests.operators.deferring import deferred, fired, resumed
from tests.operators.test_faults import ONCE


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


@pytest.fixture
def activating(stored, omics_local):
    """Return a function that makes an operator of a read set that is ACTIVATING, by no job that is listed."""
    [read_set] = stored.archived("a")
    omics_local.force_read_set(read_set, "ACTIVATING")
    return lambda **arguments: stored.activating(read_set, **arguments)


def test_in_its_worker_it_looks_as_often_as_it_takes(activating, context, omics_local, monkeypatch):
    operator, depths = activating(), []

    def sleep(_seconds):
        depths.append(stack_depth())
        if len(depths) == 20:
            omics_local.force_read_set(operator.sources[0], "ACTIVE")

    monkeypatch.setattr(activate_read_sets.time, "sleep", sleep)
    assert operator.execute(context)["read_set_ids"] == list(operator.sources)
    assert len(depths) == 20
    assert len(set(depths)) == 1, "each look would be nested in the one before"


def stack_depth():
    frame, depth = sys._getframe(), 0
    while frame := frame.f_back:
        depth += 1
    return depth


@pytest.mark.parametrize("deferrable", [True, False])
def test_it_looks_at_its_deadline(deferrable, activating, context):
    operator = activating(deferrable=deferrable, execution_timeout=timedelta(seconds=2))
    begun = time.time()
    with pytest.raises(ReadSetJobTimeoutError, match="still ACTIVATING after execution_timeout 0:00:02") as error:
        to_the_end(operator, context)
    assert time.time() >= begun + 1.8
    assert not isinstance(error.value, AirflowFailException)


def to_the_end(operator, context):
    """Execute an operator with all its deferrals."""
    try:
        return operator.execute(context)
    except TaskDeferred as first:
        deferral = first
    while True:
        try:
            return getattr(operator, deferral.method_name)(context, fired(deferral), **deferral.kwargs)
        except TaskDeferred as again:
            deferral = again


def test_a_pause_ends_with_the_deadline(activating, context):
    operator = activating(deferrable=True, execution_timeout=timedelta(seconds=20))
    deferral = deferred(operator, context)
    # It is given the seconds that were left, a moment ago.
    assert deferral.trigger.until == pytest.approx(deferral.kwargs["deadline"], abs=5)


@pytest.mark.parametrize("before", [0, 1], ids=["before there is a job", "when it has ended"])
@pytest.mark.parametrize("code", ["429", "503", "RequestTimeout"])
def test_faults_of_a_look_at_read_sets_are_borne(before, code, stored, context, omics_local):
    [read_set] = stored.archived("a")
    for _ in range(before):
        omics_local.fault("GetReadSetMetadata", "delay", seconds=0.0)
    omics_local.fault("GetReadSetMetadata", "error", code=code, times=4)
    operator = stored.activating(read_set, botocore_config=ONCE)
    assert operator.execute(context)["status"] == "COMPLETED"
    assert omics_local.faults() == []


def test_faults_of_the_look_for_another_job_are_borne(activating, context, omics_local):
    omics_local.fault("ListReadSetActivationJobs", "error", code="503", times=4)
    deferral = deferred(activating(deferrable=True, botocore_config=ONCE), context)
    assert isinstance(deferral.trigger, OmicsPauseTrigger)
    assert omics_local.faults() == []


@pytest.mark.parametrize("deferrable", [True, False])
def test_faults_before_there_is_a_job_are_borne_until_submit_timeout(deferrable, stored, context, omics_local):
    [read_set] = stored.archived("a")
    omics_local.fault("GetReadSetMetadata", "error", code="429", probability=1)
    arguments = {"deferrable": deferrable, "botocore_config": ONCE}
    with pytest.raises(ReadSetJobRefusedError, match="No read set activation job was started"):
        stored.activating(read_set, submit_timeout=0.1, **arguments).execute(context)
    if deferrable:  # Without a worker.
        assert isinstance(deferred(stored.activating(read_set, **arguments), context).trigger, OmicsPauseTrigger)
