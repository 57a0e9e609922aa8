# SPDX-License-Identifier: Apache-2.0
"""Cancelling and deleting runs, by id and by whose they are."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.cancellation import find
from airflow_provider_omics.exceptions import OmicsError, OmicsRequestError
from airflow_provider_omics.operators.cancel import CancelOmicsRunOperator
from airflow_provider_omics.operators.delete import DeleteOmicsRunOperator
from airflow_provider_omics.operators.run import StartOmicsRunOperator


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
    for kind in (CancelOmicsRunOperator, DeleteOmicsRunOperator):
        for run_id in ("abc", "٣٢١", "1" * 19):
            with pytest.raises(OmicsRequestError, match=f"run_id must be digits, not '{run_id}'"):
                kind(task_id="end", run_id=run_id).execute({})


def test_a_uuid_is_the_runs_however_it_is_written(started, context):
    run = started("a")["a"]
    cancel = CancelOmicsRunOperator(task_id="cancel", run_id=run["run_id"], uuid=f" {run['uuid'].upper()}\n")
    assert [done["status"] for done in cancel.execute(context)] == ["STOPPING"]


@pytest.fixture
def briefly(monkeypatch):
    """Look for a run that is not visible for some seconds."""
    monkeypatch.setattr(find, "VISIBLE_SECONDS", 5.0)
    monkeypatch.setattr(find, "_AGAIN", 0.1)


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


@pytest.mark.parametrize("name", ["run_id", "airflow_run_id", "airflow_dag_id", "airflow_task_ids"])
@pytest.mark.parametrize("nothing", [None, "None", "", []])
def test_an_argument_that_comes_out_as_nothing_cancels_nothing(name, nothing, started, context, omics_local):
    """A mapped task's operator is made with the values that its arguments have come to."""
    started("a", "b")
    if nothing == [] and name != "airflow_task_ids":
        nothing = None
    assert CancelOmicsRunOperator(task_id="cancel", **{name: nothing}).execute(context) == []
    assert set(statuses(omics_local).values()) == {"PENDING"}


@pytest.mark.parametrize("text", ["a", '["a"]', ["a"], ("a",)], ids=str)
def test_task_ids_as_text(text, started, context, omics_local):
    started("a", "b")
    CancelOmicsRunOperator(task_id="cancel", airflow_task_ids=text).execute(context)
    assert statuses(omics_local) == {"a": "STOPPING", "b": "PENDING"}


def test_task_ids_that_are_no_list_are_told(context):
    with pytest.raises(OmicsRequestError, match="airflow_task_ids must be a list"):
        CancelOmicsRunOperator(task_id="cancel", airflow_task_ids="[a").execute(context)


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


def test_a_mapped_cancel_leaves_all_else_alone(started, run_dag, omics_local, monkeypatch):
    from airflow.providers.common.compat.sdk import DAG, task  # noqa: PLC0415 - a Dag is made here alone

    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(omics_local.airflow_connection()))
    run = started("a", "b")["a"]
    with DAG("mapped_cancel", schedule=None) as dag:

        @task
        def ids():
            return [None, run["run_id"]]

        CancelOmicsRunOperator.partial(task_id="cancel").expand(run_id=ids())
    assert run_dag(dag).state == "success"
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


def test_task_ids_in_one_text_are_told(started, context, omics_local):
    started("a")
    with pytest.raises(OmicsRequestError, match="which 'a, b' cannot be"):
        CancelOmicsRunOperator(task_id="cancel", airflow_task_ids="a, b").execute(context)
    assert statuses(omics_local) == {"a": "PENDING"}


@pytest.mark.parametrize("uuid", ["{{ x }}", "8a1d2f52-0000-4000-8000-000000000000"])
def test_a_uuid_alone_is_not_all_runs(uuid):
    with pytest.raises(OmicsRequestError, match="uuid needs run_id"):
        CancelOmicsRunOperator(task_id="cancel", uuid=uuid)


@pytest.mark.parametrize("rendered", ["", "None", None])
def test_a_uuid_that_renders_to_nothing_protects_no_run(rendered, started, context, omics_local):
    """The id may belong to another run by now."""
    run = started("a")["a"]
    cancel = CancelOmicsRunOperator(task_id="cancel", run_id=run["run_id"], uuid="{{ x }}")
    cancel.uuid = rendered
    assert cancel.execute(context) == []
    assert statuses(omics_local) == {"a": "PENDING"}
    omics_local.force(run["run_id"], "COMPLETED")
    delete = DeleteOmicsRunOperator(task_id="delete", run_id=run["run_id"], uuid="{{ x }}")
    delete.uuid = rendered
    delete.execute(context)
    assert statuses(omics_local) == {"a": "COMPLETED"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"airflow_task_ids": 5},
        {"airflow_task_ids": {"a": 1}},
        {"airflow_task_ids": True},
        {"airflow_task_ids": [["a"]]},
        {"airflow_task_ids": '{"a": 1}'},
        {"airflow_run_id": ["manual__2026-01-01"]},
        {"airflow_dag_id": 7},
        {"run_id": ["1234567"]},
        {"run_id": True},
    ],
    ids=str,
)
def test_arguments_of_another_type_are_told(arguments, started, context, omics_local):
    started("a")
    with pytest.raises(OmicsRequestError, match=rf"{next(iter(arguments))} must be"):
        CancelOmicsRunOperator(task_id="cancel", **arguments).execute(context)
    assert statuses(omics_local) == {"a": "PENDING"}


def test_a_task_id_that_the_dag_does_not_have_is_told_after_all_else_is_done(started, context, omics_local):
    """In a task group a task's id begins with that of the group."""
    started("group.a", "b")
    context["dag"] = SimpleNamespace(task_dict=dict.fromkeys(["group.a", "b"]), tasks=[])
    with pytest.raises(OmicsError, match=r"1 of 1 runs are cancelled; DAG cohort has no task 'a'"):
        CancelOmicsRunOperator(task_id="cancel", airflow_task_ids=["a", "b"]).execute(context)
    assert statuses(omics_local) == {"group.a": "PENDING", "b": "STOPPING"}


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


def test_ids_stay_text_under_native_rendering(started, context):
    from airflow.providers.common.compat.sdk import DAG  # noqa: PLC0415 - a Dag is made here alone

    context["ti"].run_id = "2026.10"
    started("a")
    context["ti"].run_id = "another"
    with DAG("native", schedule=None, render_template_as_native_obj=True) as dag:
        cancel = CancelOmicsRunOperator(task_id="cancel", airflow_run_id="{{ run }}")
    cancel.render_template_fields({"run": "2026.10"}, dag.get_template_env())
    assert len(cancel.execute(context)) == 1
