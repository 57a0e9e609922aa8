# SPDX-License-Identifier: Apache-2.0
"""What was given and came out as None: left out where that is harmless, else refused before any call."""

from __future__ import annotations

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG, XComArg, task

from airflow_provider_omics.exceptions import OmicsRequestError
from airflow_provider_omics.operators.delete import DeleteOmicsRunOperator
from airflow_provider_omics.operators.import_read_sets import ImportOmicsReadSetsOperator
from airflow_provider_omics.operators.run import StartOmicsRunOperator

ROLE = "arn:aws:iam::123456789012:role/omics"
LEAST = {"workflow_id": "1234567", "role_arn": ROLE, "output_uri": "s3://bucket/runs"}
LEFT_OUT = ("name", "priority", "tags", "log_level", "storage_capacity")
REFUSED = (
    "session_policy",
    "request_id",
    "parameters",
    "parameters_uri",
    "requester_pays_enabled",
    "cache_id",
    "role_arn",
)


class Literal(XComArg):
    """What an upstream task pushed, without a database to push it to."""

    def __init__(self, value):
        self.value = value

    def resolve(self, context, *_, **__):  # noqa: ARG002 - Airflow's signature
        return self.value

    def iter_references(self):
        return iter(())


@pytest.fixture(params=[False, True], ids=["text", "native"])
def rendered(request):
    """Return a function that renders an operator with its arguments."""

    def render(kind=StartOmicsRunOperator, **arguments):
        start = pendulum.datetime(2026, 1, 1, tz="UTC")
        with DAG("none", start_date=start, schedule=None, render_template_as_native_obj=request.param) as dag:
            operator = kind(task_id="run", **arguments)
        operator.render_template_fields({"x": None, "params": {}}, dag.get_template_env())
        return operator

    return render


NOTHING = ["{{ x }}", " {{ x }}\n", "{% if x %}{{ x }}{% else %}None{% endif %}", Literal(None)]


@pytest.mark.parametrize("nothing", NOTHING, ids=str)
@pytest.mark.parametrize("argument", LEFT_OUT)
def test_what_is_harmless_is_left_out_with_a_line_in_the_log(argument, nothing, rendered, capsys):
    operator = rendered(**LEAST, **{argument: nothing})
    assert set(operator._build_request()) == {"workflowId", "roleArn", "outputUri"}
    assert capsys.readouterr().out.count(f"Left out, as rendered to None: {argument}") == 1
    assert getattr(operator, argument) is None


@pytest.mark.parametrize("nothing", NOTHING, ids=str)
@pytest.mark.parametrize("argument", REFUSED)
def test_anything_else_is_refused(argument, nothing, rendered):
    with pytest.raises(OmicsRequestError) as error:
        rendered(**{**LEAST, argument: nothing})._build_request()
    sentence = f"{argument} rendered to None: leave the argument out, or give a value"
    assert str(error.value) == f"StartOmicsRunOperator run: {sentence}"


def test_start_run_kwargs_and_documents_of_json_are_no_exception(rendered):
    with pytest.raises(OmicsRequestError, match="start_run_kwargs rendered to None"):
        rendered(**LEAST, start_run_kwargs="{{ x }}")._build_request()
    with pytest.raises(OmicsRequestError, match="parameters rendered to None"):
        rendered(**LEAST, parameters="{{ x | tojson }}")._build_request()


def test_all_is_told_at_once(rendered):
    with pytest.raises(OmicsRequestError) as error:
        rendered(
            **{**LEAST, "cache_id": "{{ x }}", "session_policy": "{{ x }}", "workflow_id": "{{ 'a' }}"}
        )._build_request()
    assert str(error.value).split(": ", 1)[1].split("; ") == [
        "cache_id rendered to None: leave the argument out, or give a value",
        "session_policy rendered to None: leave the argument out, or give a value",
        "workflow_id must match [0-9]+, not 'a'",
    ]


def test_what_is_written_stays_what_it_is(rendered):
    written = dict.fromkeys((*LEFT_OUT, "session_policy", "cache_id"))
    assert set(rendered(**LEAST, **written)._build_request()) == {"workflowId", "roleArn", "outputUri"}
    assert rendered(**LEAST, name="None")._build_request()["name"] == "None"
    assert rendered(**LEAST, name="run of {{ x }}")._build_request()["name"] == "run of None"
    assert rendered(**LEAST, parameters={"a": None, "b": ["{{ 1 }}"]})._build_request()["parameters"]["a"] is None


@pytest.mark.parametrize("argument", ["aws_conn_id", "region_name", "verify"])
@pytest.mark.parametrize("kind", [StartOmicsRunOperator, DeleteOmicsRunOperator])
def test_a_connection_argument_is_refused_too(argument, kind, rendered, omics_local):
    given = LEAST if kind is StartOmicsRunOperator else {"run_id": "1"}
    with pytest.raises(
        OmicsRequestError, match=f"{argument} rendered to None: leave the argument out, or give a value"
    ):
        rendered(kind, **given, **{argument: "{{ x }}"})
    assert omics_local.counts() == {}
    assert rendered(kind, **given, **{argument: None}).hook_params


@pytest.mark.parametrize("argument", ["client_token", "role_arn", "sources", "sequence_store_id"])
def test_a_read_set_job_has_no_argument_that_may_be_none(argument, rendered):
    source = {"sourceFiles": {"source1": "s3://bucket/x"}, "sourceFileType": "BAM", "subjectId": "a", "sampleId": "b"}
    given = {"sequence_store_id": "1234567890", "role_arn": ROLE, "sources": [source]}
    assert rendered(ImportOmicsReadSetsOperator, **given, client_token=None).build_request()
    with pytest.raises(OmicsRequestError) as error:
        rendered(ImportOmicsReadSetsOperator, **{**given, argument: "{{ x }}"}).build_request()
    sentence = f"{argument} rendered to None: leave the argument out, or give a value"
    assert str(error.value) == f"ImportOmicsReadSetsOperator run: {sentence}"


# --- mapped tasks, whose constructor sees what came out ---


@task
def of_upstream(values):
    """Hand on values, as an XCom."""
    return values


@pytest.fixture
def run_mapped(run_dag, aws_default):
    """Return a function that runs mapped tasks and tells their states, their errors, and which runs were started."""
    aws_default.workflow(id="1234567")
    aws_default.switch(speed=500)

    def run(expand, **partial):
        errors = []
        with DAG("none_mapped", schedule=None) as dag:
            expand(
                StartOmicsRunOperator.partial(
                    task_id="run",
                    poll_interval=0.05,
                    on_failure_callback=lambda context: errors.append(str(context["exception"])),
                    **{**LEAST, **partial},
                )
            )
        tasks = sorted((it for it in run_dag(dag, ends=None).tasks if it.task_id == "run"), key=lambda it: it.map_index)
        return [str(it.state) for it in tasks], errors, [run["request"] for run in aws_default.runs()]

    return run


def test_a_name_of_none_from_upstream_is_left_out(run_mapped):
    states, errors, requests = run_mapped(
        lambda operator: operator.expand(name=of_upstream(["a", None])), cache_id=None
    )
    assert (states, errors) == (["success", "success"], [])
    names = {request["name"] for request in requests}
    assert "a" in names
    assert not names & {"None", None}


def test_a_policy_of_none_from_upstream_is_refused(run_mapped):
    policies = [{"Version": "2012-10-17"}, None]
    states, [error], [request] = run_mapped(lambda operator: operator.expand(session_policy=of_upstream(policies)))
    assert states == ["success", "failed"]
    assert error.endswith(": session_policy rendered to None: leave the argument out, or give a value")
    assert "sessionPolicy" in request


def test_what_is_written_into_expand_may_be_none(run_mapped):
    states, errors, requests = run_mapped(lambda operator: operator.expand(session_policy=[None, None]))
    assert (states, errors, len(requests)) == (["success", "success"], [], 2)


def test_expand_kwargs_is_no_exception(run_mapped):
    given = [{"session_policy": None}, {"name": None}, {"priority": 3}]
    states, [error], requests = run_mapped(lambda operator: operator.expand_kwargs(of_upstream(given)), cache_id=None)
    assert states == ["failed", "success", "success"]
    assert "session_policy rendered to None" in error
    assert len(requests) == 2
    states, errors, _ = run_mapped(lambda operator: operator.expand_kwargs(given))
    assert (states, errors) == (["success", "success", "success"], [])
