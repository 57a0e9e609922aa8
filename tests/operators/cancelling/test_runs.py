# SPDX-License-Identifier: Apache-2.0
"""Which runs are cancelled and deleted, by id and by whose they are, and what does not stand in the way."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_omics.cancellation import find
from airflow_provider_omics.exceptions import OmicsError
from airflow_provider_omics.operators.cancel import CancelOmicsRunOperator
from airflow_provider_omics.operators.delete import DeleteOmicsRunOperator
from airflow_provider_omics.operators.run import StartOmicsRunOperator
from tests.operators.cancelling.conftest import statuses


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
        ({"airflow_run_id": " manual__2026-01-01\n", "airflow_dag_id": "cohort "}, {"a", "b", "c"}),
        ({"airflow_dag_id": "cohort", "airflow_run_id": "manual__2026-01-01", "airflow_task_ids": ["b"]}, {"b"}),
    ],
    ids=str,
)
def test_runs_are_cancelled_by_whose_they_are(arguments, cancelled, started, context, omics_local):
    started("a", "b", "c")
    done = CancelOmicsRunOperator(task_id="cancel", **arguments).execute(context)
    assert len(done) == len(cancelled)
    assert {task for task, status in statuses(omics_local).items() if status == "STOPPING"} == cancelled


def test_an_ended_run_is_no_error(started, context, omics_local, monkeypatch):
    monkeypatch.setattr(find, "VISIBLE_SECONDS", 0)
    run = started("a")["a"]
    omics_local.force(run["run_id"], "COMPLETED")
    cancel = CancelOmicsRunOperator(task_id="cancel", run_id=run["run_id"], uuid=run["uuid"])
    assert cancel.execute(context)[0]["status"] == "COMPLETED"
    delete = DeleteOmicsRunOperator(task_id="delete", run_id=run["run_id"], uuid=run["uuid"])
    delete.execute(context)
    delete.execute(context)
    assert omics_local.counts().get("CancelRun", 0) == 0


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


@pytest.mark.usefixtures("briefly", "start_run")
@pytest.mark.parametrize("uuid", [None, "8a1d2f52-0000-4000-8000-000000000000"])
def test_a_run_that_is_not_found_fails_the_task(uuid, context, omics_local):
    cancel = CancelOmicsRunOperator(task_id="cancel", run_id="9999999", uuid=uuid)
    with pytest.raises(OmicsError, match="Run 9999999 not found in us-east-1: check run_id"):
        cancel.execute(context)
    assert omics_local.counts()["GetRun"] > 2


def test_a_run_that_is_not_visible_yet_is_waited_for(started, context, omics_local):
    run = started("a")["a"]
    omics_local.fault("GetRun", "error", code="ResourceNotFoundException", times=2)
    [done] = CancelOmicsRunOperator(task_id="cancel", run_id=run["run_id"]).execute(context)
    assert done["status"] == "STOPPING"


@pytest.mark.usefixtures("briefly")
def test_a_listed_run_that_is_not_visible_yet_is_waited_for(started, context, omics_local):
    started("a")
    omics_local.fault("GetRun", "error", code="ResourceNotFoundException", times=2)
    [done] = CancelOmicsRunOperator(task_id="cancel").execute(context)
    assert done["status"] == "STOPPING"


def test_the_account_is_read_once_for_all_tasks(started, context, omics_local):
    started("a", "b", "c")
    before = omics_local.counts()
    CancelOmicsRunOperator(task_id="cancel", airflow_task_ids=["a", "b", "c"]).execute(context)
    after = omics_local.counts()
    assert after["ListRuns"] - before.get("ListRuns", 0) == 4
    # One look at each, and one after each was cancelled.
    assert after["GetRun"] - before.get("GetRun", 0) == 6


@pytest.mark.usefixtures("briefly")
@pytest.mark.parametrize("minutes", [1, 20])
def test_a_run_that_is_too_new_to_be_seen_is_not_taken_for_deleted(minutes, started, context, ti, omics_local):
    """The Dag run that started it is younger than a run may be invisible."""
    run = started("a", "b")["a"]
    omics_local.force(run["run_id"], "DELETED")
    ti.xcom_pull = lambda task_ids, key: [run[key] for _ in task_ids]
    context["dag_run"].start_date = datetime.now(UTC) - timedelta(minutes=minutes)
    cancel = CancelOmicsRunOperator(task_id="cancel", airflow_task_ids=["a"])
    if minutes > 15:
        assert cancel.execute(context) == []
    else:
        with pytest.raises(OmicsError, match=rf"Run {run['run_id']} is not found: it may be too new"):
            cancel.execute(context)


def test_a_strangers_run_does_not_stand_in_the_way(started, context, omics_local):
    started("a", "b")
    omics_local.fault("GetRun", "error", code="AccessDeniedException", times=1)
    CancelOmicsRunOperator(task_id="cancel").execute(context)
    assert sorted(statuses(omics_local).values()) == ["PENDING", "STOPPING"]


def test_a_run_of_this_dag_run_that_may_not_be_looked_at_fails_the_task(started, context, ti, omics_local):
    """What the task has pushed is no stranger's."""
    pushed = started("a", "b")
    ti.xcom_pull = lambda task_ids, key: [pushed[task][key] for task in task_ids]
    omics_local.fault("GetRun", "error", code="AccessDeniedException", times=1)
    with pytest.raises(OmicsError, match=r"1 of 1 runs are cancelled; GetRun of run \d+ failed: .*AccessDenied"):
        CancelOmicsRunOperator(task_id="cancel", airflow_task_ids=["a", "b"]).execute(context)
    assert statuses(omics_local) == {"a": "PENDING", "b": "STOPPING"}


def test_what_could_not_be_cancelled_fails_the_task_after_all_else_is_done(started, context, omics_local):
    started("a", "b", "c")
    omics_local.fault("CancelRun", "error", code="AccessDeniedException", times=1)
    with pytest.raises(OmicsError, match=r"2 of 3 runs are cancelled; run .*AccessDenied"):
        CancelOmicsRunOperator(task_id="cancel").execute(context)
    assert sorted(statuses(omics_local).values()) == ["PENDING", "STOPPING", "STOPPING"]


def test_a_list_that_breaks_off_fails_the_task_after_what_was_found_is_cancelled(started, context, omics_local):
    started("a")
    omics_local.force(omics_local.runs()[0]["id"], "RUNNING")
    started("b")
    # PENDING is listed, STARTING is not.
    omics_local.fault("ListRuns", "delay", seconds=0.0, times=1)
    omics_local.fault("ListRuns", "error", code="AccessDeniedException", times=1)
    with pytest.raises(OmicsError, match="1 of 1 runs are cancelled; The account's active runs cannot all be listed"):
        CancelOmicsRunOperator(task_id="cancel").execute(context)
    assert statuses(omics_local) == {"a": "RUNNING", "b": "STOPPING"}


def test_a_run_that_is_too_new_to_be_listed_is_known_by_its_tasks_xcom(started, context, ti, omics_local):
    omics_local.switch(list_delay=900)
    pushed = started("a", "b")
    starts = SimpleNamespace(operator_class=StartOmicsRunOperator, task_id="a")
    context["dag"] = SimpleNamespace(tasks=[starts, SimpleNamespace(task_id="other")])
    ti.xcom_pull = lambda task_ids, key: [pushed[task][key] for task in task_ids]
    CancelOmicsRunOperator(task_id="cancel").execute(context)
    assert statuses(omics_local) == {"a": "STOPPING", "b": "PENDING"}


def test_a_run_is_cancelled_though_nobody_can_look_at_it_then(started, context, omics_local):
    run = started("a")["a"]
    omics_local.fault("GetRun", "delay", seconds=0.0)
    omics_local.fault("GetRun", "error", code="AccessDeniedException")
    [done] = CancelOmicsRunOperator(task_id="cancel", run_id=run["run_id"]).execute(context)
    assert (done["run_id"], done["status"]) == (run["run_id"], "STOPPING")
    assert statuses(omics_local) == {"a": "STOPPING"}


def test_an_xcom_that_names_no_run_does_not_stand_in_the_way(started, context, ti, omics_local):
    started("a")
    ti.xcom_pull = lambda task_ids, key: [f"{key} of {task}" for task in task_ids if task != "a"]
    with pytest.raises(OmicsError, match=r"1 of 1 runs are cancelled; GetRun of run run_id of other failed"):
        CancelOmicsRunOperator(task_id="cancel", airflow_task_ids=["a", "other"]).execute(context)
    assert statuses(omics_local) == {"a": "STOPPING"}


def test_xcoms_that_cannot_be_read_do_not_stand_in_the_way(started, context, ti, omics_local):
    """Airflow 3.4 does not answer to those of a task in a loop from outside."""
    started("a")

    def xcom_pull(**_):
        raise RuntimeError("A loop producer requires more")

    ti.xcom_pull = xcom_pull
    CancelOmicsRunOperator(task_id="cancel", airflow_task_ids="a").execute(context)
    assert statuses(omics_local) == {"a": "STOPPING"}


@pytest.mark.parametrize("listed", [True, False])
def test_runs_of_another_region_are_not_overlooked(listed, started, context, ti, omics_local):
    pushed = started("a", "b")
    pushed["b"]["arn"] = pushed["b"]["arn"].replace("us-east-1", "eu-west-1")
    if not listed:
        omics_local.switch(list_delay=900)
    ti.xcom_pull = lambda task_ids, key: [pushed[task][key] for task in task_ids]
    cancel = CancelOmicsRunOperator(task_id="cancel", airflow_task_ids=["a", "b"])
    with pytest.raises(OmicsError, match=r"1 of 1 runs are cancelled; .*: Run \d+ is in account \d+, Region eu-west-1"):
        cancel.execute(context)
    assert statuses(omics_local) == {"a": "STOPPING", "b": "PENDING"}
