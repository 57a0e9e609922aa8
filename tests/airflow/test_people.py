# SPDX-License-Identifier: Apache-2.0
"""Somebody ends a task: its run is cancelled, and only its run; whoever clears it gets a new one."""

import signal

import pytest

from airflow_provider_omics.testing.airflow_home import AIRFLOW_3
from tests.airflow.processes import ALL_MARKED, MODES, clear, delete, mark

pytestmark = pytest.mark.airflow


@pytest.mark.parametrize("state", ["failed", pytest.param("success", marks=pytest.mark.slow)])
@pytest.mark.parametrize("mode", MODES)
def test_marking_a_task_cancels_its_run(airflow, omics, mode, state):
    run, run_id = omics.begin(mode)
    mark(airflow, run, "run", state)
    omics.dies(run_id)
    airflow.wait_for(run, state)
    assert len(omics.endpoint.runs()) == 1


@pytest.mark.slow
def test_marking_a_task_whose_startrun_is_not_answered_cancels_the_run(airflow, omics):
    omics.endpoint.fault("StartRun", "lost")
    omics.endpoint.fault("StartRun", "delay", seconds=30)
    run = airflow.trigger("sync")
    run_id = omics.run()
    mark(airflow, run, "run", "failed")
    omics.dies(run_id)
    airflow.wait_for(run, "failed")
    # The endpoint still handles the request that the killed process made.
    airflow.until(lambda: all(call["status"] for call in omics.endpoint.calls("StartRun")), "all StartRuns' answers")
    assert [it["id"] for it in omics.endpoint.runs()] == [run_id]


@pytest.mark.parametrize("mode", MODES)
def test_clearing_a_task_cancels_its_run_and_starts_another(airflow, omics, mode):
    run, run_id = omics.begin(mode)
    clear(airflow, run, "run")
    omics.dies(run_id)
    new = omics.run(2)
    assert new != run_id
    omics.succeed(run, new)
    assert len(omics.endpoint.runs()) == 2
    assert omics.cancelled == {run_id}


@pytest.mark.slow
def test_a_triggerer_that_was_asleep_hears_of_a_clear_when_the_next_try_is_deferred(airflow, omics):
    run, first = omics.begin("deferred")
    airflow.send("triggerer", signal.SIGSTOP)
    try:
        clear(airflow, run, "run")
        omics.waits(run)
    finally:
        airflow.send("triggerer", signal.SIGCONT)
    omics.dies(first)
    omics.succeed(run, omics.run(2))
    assert omics.cancelled == {first}


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_dag_runs_timeout_cancels_the_run(airflow, omics, mode):
    run, run_id = omics.begin(f"{mode}_limited_whole")
    airflow.wait_for(run, "failed")
    omics.dies(run_id)


@ALL_MARKED
@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_marking_one_of_three_cancels_one_run(airflow, omics, mode):
    run = airflow.trigger(f"{mode}_mapped")
    runs = omics.runs(3)
    index = {int(omics.tag(run_id, "airflow:map_index")): run_id for run_id in runs}
    for number, run_id in index.items():
        omics.waits(run, number)
        omics.asked("GetRun", run_id)
    mark(airflow, run, "run", "failed", 1)
    omics.dies(index[1])
    omics.succeed(run, index[0], 0)
    omics.succeed(run, index[2], 2)
    airflow.wait_for(run, "failed")
    assert omics.cancelled == {index[1]}


@pytest.mark.slow
@pytest.mark.skipif(not AIRFLOW_3, reason="2.11 has no click that deletes a running Dag run")
@pytest.mark.parametrize("mode", MODES)
def test_deleting_the_dag_run_cancels_the_run(airflow, omics, mode):
    run, run_id = omics.begin(mode)
    # Newer Airflows delete no running Dag run: whoever wants it gone marks it first.
    airflow.rest("PATCH", f"/dags/{run.dag_id}/dagRuns/{run.run_id}", {"state": "failed"})
    delete(airflow, run)
    omics.dies(run_id)
    again = airflow.trigger(mode, run_id=run.run_id)
    new = omics.run(2)
    omics.succeed(again, new)
    assert omics.cancelled == {run_id}
