# SPDX-License-Identifier: Apache-2.0
"""A triggerer stands still while it starts a run, and another takes over: it starts and pushes nothing afterwards."""

import signal

import pytest

from airflow_provider_omics.testing.airflow_home import LOOPS
from tests.airflow.processes import clear
from tests.airflow.starting import triggerers, went_on

pytestmark = pytest.mark.airflow


@pytest.mark.slow
def test_a_triggerer_that_was_asleep_starts_nothing_that_another_one_has_started(airflow, omics):
    """HealthOmics forgets a requestId at once: whoever calls StartRun once more starts another run."""
    omics.endpoint.switch(request_id_lifetime=0.1)
    omics.endpoint.fault("StartRun", "error", code="ThrottlingException", probability=1)
    run = airflow.trigger("crowd", {"samples": 20})
    # 2.11 keeps bytes.
    written = "run_id=? AND key='start_run' AND CAST(value AS TEXT) LIKE ?"
    markers = f"SELECT count(*) FROM xcom WHERE {written}"  # noqa: S608 - fixed text
    asked = (run.run_id, '%"submission": 0%')
    airflow.until(lambda: airflow.database.query(markers, *asked) == [(20,)], "20 tasks to queue", run=run, timeout=400)
    [first] = triggerers(airflow, run)
    airflow.send("triggerer", signal.SIGSTOP)
    airflow.start("triggerer-2")
    try:
        taken = "the second triggerer to take the tasks over"
        airflow.until(lambda: not {first, None} & triggerers(airflow, run), taken, run=run)
        omics.endpoint.clear_faults()
        omics.endpoint.switch(quotas={"StartRun": 1})
        omics.run(3)
        airflow.send("triggerer", signal.SIGCONT)
        runs = omics.runs(20)
        # Whatever the first one still had in mind, it has done by now.
        calls = len(omics.endpoint.calls("StartRun"))
        with pytest.raises(TimeoutError):
            airflow.until(lambda: len(omics.endpoint.calls("StartRun")) > calls, "more calls of StartRun", timeout=40)
        assert len({omics.tag(it, "airflow:map_index") for it in runs}) == 20
        assert len(omics.endpoint.runs()) == 20
        assert omics.cancelled == set()
        for run_id in runs:
            omics.endpoint.force(run_id, "COMPLETED")
        airflow.wait_for(run, "success", timeout=600)
        assert omics.cancelled == set()
        assert {task.try_number for task in airflow.database.tasks(run)} == {1}
    finally:
        airflow.send("triggerer", signal.SIGCONT)
        airflow.kill("triggerer-2")


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before-marker", "after-marker"])
def test_a_triggerer_that_was_asleep_before_startrun_calls_it_no_more(airflow, omics, held, moment):
    omics.endpoint.switch(request_id_lifetime=0.1)
    with held(moment) as reached:
        run = airflow.trigger("deferred")
        reached(run)
        airflow.send("triggerer", signal.SIGSTOP)
    airflow.start("triggerer-2")
    try:
        run_id = omics.run()
        airflow.until(lambda: airflow.database.xcom(run, "run", "run_id") == run_id, "the id to be pushed", run=run)
        airflow.send("triggerer", signal.SIGCONT)
        with pytest.raises(TimeoutError):
            airflow.until(lambda: len(omics.endpoint.calls("StartRun")) > 1, "another StartRun", timeout=30)
        went_on(airflow, omics, run, ended=False)
    finally:
        airflow.send("triggerer", signal.SIGCONT)
        airflow.kill("triggerer-2")


@pytest.mark.slow
@pytest.mark.skipif(LOOPS, reason="3.4 takes a trigger of the id that SQLite gives again for the one before")
def test_a_triggerer_that_was_asleep_pushes_no_run_over_that_of_a_later_try(airflow, omics, held):
    with held("before-run_id") as reached:
        run = airflow.trigger("deferred")
        reached(run)
        omics.waits(run)
        airflow.send("triggerer", signal.SIGSTOP)
    first = omics.run()
    airflow.start("triggerer-2")
    try:
        clear(airflow, run, "run")
        second = omics.run(2)
        airflow.until(lambda: airflow.database.xcom(run, "run", "arn"), "the second run to be pushed", run=run)
        airflow.send("triggerer", signal.SIGCONT)
        omics.dies(first)
        omics.succeed(run, second)
        assert omics.cancelled == {first}
    finally:
        airflow.send("triggerer", signal.SIGCONT)
        airflow.kill("triggerer-2")
