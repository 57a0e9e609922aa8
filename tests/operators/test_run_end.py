# SPDX-License-Identifier: Apache-2.0
"""What a task tells of a failed run, and hands on of a completed one; S3 and CloudWatch Logs are the endpoint's."""

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_omics.aws import identity
from airflow_provider_omics.exceptions import RunFailedError, RunFailedForGoodError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.polling import faults
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.results import failed_tasks, outputs
from airflow_provider_omics.results.failures import CLASSES, RETRIED
from tests.operators.deferring import deferred, fired


@pytest.fixture
def traces(omics_local):
    """Let runs leave logs and outputs."""
    omics_local.switch(logs=True)
    omics_local.client("s3").create_bucket(Bucket="bucket")
    return omics_local


def fail(operator, context):
    with pytest.raises(RunFailedError) as caught:
        operator.execute(context)
    return caught.value


@pytest.mark.parametrize("reason", [*CLASSES, "A_NEW_REASON"])
def test_every_reason_ends_in_its_class(reason, start_run, context, omics_local):
    omics_local.script(status="FAILED", failureReason=reason, statusMessage="the message")
    error = fail(start_run(), context)
    assert isinstance(error, AirflowFailException) is (CLASSES.get(reason) not in RETRIED)
    assert str(error).splitlines()[0] == f"HealthOmics run {error.run.id} FAILED: {reason}: the message"


def test_the_failed_tasks_and_the_log_of_the_first_are_told(start_run, context, traces):
    tasks = [
        {"name": "align", "status": "COMPLETED"},
        {"name": "call", "status": "FAILED", "failureReason": "OUT_OF_MEMORY_ERROR", "log": ["reading", "Killed"]},
    ]
    traces.script(status="FAILED", failureReason="RUN_TASK_FAILED", tasks=tasks)
    error = fail(start_run(), context)
    [_, task, title, first, last, advice, *links] = str(error).splitlines()
    assert task.startswith("Failed task call (")
    assert "OUT_OF_MEMORY_ERROR" in task
    assert (title, first, last) == ("Last lines of the log of task call:", "  reading", "  Killed")
    assert advice.startswith("Give the task more memory")
    assert [link.split(":")[0] for link in links] == [
        "HealthOmics run",
        "HealthOmics run log",
        "HealthOmics run outputs",
    ]
    assert len(str(error).encode()) < 4096


@pytest.fixture
def once_elsewhere(traces, monkeypatch):
    """Return a function that has the connection lead to another account until a call has failed."""
    traces.switch(accounts={"other": "210987654321"})
    there = traces.airflow_connection()

    def lead(login):
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({**there, "login": login}))

    monkeypatch.setattr(faults, "back_off", lambda _faults: lead(there["login"]) or 0.01)
    monkeypatch.setattr(identity, "_accounts", {})
    return lambda: lead("other")


def test_no_failure_is_judged_from_another_account(once_elsewhere, start_run, context, traces):
    """Its tasks say that a retry may help, and there nobody knows of them."""
    tasks = [{"name": "call", "status": "FAILED", "failureReason": "SERVICE_ERROR"}]
    traces.script(status="FAILED", failureReason="RUN_TASK_FAILED", tasks=tasks)
    operator = start_run(deferrable=True)
    waiting = deferred(operator, context)
    event = fired(waiting)
    once_elsewhere()
    with pytest.raises(RunFailedError, match="Failed task call") as caught:
        operator.execute_complete(context, event, **waiting.kwargs)
    assert not isinstance(caught.value, AirflowFailException)


def test_no_outputs_are_lost_that_another_account_may_not_read(once_elsewhere, start_run, context, ti, traces):
    traces.script(outputs={"w.n": 7})
    operator = start_run(deferrable=True)
    waiting = deferred(operator, context)
    event = fired(waiting)
    traces.fault("s3:GetObject", "error", code="AccessDenied", times=1)
    once_elsewhere()
    operator.execute_complete(context, event, **waiting.kwargs)
    assert ti.xcom["outputs"] == {"w.n": 7}


@pytest.mark.parametrize("reason", ["WORKFLOW_RUN_FAILED", "IMPORT_FAILED", "WORKFLOW_VER_VALIDATION_FAILED", "NEW"])
def test_a_run_that_failed_without_a_task_shows_the_engines_log(reason, start_run, context, traces):
    lines = [f"line {i}" for i in range(40)] + ["\x1b[31mERROR ~ No such variable: reads\x1b[0m\n"]
    traces.script(status="FAILED", failureReason=reason, tasks=[], log=lines)
    error = fail(start_run(), context)
    [_, title, *shown, last, advice, link, _, _, _] = str(error).splitlines()
    assert title == "Last lines of the engine log:"
    assert shown[-1] == "  line 39"
    assert last == "  ERROR ~ No such variable: reads"
    assert len(shown) == 29
    assert ("review the engine log" in advice) is (reason == "WORKFLOW_RUN_FAILED")
    assert link.startswith("HealthOmics engine log: https://")
    assert link.endswith(f"run$252F{error.run.id}$252Fengine")
    assert len(str(error).encode()) < 4096


def test_without_an_engine_log_the_runs_log_is_shown(start_run, context, traces, monkeypatch):
    traces.script(status="FAILED", failureReason="IMPORT_FAILED", tasks=[])
    monkeypatch.setattr(failed_tasks, "engine_stream", lambda run: f"run/{run.id}/none")
    error = fail(start_run(), context)
    [_, title, line, advice, *links] = str(error).splitlines()
    assert (title, line) == ("Last lines of the run log:", f"  Run {error.run.id} is running")
    assert advice.startswith("Check the parameters")
    assert len(links) == 3


def test_without_its_own_log_a_failed_task_is_told_with_the_engines(start_run, context, traces):
    task = {"name": "call", "status": "FAILED", "failureReason": "CANNOT_START_CONTAINER_ERROR"}
    traces.script(status="FAILED", failureReason="RUN_TASK_FAILED", tasks=[task], log=["call: pulling the image"])
    [_, task, title, line, *_] = str(fail(start_run(), context)).splitlines()
    assert task.startswith("Failed task call (")
    assert (title, line) == ("Last lines of the engine log:", "  call: pulling the image")


def test_the_worker_says_what_happened_while_the_task_was_deferred(start_run, context, traces):
    tasks = [{"name": "call", "status": "FAILED", "log": ["Killed"]}]
    traces.script(status="FAILED", failureReason="RUN_TASK_FAILED", tasks=tasks)
    operator = start_run(deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(context)
    hook = OmicsHook("aws_default")
    run = operator.attempt.run
    while not run.ended:
        run = hook.get_run(run)
    with pytest.raises(RunFailedError, match="Killed"):
        operator.execute_complete(context, RunEvent(run).serialize())


@pytest.fixture
def ended(start_run, context, traces, monkeypatch):
    """Return a function that defers a task until its run has ended, with a connection that then no longer works."""

    def ended(status, **how):
        traces.script(status=status, tasks=[{"name": "call", "status": status}], **how)
        operator = start_run(deferrable=True)
        with pytest.raises(TaskDeferred):
            operator.execute(context)
        run = operator.attempt.run
        while not run.ended:
            run = OmicsHook("aws_default").get_run(run)
        extra = {"role_arn": "arn:aws:iam::123456789012:role/x", "assume_role_method": "by magic"}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": extra}))
        return operator, RunEvent(run).serialize()

    return ended


def test_a_connection_that_broke_makes_no_retry_of_a_failure_for_good(ended, context):
    operator, event = ended("FAILED", failureReason="OUT_OF_MEMORY_ERROR")
    with pytest.raises(RunFailedForGoodError, match="OUT_OF_MEMORY_ERROR"):
        operator.execute_complete(context, event)


def test_a_connection_that_broke_fails_no_completed_run(ended, context, ti):
    operator, event = ended("COMPLETED", outputs={"germline.reads": 7})
    assert operator.execute_complete(context, event)["status"] == "COMPLETED"
    assert "outputs" not in ti.xcom


@pytest.mark.parametrize("fault", ["AccessDeniedException", "ThrottlingException", "InternalServerException"])
def test_what_cannot_be_read_fails_nothing(fault, start_run, context, omics_local, caplog):
    omics_local.script(status="FAILED", failureReason="SERVICE_ERROR", statusMessage="x")
    omics_local.fault("ListRunTasks", "error", code=fault, probability=1)
    operator = start_run(botocore_config={"retries": {"total_max_attempts": 1}})
    assert "SERVICE_ERROR: x" in str(fail(operator, context))
    assert "cannot be listed" in caplog.text


def test_named_outputs_are_handed_on(start_run, context, ti, traces):
    traces.script(outputs={"germline.vcf": {"file": "a.vcf", "text": "##"}, "germline.reads": 7})
    answer = start_run().execute(context)
    vcf = f"{answer['run_output_uri']}/out/vcf/a.vcf"
    assert ti.xcom["outputs"] == {"germline.vcf": vcf, "germline.reads": 7}
    files = OmicsHook("aws_default").output_files(answer["run_output_uri"])
    assert sorted(files) == [
        f"{answer['run_output_uri']}/{key}" for key in ("logs/engine.log", "logs/outputs.json")
    ] + [vcf]


@pytest.mark.parametrize(
    ("prefix", "keys"), [("", ["a", "run/b", "runs/c"]), ("/", ["a", "run/b", "runs/c"]), ("/run", ["run/b"])]
)
def test_files_are_listed_of_the_runs_own_folder(prefix, keys, start_run, omics_local):
    start_run()
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="whole")
    for key in ("a", "run/b", "runs/c"):
        s3.put_object(Bucket="whole", Key=key)
    assert OmicsHook("aws_default").output_files(f"s3://whole{prefix}") == [f"s3://whole/{it}" for it in keys]


def test_outputs_need_not_be_fetched(start_run, context, ti, traces):
    traces.script(outputs={"germline.reads": 7})
    start_run(fetch_outputs=False).execute(context)
    assert "outputs" not in ti.xcom


@pytest.mark.usefixtures("traces")
def test_outputs_that_are_not_there_are_a_warning(start_run, context, ti, caplog):
    answer = start_run().execute(context)
    assert answer["status"] == "COMPLETED"
    assert "outputs" not in ti.xcom
    assert [it.message for it in caplog.records if it.levelname == "WARNING" and "outputs" in it.message] == [
        f"Run {answer['run_id']} has no summary of its outputs in {answer['run_output_uri']}/logs"
    ]


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("output.json", '{"w.x": 1}', {"w.x": 1}),
        ("outputs.json", "no JSON", None),
        ("outputs.json", "[1]", {"outputs": [1]}),
        ("outputs.json", '{"w.x": NaN, "w.y": [-Infinity]}', {"w.x": "NaN", "w.y": ["-Infinity"]}),
        ("outputs.json", "[" * 20_000, None),
        ("outputs.json", "[" * 250 + "]" * 250, None),
        ("outputs.json", '{"w.x": 18446744073709551616}', None),
        ("outputs.json", '{"w.x": "\\ud800"}', None),
        ("outputs.json", '{"w.x": "\\u0000"}', None),
        ("outputs.json", json.dumps({"w.x": "y" * 50_000}), "truncated"),
    ],
)
def test_summaries_of_every_kind(name, text, named, start_run, context, traces):
    operator = start_run(wait_for_completion=False)
    answer = operator.execute(context)
    run = Run(answer["run_id"], answer["uuid"], answer["arn"], answer["run_output_uri"], "COMPLETED")
    key = f"{run.output_uri.removeprefix('s3://bucket/')}/logs/{name}"
    traces.client("s3").put_object(Bucket="bucket", Key=key, Body=text.encode())
    found = outputs.outputs(OmicsHook("aws_default"), run)
    assert found == named or (named == "truncated" and f"s3://bucket/{key}" in found["truncated"])
