# SPDX-License-Identifier: Apache-2.0
"""Logs and outputs that are missing, denied, throttled, huge, nested or another run's: what the task makes of them."""

import json
import logging
import re

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.exceptions import RunFailedError, RunFailedForGoodError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.results import failed_tasks, outputs
from airflow_provider_omics.tasks.attempt_end import wait

GROUP = "/aws/omics/WorkflowLog"
FAILED = {"name": "call", "status": "FAILED", "failureReason": "OUT_OF_MEMORY_ERROR"}


@pytest.fixture
def omics(omics_local):
    """Let runs leave logs and outputs."""
    omics_local.switch(logs=True)
    omics_local.client("s3").create_bucket(Bucket="bucket")
    return omics_local


@pytest.fixture(params=[False, True], ids=["sync", "deferred"])
def finish(request, start_run, context):
    """Return a function that lets a task wait for its run, in its worker or deferred, and go on when it has ended."""

    def finish(before=lambda _run: None, **arguments):
        operator = start_run(deferrable=True, **arguments)
        with pytest.raises(TaskDeferred):
            operator.execute(context)
        hook, run = OmicsHook("aws_default"), operator.attempt.run
        while not run.ended:
            run = hook.get_run(run)
        before(run)
        if request.param:
            return operator.execute_complete(context, RunEvent(run).serialize())
        context["ti"].try_number = 2
        operator.deferrable = False
        return operator._finish(context, wait(operator.attempt, run))

    return finish


@pytest.fixture
def failure(finish, omics):
    """Return a function that lets a run fail and returns the lines of its task's error."""

    def failure(before=lambda _run: None, task=FAILED, **arguments):
        omics.script(status="FAILED", failureReason="RUN_TASK_FAILED", statusMessage="why", tasks=[task])
        with pytest.raises(RunFailedError) as caught:
            finish(before, **arguments)
        first, failed, *more = str(caught.value).splitlines()
        assert re.fullmatch(r"HealthOmics run \d+ FAILED: RUN_TASK_FAILED: why", first)
        assert failed.startswith("Failed task call (")
        assert len(str(caught.value).encode()) < 4096
        advice = next(number for number, line in enumerate(more) if line.startswith("Give the task more memory"))
        assert [link.partition(": ")[0] for link in more[advice + 1 :]] == [
            "HealthOmics run",
            "HealthOmics run log",
            "HealthOmics run outputs",
        ]
        return more[:advice]

    return failure


@pytest.fixture
def warnings(caplog):
    """Return the warnings of what reads logs and outputs."""
    names = {outputs.__name__, failed_tasks.__name__}
    return lambda: [it.getMessage() for it in caplog.records if it.levelno >= logging.WARNING and it.name in names]


# --- the failed task's log ---


def test_a_log_is_told(failure, warnings):
    assert failure(task={**FAILED, "log": ["reading", "Killed"]}) == [
        "Last lines of the log of task call:",
        "  reading",
        "  Killed",
    ]
    assert warnings() == []


def test_where_neither_a_tasks_log_nor_the_engines_is_there_the_runs_is_told(failure, warnings, monkeypatch):
    monkeypatch.setattr(failed_tasks, "engine_stream", lambda run: f"run/{run.id}/none")
    title, *lines = failure()
    assert title == "Last lines of the run log:"
    assert lines
    assert warnings() == []


@pytest.mark.parametrize(("code", "times"), [("AccessDeniedException", 1), ("ThrottlingException", 3)])
def test_a_log_that_cannot_be_read_is_a_warning(code, times, failure, warnings, omics):
    def deny(_run):
        omics.fault("logs:GetLogEvents", "error", code=code, message="not now", times=times)

    assert failure(deny, task={**FAILED, "log": ["Killed"]}) == []
    [warning] = warnings()
    assert "not now" in warning


def test_a_log_that_is_throttled_for_a_moment_is_told(failure, warnings, omics):
    def throttle(_run):
        omics.fault("logs:GetLogEvents", "error", code="ThrottlingException", times=2)

    assert failure(throttle, task={**FAILED, "log": ["Killed"]})[-1] == "  Killed"
    assert warnings() == []


def test_of_a_huge_log_the_end_is_told(failure):
    title, *lines = failure(task={**FAILED, "log": [f"{number} {'ü' * 400}" for number in range(5000)]})
    assert title == "Last lines of the log of task call:"
    numbers = [int(line.split()[0]) for line in lines]
    assert numbers == list(range(5000 - len(lines), 5000))
    assert len(lines) >= 5


def test_lines_of_other_runs_of_the_same_id_are_not_told(failure, omics):
    logs = omics.client("logs")

    def add_older(run):
        [task] = omics.client().list_run_tasks(id=run.id)["items"]
        moments = {"older": run.creation_time - 3600, "mine": run.creation_time, "younger": run.stop_time + 3600}
        events = [{"timestamp": int(moment * 1000), "message": whose} for whose, moment in moments.items()]
        where = {"logGroupName": GROUP, "logStreamName": f"run/{run.id}/task/{task['taskId']}"}
        logs.put_log_events(**where, logEvents=events)

    told = failure(add_older, task={**FAILED, "log": ["Killed"]})
    assert sorted(told[1:]) == ["  Killed", "  mine"]


def test_tasks_that_cannot_be_asked_for_are_told_by_name(finish, omics, warnings):
    omics.script(status="FAILED", failureReason="RUN_TASK_FAILED", statusMessage="why", tasks=[FAILED])
    omics.fault("GetRunTask", "error", code="AccessDeniedException", probability=1)
    with pytest.raises(RunFailedError) as caught:
        finish()
    assert re.fullmatch(r"Failed task call \(\d+\)", str(caught.value).splitlines()[1])
    assert "GetRunTask of task" in warnings()[0]


@pytest.mark.parametrize(("reason", "told"), [("SERVICE_ERROR", "A retry"), ("INPUT_URI_NOT_FOUND", "A clear")])
def test_with_a_cache_the_error_says_what_resumes_from_it(reason, told, finish, omics):
    cache = omics.client().create_run_cache(cacheS3Location="s3://bucket/cache", requestId="x")["id"]
    omics.script(status="FAILED", failureReason=reason, tasks=[])
    with pytest.raises(RunFailedError) as caught:
        finish(cache_id=cache)
    assert re.search(rf"^.*\. {told}( of the task)? resumes from the run cache\.$", str(caught.value), re.MULTILINE)


# --- the outputs ---

NESTED = {
    "w.struct": {"vcf": "s3://b/a.vcf", "index": {"tbi": "s3://b/a.tbi", "size": 7}},
    "w.map": {"NA12878": ["s3://b/1.bam", None]},
    "w.array": [["s3://b/x"], [], ["s3://b/y", "s3://b/z"]],
    "w.pair": {"left": True, "right": 1.5},
}


def test_nested_outputs_are_handed_on_as_they_are(finish, omics, ti):
    omics.script(outputs=NESTED)
    assert finish()["status"] == "COMPLETED"
    assert ti.xcom["outputs"] == NESTED


def test_outputs_that_are_not_there_are_a_warning(finish, omics, ti, warnings):
    omics.script()
    assert finish()["status"] == "COMPLETED"
    assert "outputs" not in ti.xcom
    [warning] = warnings()
    assert "no summary" in warning


def test_huge_outputs_are_marked(finish, omics, ti, warnings):
    omics.script(outputs={"w.vcfs": [f"s3://bucket/{number}.vcf" for number in range(10_000)]})
    answer = finish()
    assert f"read {answer['run_output_uri']}/logs/outputs.json" in ti.xcom["outputs"]["truncated"]
    assert len(json.dumps(ti.xcom["outputs"])) < 500
    assert warnings() == []


@pytest.mark.parametrize("code", ["AccessDenied", "SlowDown"])
def test_outputs_that_cannot_be_read_are_a_warning(code, finish, omics, ti, warnings):
    omics.script(outputs={"w.reads": 7})

    def deny(_run):
        omics.fault("s3:GetObject", "error", code=code, message="not yours", probability=1)

    assert finish(deny, botocore_config={"retries": {"total_max_attempts": 2}})["status"] == "COMPLETED"
    assert "outputs" not in ti.xcom
    [warning] = warnings()
    assert "not yours" in warning


# --- faults that pass ---


@pytest.mark.parametrize("operation", ["ListRunTasks", "GetRunTask"])
@pytest.mark.parametrize("code", ["503", "UnrecognizedClientException"])
def test_a_fault_that_passes_makes_no_failure_for_good(operation, code, finish, omics):
    """The run's own reason says only that a task failed: without the task's a retry would not be tried."""
    task = {**FAILED, "failureReason": "SERVICE_ERROR"}
    omics.script(status="FAILED", failureReason="RUN_TASK_FAILED", statusMessage="why", tasks=[task])

    def fault(_run):
        omics.fault(operation, "error", code=code, times=4)

    with pytest.raises(RunFailedError, match="SERVICE_ERROR") as caught:
        finish(fault)
    assert not isinstance(caught.value, RunFailedForGoodError)


def test_a_fault_that_passes_loses_no_outputs(finish, omics, ti):
    omics.script(outputs={"w.reads": 7})

    def fault(_run):
        omics.fault("s3:GetObject", "error", code="InternalError", times=4)

    once = {"retries": {"mode": "standard", "total_max_attempts": 1}}
    assert finish(fault, botocore_config=once)["status"] == "COMPLETED"
    assert ti.xcom["outputs"] == {"w.reads": 7}
