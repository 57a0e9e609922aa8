# SPDX-License-Identifier: Apache-2.0
"""Something dies and nobody meant it: the task goes on with the same run, and nothing is cancelled."""

import signal

import pytest

from airflow_provider_omics.testing.airflow_home import AIRFLOW, AIRFLOW_3, LOOPS
from tests.airflow.processes import MODES, UNTRIED

pytestmark = pytest.mark.airflow
PURGES = pytest.mark.skipif(
    AIRFLOW == "3.4.0b2",
    reason="its scheduler dies of an IntegrityError when it gives a task without a heartbeat its next try",
)
# What is killed: the task's process as by the kernel for want of memory, or the machine under it.
VICTIMS = [pytest.param(False, id="task", marks=UNTRIED), pytest.param(True, id="machine", marks=pytest.mark.slow)]


def reattached(airflow, omics, run, run_id):
    """See the second try go on with the first one's run to its end."""
    told = f"Reattached to run {run_id} (RUNNING), started by try 1"
    airflow.until(lambda: told in airflow.log(run, "run"), "try 2 to reattach", run=run)
    omics.succeed(run, run_id)
    airflow.wait_for(run, "success")
    assert airflow.database.task(run, "run").try_number == 2
    assert [it["id"] for it in omics.endpoint.runs()] == [run_id]
    assert omics.cancelled == set()


@pytest.mark.parametrize("supervisor", VICTIMS)
def test_killed_while_polling(airflow, omics, supervisor):
    run, run_id = omics.begin("sync")
    airflow.kill_task(run, "run", supervisor=supervisor)
    reattached(airflow, omics, run, run_id)
    assert omics.endpoint.counts()["StartRun"] == 1


@pytest.mark.parametrize("supervisor", VICTIMS)
def test_killed_when_the_answer_of_startrun_was_lost(airflow, omics, supervisor):
    omics.endpoint.fault("StartRun", "lost", times=None)
    omics.endpoint.fault("ListRuns", "error", code="503", probability=1)
    run = airflow.trigger("sync")
    run_id = omics.run()
    airflow.kill_task(run, "run", supervisor=supervisor)
    omics.endpoint.clear_faults()
    reattached(airflow, omics, run, run_id)


@pytest.mark.slow
@pytest.mark.parametrize("supervisor", VICTIMS)
def test_killed_while_startrun_is_under_way(airflow, omics, supervisor):
    """HealthOmics handles the dead worker's request at leisure: the next try may come before it, or after."""
    omics.endpoint.fault("StartRun", "delay", seconds=12)
    run = airflow.trigger("sync")
    omics.asked("StartRun")
    airflow.kill_task(run, "run", supervisor=supervisor)
    run_id = omics.run()
    airflow.until(lambda: airflow.database.xcom(run, "run", "run_id") == run_id, "try 2 to know its run", run=run)
    airflow.until(lambda: all(call["status"] for call in omics.endpoint.calls("StartRun")), "all StartRuns' answers")
    omics.succeed(run, run_id)
    assert airflow.database.task(run, "run").try_number == 2
    assert len({call["request_id"] for call in omics.endpoint.calls("StartRun")}) == 1
    assert len(omics.endpoint.runs()) == 1
    assert omics.cancelled == set()


@pytest.mark.slow
def test_evicted(airflow, omics):
    """A machine that is taken away says SIGTERM, and some seconds later it is gone."""
    run, run_id = omics.begin("sync")
    airflow.kill_task(run, "run", supervisor=AIRFLOW_3, signum=signal.SIGTERM)
    left = "the run is left to the next try"
    airflow.until(lambda: left in airflow.log(run, "run"), "the task to leave its run alone", run=run)
    if AIRFLOW_3:
        airflow.kill_task(run, "run")
    reattached(airflow, omics, run, run_id)


@PURGES
@pytest.mark.slow
def test_a_worker_that_was_asleep_lost_its_task_to_the_next_try(airflow, omics):
    """Its heartbeats failed to come, so the next try waits for the run already when the old one wakes up."""
    run, run_id = omics.begin("sync")
    asleep = _, first, *_ = airflow.kill_task(run, "run", signum=signal.SIGSTOP)
    try:
        told = f"Reattached to run {run_id} (RUNNING), started by try 1"
        airflow.until(lambda: told in airflow.log(run, "run"), "try 2 to reattach", run=run)
    finally:
        for process in asleep:
            process.resume()
    if AIRFLOW_3:  # 2.11 lets the first try go on beside the second.
        first.wait(60)
    reattached(airflow, omics, run, run_id)
    first.wait(60)
    assert omics.cancelled == set()


@PURGES
@pytest.mark.slow
@pytest.mark.skipif(not AIRFLOW_3, reason="2.11's own time-out of the first try fails the second")
def test_a_worker_that_wakes_up_behind_its_deadline_asks_before_it_cancels(airflow, omics):
    run, run_id = omics.begin("sync_limited_retried")
    asleep = _, first, *_ = airflow.kill_task(run, "run", signum=signal.SIGSTOP)
    try:
        told = f"Reattached to run {run_id} (RUNNING), started by try 1"
        airflow.until(lambda: told in airflow.log(run, "run"), "try 2 to reattach", run=run)
    finally:
        for process in asleep:
            process.resume()
    first.wait(120)
    assert omics.cancelled == set()
    omics.succeed(run, run_id)
    assert omics.cancelled == set()


@pytest.mark.parametrize("signum", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_the_triggerer_ends(airflow, omics, signum):
    run, run_id = omics.begin("deferred")
    airflow.kill("triggerer", signum)
    airflow.start("triggerer")
    polls = len(omics.endpoint.calls("GetRun"))
    omics.asked("GetRun", run_id, polls + 1)
    omics.succeed(run, run_id)
    assert airflow.database.task(run, "run").try_number == 1
    assert len(omics.endpoint.runs()) == 1
    assert omics.cancelled == set()


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_run_that_may_not_be_looked_at_is_left_alone(airflow, omics, mode):
    run, run_id = omics.begin(mode)
    omics.endpoint.fault("GetRun", "error", code="AccessDeniedException")
    reattached(airflow, omics, run, run_id)


@pytest.mark.slow
def test_a_triggerer_that_was_asleep_lost_its_task_to_another(airflow, omics):
    run, run_id = omics.begin("deferred")
    first = airflow.database.triggerer_of(run, "run")
    airflow.send("triggerer", signal.SIGSTOP)
    airflow.start("triggerer-2")
    try:
        taken = "the second triggerer to take the task over"
        airflow.until(lambda: airflow.database.triggerer_of(run, "run") not in (first, None), taken, run=run)
        airflow.send("triggerer", signal.SIGCONT)
        left = f"of {run.run_id} was cancelled while its task is deferred: the run is left alone"
        if LOOPS:  # 3.4 finds out itself, and ends no run.
            left = "Triggers were reassigned to another triggerer, releasing them without on_kill"
        airflow.until(lambda: left in airflow.said("triggerer"), "the first triggerer to notice", run=run)
        omics.succeed(run, run_id)
        assert omics.cancelled == set()
        assert len(omics.endpoint.runs()) == 1
    finally:
        airflow.send("triggerer", signal.SIGCONT)
        airflow.kill("triggerer-2")
