# SPDX-License-Identifier: Apache-2.0
"""The engine's log, copied into the log of a task."""

import json
from contextlib import suppress

import pytest

from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.results import logs as module
from airflow_provider_omics.results.logs import EngineLog
from tests.operators.progress.ended import ended, until

GROUP = "/aws/omics/WorkflowLog"


ONE_ATTEMPT = {"retries": {"total_max_attempts": 1, "mode": "standard"}}


@pytest.fixture
def engine(told):
    """Return the lines of the engine that the task's log has."""
    return lambda: [text.removeprefix("engine | ") for _, text in told() if text.startswith("engine | ")]


@pytest.fixture
def write(omics_local):
    """Return a function that adds lines to the engine's log of a run, so many seconds after its creation."""
    client = omics_local.client("logs")

    def write(run, *lines, after=11.0):
        where = {"logGroupName": GROUP, "logStreamName": f"run/{run.id}/engine"}
        with suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_group(logGroupName=GROUP)
        with suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_stream(**where)
        moment = int((run.creation_time + after) * 1000)
        client.put_log_events(**where, logEvents=[{"timestamp": moment, "message": line} for line in lines])

    return write


def engine_log(run):
    return EngineLog(lambda: OmicsHook("aws_default", config=ONE_ATTEMPT), run)


def test_the_engines_log_comes_as_it_grows(waiting, running, write, engine, omics_local):
    omics_local.switch(logs=False)  # The endpoint writes nothing into it.
    waiting(forward_logs=True)
    write(running, "engine up")
    until(lambda: engine() == ["engine up"])
    write(running, "task one", "task two", after=12)
    until(lambda: engine() == ["engine up", "task one", "task two"])
    looks = len(omics_local.calls("GetRun"))
    until(lambda: len(omics_local.calls("GetRun")) >= looks + 3)
    assert engine() == ["engine up", "task one", "task two"]
    write(running, "the last word", after=13)
    omics_local.clock.advance(2000)
    until(lambda: engine()[-1:] == ["the last word"])


def test_nobody_gets_a_log_that_was_not_asked_for(running, start_run, context, write, told):
    write(running, "engine up")
    start_run(deferrable=True, fetch_outputs=False).execute_complete(context, RunEvent(ended(running)).serialize())
    assert told() == []


def test_a_deferred_tasks_worker_copies_the_engines_log_at_the_end(running, start_run, context, write, engine):
    write(running, "engine up", "engine down")
    operator = start_run(deferrable=True, fetch_outputs=False, forward_logs=True)
    operator.execute_complete(context, RunEvent(ended(running)).serialize())
    assert engine() == ["engine up", "engine down"]


def test_lines_of_other_runs_of_the_same_id_are_not_copied(running, write, engine):
    write(running, "of an older run", after=-3600)
    write(running, "mine", after=11)
    log = engine_log(running)
    log.copy(running)
    write(running, "mine, too", after=900)
    write(running, "of a younger run", after=4600)
    log.copy(ended(running))
    assert engine() == ["mine", "mine, too"]


@pytest.mark.parametrize("pages", [20, 0], ids=["read_through", "from_the_end"])
def test_lines_by_a_clock_that_is_a_little_wrong_are_copied(pages, running, write, engine, monkeypatch):
    monkeypatch.setattr(module, "_MAX_PAGES", pages)
    for after, line in {-310: "too early", -290: "first", 1290: "last", 1310: "too late"}.items():
        write(running, line, after=after)
    engine_log(running).copy(ended(running))
    assert [line for line in engine() if not line.startswith("…")] == ["first", "last"]


@pytest.mark.parametrize("pages", [20, 0])
def test_of_a_huge_log_the_end_is_copied(pages, running, write, engine, monkeypatch):
    monkeypatch.setattr(module, "_MAX_PAGES", pages)
    write(running, *(f"line {number}" for number in range(12_345)))
    engine_log(running).copy(ended(running))
    marker, *lines = engine()
    assert marker == f"… lines are left out here: all are in log stream run/{running.id}/engine"
    assert lines == [f"line {number}" for number in range(11_345, 12_345)]


def test_of_long_lines_the_end_is_copied(running, write, engine):
    write(running, *(f"{number} {'ü' * 5000}" for number in range(120)))
    engine_log(running).copy(ended(running))
    marker, *lines = engine()
    assert marker.startswith("… lines are left out here")
    assert 190_000 < sum(len(line.encode()) for line in lines) <= module.MAX_BYTES
    assert max(len(line.encode()) for line in lines) <= 2000
    assert lines[-1].startswith("119 ü")


def test_what_only_a_terminal_understands_is_not_copied(running, write, engine):
    write(running, "\x1b[2A\x1b[32m[ 50%]\x1b[39m align\x1b[K")
    engine_log(running).copy(ended(running))
    assert engine() == ["[ 50%] align"]


def test_a_log_that_grows_fast_is_copied_in_bounded_steps_and_whole(running, write, engine, monkeypatch):
    monkeypatch.setattr(module, "MAX_LINES", 10)
    log = engine_log(running)
    write(running, *(f"line {number}" for number in range(25)))
    steps = []
    for _ in range(4):
        log.copy(running)
        steps.append(len(engine()))
    assert steps == [10, 20, 25, 25]
    assert engine() == [f"line {number}" for number in range(25)]


@pytest.mark.parametrize("status", ["RUNNING", "COMPLETED"])
def test_a_log_that_is_not_there_is_no_warning(status, running, told):
    log = engine_log(running)
    log.copy(running)
    assert told() == []
    if status == "COMPLETED":
        log.copy(ended(running))
        assert told() == [("INFO", f"Run {running.id} has no engine log (stream run/{running.id}/engine)")]


def test_a_log_that_comes_late_is_copied(running, write, engine):
    log = engine_log(running)
    log.copy(running)
    write(running, "late")
    log.copy(running)
    assert engine() == ["late"]


def test_a_log_that_may_not_be_read_is_a_warning_once_and_not_asked_for_again(running, write, told, omics_local):
    write(running, "engine up")
    omics_local.fault("logs:GetLogEvents", "error", code="AccessDeniedException", message="not you")
    log = engine_log(running)
    for run in (running, running, ended(running)):
        log.copy(run)
    [(level, text)] = told()
    assert level == "WARNING"
    assert "not you" in text


@pytest.mark.parametrize("fault", ["ThrottlingException", "ServiceUnavailableException", "drop"])
def test_a_log_that_cannot_be_read_for_now_is_a_warning_once_and_asked_for_again(
    fault, running, write, told, engine, omics_local
):
    write(running, "engine up")
    kind = {"kind": "drop"} if fault == "drop" else {"kind": "error", "code": fault}
    omics_local.fault("logs:GetLogEvents", times=2, **kind)
    log = engine_log(running)
    for _ in range(3):
        log.copy(running)
    assert [level for level, _ in told()] == ["WARNING", "INFO"]
    assert engine() == ["engine up"]


def test_expired_credentials_are_renewed_and_no_line_is_copied_twice(running, write, engine, omics_local):
    made = []

    def new_hook():
        made.append(OmicsHook("aws_default", config=ONE_ATTEMPT))
        return made[-1]

    log = EngineLog(new_hook, running)
    write(running, "one")
    log.copy(running)
    omics_local.fault("logs:GetLogEvents", "error", code="ExpiredTokenException")
    log.copy(running)
    write(running, "two", after=12)
    log.copy(running)
    assert engine() == ["one", "two"]
    assert len(made) == 2


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
@pytest.mark.parametrize("deferred", [False, True])
def test_no_error_of_a_log_fails_a_task(deferred, code, running, start_run, context, omics_local):
    omics_local.fault("logs:GetLogEvents", "error", code=code, probability=1)
    omics_local.clock.advance(2000)
    operator = start_run(forward_logs=True, deferrable=deferred)
    if deferred:
        answer = operator.execute_complete(context, RunEvent(ended(running)).serialize())
    else:
        context["ti"].try_number = 2
        answer = operator.execute(context)
    assert answer["status"] == "COMPLETED"


def test_keys_that_are_replaced_do_not_end_the_copying(running, write, engine, omics_local, monkeypatch):
    write(running, "engine up")
    there = omics_local.airflow_connection()
    without = {name: value for name, value in there.items() if name not in ("login", "password")}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(without))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    log = engine_log(running)
    log.copy(running)
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(there))
    log.copy(running)
    assert engine() == ["engine up"]
