# SPDX-License-Identifier: Apache-2.0
"""What becomes of a run whose task is killed in its worker, and of a StartRun that is under way then."""

import threading
import time
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowTaskTimeout

from airflow_provider_omics.cancellation import worker
from airflow_provider_omics.exceptions import OmicsError, RunTimeoutError
from airflow_provider_omics.hooks import omics
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.tasks import attempt_end
from tests.operators.deferring import deferred


@pytest.fixture
def state(monkeypatch):
    """Say in which state Airflow has the task; a slow machine is given time to cancel."""
    monkeypatch.setattr(attempt_end, "KILL_SECONDS", 60)

    def say(state, *, current=True):
        monkeypatch.setattr(worker, "task_states", lambda _tis: [state])
        monkeypatch.setattr(worker, "is_current_try", lambda _ti: current)

    return say


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("by", ["failed", "success", "skipped", "removed", "restarting"])
def test_a_person_cancels_the_run(by, state, start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    state(by)
    operator.on_kill()
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    "by", ["running", "queued", "scheduled", "deferred", "up_for_retry", "up_for_reschedule", None]
)
def test_a_machine_that_goes_away_does_not(by, state, start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    state(by)
    operator.on_kill()
    assert "CancelRun" not in omics_local.counts()


@pytest.mark.usefixtures("frozen")
def test_where_airflow_does_not_say_the_run_is_left_alone(start_run, context, monkeypatch, omics_local):
    def unreachable(_tis):
        raise RuntimeError("the API server is gone")

    monkeypatch.setattr(worker, "task_states", unreachable)
    operator = start_run(deferrable=True)
    deferred(operator, context)
    operator.on_kill()
    assert "CancelRun" not in omics_local.counts()


@pytest.mark.usefixtures("frozen")
def test_a_kill_can_leave_the_run_alone(state, start_run, context, omics_local):
    operator = start_run(deferrable=True, cancel_on_kill=False)
    deferred(operator, context)
    state("failed")
    operator.on_kill()
    assert "CancelRun" not in omics_local.counts()


@pytest.mark.usefixtures("frozen")
def test_a_kill_of_an_ended_run_is_no_error(state, start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    state("failed")
    omics_local.force(operator.attempt.run.id, "COMPLETED")
    operator.on_kill()
    assert omics_local.runs()[0]["status"] == "COMPLETED"


@pytest.mark.usefixtures("frozen")
def test_a_throttled_cancel_is_tried_again(state, start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    state("failed")
    omics_local.fault("CancelRun", "error", code="ThrottlingException", times=3)
    operator.on_kill()
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
def test_a_cancel_that_is_denied_is_told(state, start_run, context, omics_local, caplog):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    state("failed")
    omics_local.fault("CancelRun", "error", code="AccessDeniedException")
    operator.on_kill()
    assert f"run {operator.attempt.run.id} is not cancelled and may go on: An error occurred" in caplog.text


@pytest.mark.usefixtures("frozen")
def test_a_start_that_answers_after_the_kill_is_settled_too(state, start_run, context, monkeypatch, omics_local):
    operator = start_run(deferrable=True)
    state("failed")

    def start(hook, request):
        # The kill finds nothing as long as the request is on its way, and gives up.
        with monkeypatch.context() as patch:
            patch.setattr(attempt_end, "KILL_SECONDS", 0)
            operator.on_kill()
        assert omics_local.runs() == []
        return start_run_of_hook(hook, request)

    start_run_of_hook = omics.OmicsHook.start_run
    monkeypatch.setattr(omics.OmicsHook, "start_run", start)
    deferred(operator, context)
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
def test_a_start_that_answers_when_the_kill_has_given_up_is_settled_too(
    state, start_run, context, omics_local, monkeypatch
):
    monkeypatch.setattr(attempt_end, "KILL_SECONDS", 0.5)
    omics_local.switch(list_delay=900)
    operator = start_run(deferrable=True)
    state("failed")
    real_start, given_up = OmicsHook.start_run, threading.Event()

    def start_slowly(hook, request):
        answer = real_start(hook, request)
        assert given_up.wait(30)
        return answer

    monkeypatch.setattr(OmicsHook, "start_run", start_slowly)

    def kill():
        while not omics_local.runs():
            time.sleep(0.05)
        operator.on_kill()
        given_up.set()

    killing = threading.Thread(target=kill)
    killing.start()
    deferred(operator, context)
    killing.join()
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
def test_a_start_that_never_answers_is_not_taken_for_an_older_one(state, start_run, context, ti, omics_local):
    deferred(start_run(deferrable=True), context)
    omics_local.force(ti.xcom["run_id"], "FAILED")
    omics_local.clock.advance(60)
    omics_local.switch(list_delay=1, speed=1)
    operator = start_run(submit_timeout=timedelta(0))
    state("failed")
    ti.try_number = 2
    omics_local.fault("StartRun", "lost", times=1)
    with pytest.raises(Exception, match="Connection"):
        operator.execute(context)
    looked = omics_local.counts()["ListRuns"]

    def list_it_after_a_look():
        while omics_local.counts()["ListRuns"] == looked:
            time.sleep(0.05)
        omics_local.clock.advance(2)

    listing = threading.Thread(target=list_it_after_a_look)
    listing.start()
    operator.on_kill()
    listing.join()
    assert [run["status"] for run in omics_local.runs()] == ["FAILED", "STOPPING"]


@pytest.mark.usefixtures("frozen")
def test_a_kill_past_the_deadline_cancels(state, start_run, context, omics_local):
    """Airflow's own time-out kills a task that is still running: our clock knows why."""
    operator = start_run(deferrable=True, execution_timeout=timedelta(hours=1))
    deferred(operator, context)
    state("running")
    operator.attempt.deadline = time.time() - 1
    operator.on_kill()
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
def test_airflows_time_out_is_one_whatever_our_clock_says(state, start_run, context, omics_local):
    """Airflow's clock began before ours, and ours may have been set back."""
    operator = start_run(deferrable=True, execution_timeout=timedelta(hours=1))
    deferred(operator, context)
    state("running")
    try:
        raise AirflowTaskTimeout  # noqa: TRY301 - as Airflow does
    except AirflowTaskTimeout:
        operator.on_kill()
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.timeout(120)  # A worker that waits on does so for ever.
@pytest.mark.usefixtures("frozen")
def test_the_deadline_of_a_task_whose_dag_run_was_deleted_cancels(state, start_run, context, omics_local):
    operator = start_run(execution_timeout=timedelta(seconds=1))
    state("removed", current=False)
    with pytest.raises(RunTimeoutError, match="cancelled"):
        operator.execute(context)
    assert omics_local.counts()["CancelRun"] == 1


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(("by", "current"), [("running", False), ("deferred", False), ("up_for_retry", True)])
def test_a_worker_that_stood_still_leaves_the_run_to_the_next_try(by, current, state, start_run, context, omics_local):
    operator = start_run(execution_timeout=timedelta(hours=1), deferrable=True)
    deferred(operator, context)
    state(by, current=current)
    operator.attempt.deadline = time.time() - 1
    operator.on_kill()
    assert "CancelRun" not in omics_local.counts()
    ending = threading.Timer(1, omics_local.force, [operator.attempt.run.id, "COMPLETED"])
    ending.start()
    # An error would end the later try on 2.11.
    assert attempt_end.wait(operator.attempt, operator.attempt.run).succeeded
    ending.join()
    assert "CancelRun" not in omics_local.counts()


@pytest.mark.usefixtures("frozen")
def test_a_start_that_never_answers_is_looked_up(state, start_run, context, omics_local):
    operator = start_run(submit_timeout=timedelta(0))
    state("failed")
    omics_local.fault("StartRun", "lost", times=1)
    with pytest.raises(Exception, match="Connection"):
        operator.execute(context)
    operator.on_kill()
    assert omics_local.runs()[0]["status"] == "STOPPING"


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("start_in", ["worker", "triggerer"])
@pytest.mark.parametrize("by", ["failed", "up_for_retry"])
def test_a_retry_that_is_killed_before_it_has_looked_knows_of_the_run(
    by, start_in, state, start_run, context, ti, monkeypatch, omics_local
):
    deferred(start_run(deferrable=True), context)
    ti.try_number, ti.xcom = 2, {}
    monkeypatch.setenv("AIRFLOW__OMICS__START_IN", start_in)
    state(by)
    operator = start_run(deferrable=True)
    build = operator._build_request

    def killed_meanwhile():
        if not operator.killed:
            operator.on_kill()
            raise AirflowException("as Airflow 2 does")
        return build()

    monkeypatch.setattr(operator, "_build_request", killed_meanwhile)
    with pytest.raises(AirflowException, match="as Airflow 2 does"):
        operator.execute(context)
    assert [run["status"] for run in omics_local.runs()] == ["STOPPING" if by == "failed" else "PENDING"]


@pytest.mark.usefixtures("frozen")
def test_a_first_try_that_is_killed_before_it_has_looked_asks_nothing(state, start_run, context, omics_local):
    operator = start_run(deferrable=True)
    operator._begin(context)
    state("failed")
    operator.on_kill()
    assert omics_local.counts() == {}


@pytest.mark.usefixtures("frozen")
def test_nothing_starts_after_a_kill(state, start_run, context, ti, monkeypatch, omics_local):
    operator = start_run(deferrable=True)
    state("failed")
    ti.try_number = 2

    def list_runs(*arguments):
        # A signal's handler calls it, in the middle of anything.
        if not operator.killed:
            operator.on_kill()
        return list_runs_of_hook(*arguments)

    list_runs_of_hook = omics.OmicsHook.list_runs
    monkeypatch.setattr(omics.OmicsHook, "list_runs", list_runs)
    with pytest.raises(OmicsError, match="nothing was started"):
        operator.execute(context)
    assert omics_local.runs() == []
