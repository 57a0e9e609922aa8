# SPDX-License-Identifier: Apache-2.0
"""Cancelling and deleting runs, by id and by whose they are."""

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.exceptions import OmicsError, OmicsRequestError
from airflow_provider_omics.operators.cancel import CancelOmicsRunOperator, DeleteOmicsRunOperator


@pytest.fixture
def started(start_run, context, ti, omics_local):
    """Start the runs of these tasks and return their XCom by task."""
    omics_local.clock.freeze()

    def start(*task_ids):
        by_task = {}
        for ti.task_id in task_ids:
            with pytest.raises(TaskDeferred):
                start_run(deferrable=True).execute(context)
            by_task[ti.task_id] = dict(ti.xcom)
        ti.task_id = "cancel"
        return by_task

    return start


def statuses(omics_local):
    return {run["tags"]["airflow:task_id"]: run["status"] for run in omics_local.runs()}


def test_a_run_is_cancelled_by_its_id(started, context, omics_local):
    run = started("a", "b")["a"]
    [done] = CancelOmicsRunOperator(task_id="cancel", run_id=run["run_id"]).execute(context)
    assert (done["run_id"], done["status"]) == (run["run_id"], "STOPPING")
    assert statuses(omics_local) == {"a": "STOPPING", "b": "PENDING"}


@pytest.mark.parametrize(
    ("arguments", "cancelled"),
    [
        ({}, {"a", "b", "c"}),
        ({"airflow_task_ids": ["a", "c"]}, {"a", "c"}),
        ({"airflow_run_id": "another"}, set()),
        ({"airflow_dag_id": "cohort", "airflow_run_id": "manual__2026-01-01", "airflow_task_ids": ["b"]}, {"b"}),
    ],
    ids=str,
)
def test_runs_are_cancelled_by_whose_they_are(arguments, cancelled, started, context, omics_local):
    started("a", "b", "c")
    done = CancelOmicsRunOperator(task_id="cancel", **arguments).execute(context)
    assert len(done) == len(cancelled)
    assert {task for task, status in statuses(omics_local).items() if status == "STOPPING"} == cancelled


def test_an_ended_or_missing_run_is_no_error(started, context, omics_local):
    run = started("a")["a"]
    omics_local.force(run["run_id"], "COMPLETED")
    cancel = CancelOmicsRunOperator(task_id="cancel", run_id=run["run_id"], uuid=run["uuid"])
    assert cancel.execute(context)[0]["status"] == "COMPLETED"
    delete = DeleteOmicsRunOperator(task_id="delete", run_id=run["run_id"], uuid=run["uuid"])
    delete.execute(context)
    delete.execute(context)
    assert cancel.execute(context)[0]["status"] == "DELETED"
    assert omics_local.counts().get("CancelRun", 0) == 0


@pytest.mark.parametrize("rendered", ["", "None", None])
def test_an_id_that_renders_to_nothing_cancels_nothing(rendered, started, context, omics_local):
    started("a")
    for operator in (
        CancelOmicsRunOperator(task_id="cancel", run_id="{{ x }}"),
        DeleteOmicsRunOperator(task_id="delete", run_id="{{ x }}"),
    ):
        operator.run_id = rendered
        assert not operator.execute(context)
    assert statuses(omics_local) == {"a": "PENDING"}


def test_another_run_that_has_taken_over_the_id_is_left_alone(started, context, omics_local):
    omics_local.switch(reuse_run_ids=True)
    run = started("a")["a"]
    omics_local.force(run["run_id"], "DELETED")
    assert started("b")["b"]["run_id"] == run["run_id"]
    CancelOmicsRunOperator(task_id="cancel", run_id=run["run_id"], uuid=run["uuid"]).execute(context)
    omics_local.force(run["run_id"], "COMPLETED")
    DeleteOmicsRunOperator(task_id="delete", run_id=run["run_id"], uuid=run["uuid"]).execute(context)
    assert omics_local.client().get_run(id=run["run_id"])["status"] == "COMPLETED"


def test_a_run_that_goes_on_is_not_deleted(started, context):
    run = started("a")["a"]
    with pytest.raises(OmicsError, match="only a run that has ended can be deleted, cancel it first"):
        DeleteOmicsRunOperator(task_id="delete", run_id=run["run_id"]).execute(context)


def test_bad_arguments_are_told():
    with pytest.raises(OmicsRequestError, match="give run_id, or the tasks"):
        CancelOmicsRunOperator(task_id="cancel", run_id="1", airflow_run_id="x")
    with pytest.raises(OmicsRequestError, match="run_id must be digits, not 'abc'"):
        DeleteOmicsRunOperator(task_id="delete", run_id="abc").execute({})
