# SPDX-License-Identifier: Apache-2.0
"""A task waits for its turn at StartRun, and something happens meanwhile."""

import pytest

from tests.airflow.processes import MODES, clear, mark

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


@pytest.fixture
def waiting(airflow, omics):
    """Return a function that triggers a Dag whose task then waits for its turn, if asked with a run it knows not of."""

    def wait(code="ThrottlingException", *, lost=False):
        if lost:
            omics.endpoint.fault("StartRun", "lost", times=1)
        omics.endpoint.fault("StartRun", "error", code=code, probability=1)
        run = airflow.trigger("deferred")
        airflow.until(
            lambda: airflow.database.xcom(run, "run", "waiting_to_start"), "the task to ask for a turn", run=run
        )
        omics.waits(run)
        assert len(omics.endpoint.runs()) == lost
        return run

    return wait


def only_try(airflow, run):
    return {task.try_number for task in airflow.database.tasks(run)} == {1}


def test_the_triggerer_is_killed(airflow, omics, waiting):
    run = waiting()
    airflow.kill("triggerer")
    airflow.start("triggerer")
    omics.endpoint.forgive()
    omics.succeed(run, omics.run())
    assert only_try(airflow, run)
    assert len(omics.endpoint.runs()) == 1
    assert omics.cancelled == set()


@pytest.mark.parametrize("lost", [False, True])
def test_the_task_is_marked_failed(airflow, omics, waiting, lost):
    run = waiting(lost=lost)
    mark(airflow, run, "run", "failed")
    airflow.wait_for(run, "failed")
    if lost:
        omics.dies(omics.run())
    else:
        started_none = "it has started no run"
        airflow.until(lambda: started_none in airflow.said("triggerer"), "the trigger to look for a run", run=run)
    assert len(omics.endpoint.runs()) == lost


@pytest.mark.parametrize("lost", [False, True])
def test_the_task_is_cleared(airflow, omics, waiting, lost):
    run = waiting(lost=lost)
    clear(airflow, run, "run")
    if lost:
        omics.dies(omics.run())
    omics.endpoint.forgive()
    new = omics.run(1 + lost)
    omics.succeed(run, new)
    assert len(omics.endpoint.runs()) == 1 + lost
    assert new not in omics.cancelled


def test_the_account_is_full_for_some_time(airflow, omics, waiting):
    run = waiting("ServiceQuotaExceededException")
    assert "retention_mode" in airflow.log(run, "run")
    omics.endpoint.forgive()
    omics.succeed(run, omics.run())
    assert only_try(airflow, run)
    assert omics.endpoint.counts()["StartRun"] == 2


@pytest.mark.parametrize("mode", MODES)
def test_mapped_tasks_take_turns(airflow, omics, mode):
    omics.endpoint.switch(quotas={"StartRun": 0.1})
    omics.endpoint.script(pending=1, starting=1, running=10)
    run = airflow.trigger(f"{mode}_mapped")
    airflow.wait_for(run, "success")
    assert only_try(airflow, run)
    assert sorted(omics.tag(run_id, "airflow:map_index") for run_id in omics.runs(3)) == ["0", "1", "2"]
    assert len(omics.endpoint.runs()) == 3


def test_tasks_that_do_not_wait_for_their_runs_take_turns(airflow, omics):
    omics.endpoint.switch(quotas={"StartRun": 0.1})
    run = airflow.trigger("deferred_to_start")
    airflow.wait_for(run, "success")
    assert only_try(airflow, run)
    assert len(omics.endpoint.runs()) == 3
