# SPDX-License-Identifier: Apache-2.0
"""Arguments of the operators that cancel and delete: what is refused, and what comes out as nothing."""

import json
from types import SimpleNamespace

import pytest

from airflow_provider_omics.exceptions import OmicsError, OmicsRequestError
from airflow_provider_omics.operators.cancel import CancelOmicsRunOperator
from airflow_provider_omics.operators.delete import DeleteOmicsRunOperator
from tests.operators.cancelling.conftest import statuses


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


def test_a_mapped_cancel_leaves_all_else_alone(started, run_dag, omics_local, monkeypatch):
    from airflow.providers.common.compat.sdk import DAG, task  # noqa: PLC0415 - a Dag is made here alone

    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(omics_local.airflow_connection()))
    by_task = started("a", "b")
    run, protected = by_task["a"], by_task["b"]
    with DAG("mapped_cancel", schedule=None) as dag:

        @task
        def ids():
            return [None, run["run_id"]]

        @task
        def uuids():
            return [None]

        CancelOmicsRunOperator.partial(task_id="cancel").expand(run_id=ids())
        CancelOmicsRunOperator.partial(task_id="by_uuid", run_id=protected["run_id"]).expand(uuid=uuids())
    assert run_dag(dag).state == "success"
    assert statuses(omics_local) == {"a": "STOPPING", "b": "PENDING"}


def test_task_ids_in_one_text_are_told(started, context, omics_local):
    started("a")
    with pytest.raises(OmicsRequestError, match="a task id; 'a, b' is not a task id"):
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


def test_ids_stay_text_under_native_rendering(started, context):
    from airflow.providers.common.compat.sdk import DAG  # noqa: PLC0415 - a Dag is made here alone

    context["ti"].run_id = "2026.10"
    started("a")
    context["ti"].run_id = "another"
    with DAG("native", schedule=None, render_template_as_native_obj=True) as dag:
        cancel = CancelOmicsRunOperator(task_id="cancel", airflow_run_id="{{ run }}")
    cancel.render_template_fields({"run": "2026.10"}, dag.get_template_env())
    assert len(cancel.execute(context)) == 1
