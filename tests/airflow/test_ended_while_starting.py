# SPDX-License-Identifier: Apache-2.0
"""A task is ended, or its deadline passes, while its run is started in the triggerer: no run is left."""

import pytest

from tests.airflow.processes import clear, mark
from tests.airflow.starting import queueing

pytestmark = pytest.mark.airflow


def looked(airflow, run):
    """See that the trigger of an ended task has done all that it had to."""
    started_none = f"{run.run_id} is failed: it has started no run"
    airflow.until(lambda: started_none in airflow.said("triggerer"), "the trigger to say what it started", run=run)


@pytest.mark.slow
@pytest.mark.parametrize("lost", [False, True])
def test_marked_failed_while_it_queues(airflow, omics, lost):
    run = queueing(airflow, omics, lost=lost)
    mark(airflow, run, "run", "failed")
    airflow.wait_for(run, "failed")
    omics.endpoint.clear_faults()
    if lost:
        omics.dies(omics.run())
    else:
        looked(airflow, run)
    assert len(omics.endpoint.runs()) == lost


@pytest.mark.parametrize("lost", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_cleared_while_it_queues(airflow, omics, lost):
    run = queueing(airflow, omics, lost=lost)
    clear(airflow, run, "run")
    airflow.until(lambda: airflow.database.task(run, "run").try_number == 2, "the next try", run=run)
    omics.endpoint.clear_faults()
    if lost:
        omics.dies(omics.run())
    new = omics.run(1 + lost)
    omics.succeed(run, new)
    assert len(omics.endpoint.runs()) == 1 + lost
    assert new not in omics.cancelled


@pytest.mark.slow
def test_the_deadline_passes_while_it_queues(airflow, omics):
    run = queueing(airflow, omics, "deferred_limited")
    airflow.wait_for(run, "failed")
    calls = len(omics.endpoint.calls("StartRun"))
    omics.endpoint.clear_faults()
    with pytest.raises(TimeoutError):
        airflow.until(lambda: len(omics.endpoint.calls("StartRun")) > calls, "another StartRun", timeout=20)
    assert omics.endpoint.runs() == []


@pytest.mark.slow
# The answer comes in time, or after the client has given it up.
@pytest.mark.parametrize("seconds", [8, 25])
@pytest.mark.parametrize("end", [lambda *run: mark(*run, "failed"), clear], ids=["marked", "cleared"])
def test_ended_while_startrun_is_under_way(airflow, omics, seconds, end):
    omics.endpoint.fault("StartRun", "delay", seconds=seconds, times=1)
    run = airflow.trigger("deferred")
    omics.asked("StartRun")
    omics.waits(run)
    end(airflow, run, "run")
    first = omics.run()
    if end is clear:
        airflow.until(lambda: len(omics.endpoint.runs()) > 1, "the next try's run", run=run)
        started = {it["tags"]["airflow:request_id"]: it["id"] for it in omics.endpoint.runs()}
        assert len(started) == 2
        told = airflow.until(lambda: airflow.database.xcom(run, "run", "run_id"), "the next try to know it", run=run)
        [first] = set(started.values()) - {told}
        omics.dies(first)
        omics.succeed(run, told)
    else:
        omics.dies(first)
        airflow.wait_for(run, "failed")
    assert omics.cancelled == {first}


@pytest.mark.slow
def test_the_deadline_passes_while_startrun_is_under_way(airflow, omics):
    omics.endpoint.fault("StartRun", "delay", seconds=25, times=None)
    run = airflow.trigger("deferred_limited")
    run_id = omics.run()
    omics.dies(run_id)
    airflow.wait_for(run, "failed")
    airflow.until(lambda: all(call["status"] for call in omics.endpoint.calls("StartRun")), "all StartRuns' answers")
    assert [it["id"] for it in omics.endpoint.runs()] == [run_id]


@pytest.mark.slow
def test_marked_failed_before_the_runs_id_was_pushed(airflow, omics, held):
    with held("before-run_id") as reached:
        run = airflow.trigger("deferred")
        reached(run)
        omics.waits(run)
        mark(airflow, run, "run", "failed")
        airflow.wait_for(run, "failed")
    omics.dies(omics.run())
    assert len(omics.endpoint.runs()) == 1
