# SPDX-License-Identifier: Apache-2.0
"""Arguments of a wrong type are refused before any call: where the DAG is parsed, or where the task begins."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, TaskDeferred

from airflow_provider_omics.compat import AIRFLOW_2
from airflow_provider_omics.exceptions import OmicsRequestError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.operators.activate_read_sets import ActivateOmicsReadSetsOperator
from airflow_provider_omics.operators.cancel import CancelOmicsRunOperator
from airflow_provider_omics.operators.delete import DeleteOmicsRunOperator
from airflow_provider_omics.operators.import_read_sets import ImportOmicsReadSetsOperator
from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.sensors.read_sets import OmicsReadSetImportSensor
from airflow_provider_omics.sensors.run import OmicsRunSensor
from airflow_provider_omics.triggers.events import OmicsEventTrigger

ROLE = "arn:aws:iam::123456789012:role/omics"
OF_TASKS = {
    CancelOmicsRunOperator: {},
    DeleteOmicsRunOperator: {"run_id": "1"},
    StartOmicsRunOperator: {"workflow_id": "1234567", "role_arn": ROLE, "output_uri": "s3://b"},
    ImportOmicsReadSetsOperator: {"sequence_store_id": "{{ x }}", "role_arn": ROLE, "sources": "{{ x }}"},
    ActivateOmicsReadSetsOperator: {"sequence_store_id": "{{ x }}", "sources": "{{ x }}"},
    OmicsRunSensor: {"run_id": "1"},
    OmicsReadSetImportSensor: {"sequence_store_id": "1", "job_id": "1"},
}
WAITING = [kind for kind in OF_TASKS if kind not in (CancelOmicsRunOperator, DeleteOmicsRunOperator)]
SUBMITTING = [StartOmicsRunOperator, ImportOmicsReadSetsOperator, ActivateOmicsReadSetsOperator]
RUNS = [CancelOmicsRunOperator, DeleteOmicsRunOperator, StartOmicsRunOperator, OmicsRunSensor]
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/events"
tasks = pytest.mark.parametrize("kind", OF_TASKS, ids=lambda kind: kind.__name__)


def make(kind, **arguments):
    return kind(task_id="t", **OF_TASKS[kind], **arguments)


@tasks
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"verify": 1.5}, "verify must be True, False or the path of a CA bundle, not 1.5"),
        ({"botocore_config": "x"}, "botocore_config must be a dict"),
        (
            {"botocore_config": {"proxies": {"http": Path("/x")}}},
            "botocore_config.proxies.http: PosixPath is not a JSON",
        ),
        ({"aws_conn_id": 5}, "aws_conn_id must be a string"),
        ({"region_name": 5}, "region_name must be a string"),
    ],
)
def test_a_wrong_type_fails_the_parse(kind, arguments, why):
    with pytest.raises(OmicsRequestError, match=f"{kind.__name__} t: {why}"):
        make(kind, **arguments)


@tasks
def test_a_path_and_a_template_are_taken_for_verify(kind):
    assert make(kind, verify=Path("/ca.pem")).hook_params.verify == "/ca.pem"
    assert make(kind, verify="{{ x }}").verify == "{{ x }}"
    assert "verify" in kind.template_fields


def test_a_template_may_render_to_true_or_false_for_verify():
    with DAG("templated", schedule=None) as dag:
        task = make(StartOmicsRunOperator, verify="{{ text }}")
    task.render_template_fields({"text": "False"}, dag.get_template_env())
    assert task.hook_params.verify is False


@pytest.mark.parametrize("kind", WAITING, ids=lambda kind: kind.__name__)
def test_a_poll_interval_is_a_timedelta_or_seconds(kind):
    assert make(kind, poll_interval=timedelta(minutes=1)).poll_interval == 60
    assert make(kind, poll_interval=5).poll_interval == 5
    assert make(kind).poll_interval is None
    for wrong in ("30s", 0, timedelta(0), -1, True):
        with pytest.raises(
            OmicsRequestError, match=r"poll_interval must be a timedelta or a number of seconds above 0"
        ):
            make(kind, poll_interval=wrong)


@pytest.mark.parametrize("kind", SUBMITTING, ids=lambda kind: kind.__name__)
def test_a_submit_timeout_is_a_timedelta_or_seconds(kind):
    assert make(kind, submit_timeout=3600).submit_timeout == timedelta(hours=1)
    assert make(kind, submit_timeout=0).submit_timeout == timedelta(0)
    for wrong in ("1h", -1, None):
        with pytest.raises(
            OmicsRequestError, match=r"submit_timeout must be a timedelta or a number of seconds of 0 or"
        ):
            make(kind, submit_timeout=wrong)


def test_a_watcher_takes_the_same():
    trigger = OmicsEventTrigger(queue_url=QUEUE, verify=Path("/ca.pem"), visibility_timeout=timedelta(minutes=2))
    kwargs = trigger.serialize()[1]
    assert (kwargs["verify"], kwargs["visibility_timeout"]) == ("/ca.pem", 120)
    # A number of its own would be another watcher to Airflow.
    whole = OmicsEventTrigger(queue_url=QUEUE, visibility_timeout=60.0).serialize()[1]["visibility_timeout"]
    assert type(whole) is int
    late = {"visibility_timeout": timedelta(seconds=60.5)}
    for wrong in ({"verify": 1}, {"botocore_config": []}, late, {"visibility_timeout": 60.5}):
        with pytest.raises(OmicsRequestError, match=f"{next(iter(wrong))} must be"):
            OmicsEventTrigger(queue_url=QUEUE, **wrong)


SWITCHES = [
    *((StartOmicsRunOperator, name) for name in ("airflow_tags", "cancel_on_kill", "fetch_outputs", "forward_logs")),
    *((kind, "wait_for_completion") for kind in SUBMITTING),
    *((kind, "deferrable") for kind in WAITING),
    (ImportOmicsReadSetsOperator, "airflow_tags"),
]


@pytest.mark.parametrize("value", ["{{ params.x }}", "false", None, 0], ids=str)
@pytest.mark.parametrize(("kind", "name"), SWITCHES, ids=lambda it: getattr(it, "__name__", it))
def test_a_switch_is_no_template(kind, name, value):
    with pytest.raises(OmicsRequestError, match=f"{name} must be True or False, and cannot be a template, not "):
        make(kind, **{name: value})


@pytest.fixture
def nothing_called(omics_local, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(omics_local.airflow_connection()))
    yield
    assert omics_local.counts() == {}


@pytest.mark.usefixtures("nothing_called")
@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"read_timeuot": 5}, "botocore_config: Got unexpected keyword argument 'read_timeuot'"),
        ({"retries": {"mode": "eager"}}, 'botocore_config: Invalid value provided to "mode": "eager"'),
        ({"retries": 5}, "botocore_config: "),
    ],
    ids=str,
)
def test_what_botocore_does_not_know_is_refused_before_any_call(deferrable, given, why, context):
    with pytest.raises(OmicsRequestError, match=why) as error:
        make(StartOmicsRunOperator, botocore_config=given, deferrable=deferrable).execute(context)
    assert isinstance(error.value, AirflowFailException)


@pytest.mark.usefixtures("nothing_called")
@pytest.mark.parametrize("kind", RUNS, ids=lambda kind: kind.__name__)
def test_no_task_calls_with_what_botocore_does_not_know(kind, context):
    given = {} if kind is StartOmicsRunOperator else {"run_id": "1"}
    operator = kind(task_id="t", **{**OF_TASKS[kind], **given}, botocore_config={"read_timeuot": 5})
    with pytest.raises(OmicsRequestError, match="unexpected keyword argument 'read_timeuot'"):
        operator.execute(context)


@pytest.mark.usefixtures("nothing_called")
@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
def test_what_was_rendered_to_a_wrong_type_is_refused_before_any_call(deferrable):
    with DAG("wrong", schedule=None) as dag:
        operator = make(StartOmicsRunOperator, verify="{{ x }}", deferrable=deferrable)
    operator.verify = 5  # As an XComArg may be resolved.
    with pytest.raises(OmicsRequestError, match="verify must be True, False or the path"):
        operator.render_template_fields({}, dag.get_template_env())


@pytest.mark.usefixtures("nothing_called")
@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
@pytest.mark.parametrize("name", ["aws_conn_id", "region_name", "verify"])
def test_what_is_empty_is_refused_before_any_call(name, native):
    with DAG("empty", schedule=None, render_template_as_native_obj=native) as dag:
        operator = make(StartOmicsRunOperator, **{name: "{{ x }}"})
    with pytest.raises(OmicsRequestError, match=f"{name} must not be empty: to leave it out, pass None"):
        operator.render_template_fields({"x": ""}, dag.get_template_env())


@pytest.mark.usefixtures("nothing_called")
@pytest.mark.parametrize(
    "broken",
    [
        {"poll_interval": object()},
        {"poll_interval": float("nan")},
        {"cancel_on_kill": object()},
        # Airflow 3 keeps such keys for its own objects.
        *([] if AIRFLOW_2 else [{"start_run_kwargs": {"__classname__": "x", "__version__": 1}}]),
    ],
    ids=str,
)
def test_what_airflow_cannot_store_is_refused_before_any_call(broken, context, monkeypatch):
    if "start_run_kwargs" in broken:  # The request is stored if the triggerer is to start the run.
        monkeypatch.setenv("AIRFLOW__OMICS__START_IN", "triggerer")
    operator = make(StartOmicsRunOperator, deferrable=True)
    for name, value in broken.items():
        setattr(operator, name, value)
    with pytest.raises(OmicsRequestError, match="Airflow cannot store the arguments of the trigger"):
        operator.execute(context)


def test_a_pair_of_files_stays_one(start_run, context, omics_local):
    omics_local.clock.freeze()
    with pytest.raises(TaskDeferred) as deferral:
        start_run(deferrable=True, botocore_config={"client_cert": ("/cert", "/key")}).execute(context)
    assert deferral.value.trigger.serialize()[1]["hook_params"]["botocore_config"] == {"client_cert": ("/cert", "/key")}
    assert OmicsHook(config={"client_cert": ["/cert", "/key"]})._config.client_cert == ("/cert", "/key")


def test_what_is_given_as_a_path_reaches_the_trigger_as_text(start_run, context, omics_local):
    omics_local.clock.freeze()
    with pytest.raises(TaskDeferred) as deferral:
        start_run(deferrable=True, verify=Path("/ca.pem")).execute(context)
    assert deferral.value.trigger.serialize()[1]["hook_params"]["verify"] == "/ca.pem"
