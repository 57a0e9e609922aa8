# SPDX-License-Identifier: Apache-2.0
"""A task loop of Airflow 3.4 runs a task several times in one Dag run: each pass has a run of its own."""

import signal
import uuid

import pytest

from airflow_provider_omics.testing.airflow_home import LOOPS
from tests.airflow.processes import MODES

pytestmark = [pytest.mark.airflow, pytest.mark.skipif(not LOOPS, reason="Airflow 3.4 brings task loops")]


@pytest.fixture
def second_pass(omics):
    """Return a function that triggers a loop and returns its Dag run and the run of its second pass."""

    def begin(mode):
        run, first = omics.begin(f"{mode}_loop")
        omics.succeed(run, first)
        second = omics.run(2)
        omics.waits(run)
        omics.asked("GetRun", second)
        return run, second

    return begin


def request_ids(omics):
    return [run["tags"]["airflow:request_id"] for run in omics.endpoint.runs()]


def going(airflow, run):
    """Return id, region and place in it of the one task instance that waits for its run, of those of all passes."""
    what = "SELECT id, region_id, region_index FROM task_instance"
    where = "dag_id=? AND run_id=? AND task_id='run' AND state IN ('running', 'deferred')"
    [(*ids, index)] = airflow.database.query(f"{what} WHERE {where}", *run)
    return *(str(uuid.UUID(it)) for it in ids), index


def clear(airflow, run, task):
    choice = {"dry_run": False, "only_failed": False, "include_downstream": True}
    body = {"dag_run_id": run.run_id, "task_instance_ids": [task[0]], **choice}
    airflow.rest("POST", f"/dags/{run.dag_id}/clearTaskInstances", body)


@pytest.mark.parametrize("mode", MODES)
def test_each_pass_has_a_run(airflow, omics, second_pass, mode):
    run, second = second_pass(mode)
    omics.succeed(run, second)
    third = omics.run(3)
    omics.succeed(run, third)
    airflow.wait_for(run, "success")
    assert len(set(request_ids(omics))) == 3
    assert [run["request"]["name"].split(".")[2] for run in omics.endpoint.runs()] == ["pass0", "pass1", "pass2"]


@pytest.mark.parametrize("mode", MODES)
def test_each_pass_of_a_mapped_task_has_a_run(airflow, omics, mode):
    omics.endpoint.script(pending=1, starting=1, running=10)
    run = airflow.trigger(f"{mode}_loop_mapped")
    airflow.wait_for(run, "success")
    assert len(set(request_ids(omics))) == 4
    assert [omics.tag(run["id"], "airflow:map_index") for run in omics.endpoint.runs()].count("1") == 2


@pytest.mark.parametrize("mode", MODES)
def test_a_retry_in_a_pass_keeps_the_intention(airflow, omics, second_pass, mode):
    run, second = second_pass(mode)
    omics.endpoint.force(second, "FAILED", failureReason="SERVICE_ERROR", statusMessage="Out of luck")
    omics.succeed(run, omics.run(3))
    omics.succeed(run, omics.run(4))
    airflow.wait_for(run, "success")
    first, second, again, third = request_ids(omics)
    assert (second[-2:], again) == ("-0", f"{second[:-2]}-1")
    assert len({first, second, third}) == 3
    assert omics.cancelled == set()


def test_a_worker_killed_in_a_pass_leaves_its_run_to_the_next_try(airflow, omics, second_pass):
    run, second = second_pass("sync")
    airflow.kill_task(run, "run")
    told = f"Reattached to run {second} (RUNNING), started by try 1"
    airflow.until(lambda: told in airflow.log(run, "run"), "try 2 to reattach", run=run)
    omics.succeed(run, second)
    omics.succeed(run, omics.run(3))
    airflow.wait_for(run, "success")
    assert len(omics.endpoint.runs()) == 3
    assert omics.cancelled == set()


@pytest.mark.parametrize("asleep", [False, True])
def test_a_clear_in_a_pass_starts_another_run(airflow, omics, second_pass, asleep):
    """Of a deferred task: the scheduler of 3.4.0b2 ends with an IntegrityError when a running one is cleared."""
    run, second = second_pass("deferred")
    if asleep:
        airflow.send("triggerer", signal.SIGSTOP)
    try:
        clear(airflow, run, going(airflow, run))
        omics.waits(run)
    finally:
        airflow.send("triggerer", signal.SIGCONT)
    omics.dies(second)
    omics.succeed(run, omics.run(3))
    omics.succeed(run, omics.run(4))
    airflow.wait_for(run, "success")
    assert len({it[:-2] for it in request_ids(omics)}) == 4
    assert omics.cancelled == {second}


@pytest.mark.parametrize("mode", MODES)
def test_marking_a_pass_failed_cancels_its_run(airflow, omics, second_pass, mode):
    run, second = second_pass(mode)
    _, region, index = going(airflow, run)
    path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/run?region_id={region}&region_index={index}"
    airflow.rest("PATCH", path, {"new_state": "failed"})
    omics.dies(second)
    airflow.wait_for(run, "failed")
    assert omics.cancelled == {second}
