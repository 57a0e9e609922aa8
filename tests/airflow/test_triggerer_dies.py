# SPDX-License-Identifier: Apache-2.0
"""A triggerer dies while it starts a run: the next one goes on with it, and there is no other."""

import pytest

from tests.airflow.starting import queueing, went_on

pytestmark = pytest.mark.airflow
# What HealthOmics has not published: the endpoint's ways to answer a repeated requestId, and to list a new run.
SWITCHES = {
    "replayed": {},
    "conflict": {"request_id_repeat": "conflict"},
    "forgotten": {"request_id_lifetime": 1.0},
    "listed-late": {"list_delay": 20.0},
}
EVERY_SWITCH = pytest.mark.parametrize("switches", [pytest.param(it, id=name) for name, it in SWITCHES.items()])
ENDED_BADLY = pytest.mark.parametrize("ended", [False, pytest.param(True, id="failed-meanwhile")])
# No retry mends that.
FOR_GOOD = {"failureReason": "WORKFLOW_RUN_FAILED", "statusMessage": "The workflow failed"}


def dies(airflow, omics, *, ended):
    """Kill the triggerer, let the run fail that it has started, if asked, and start another triggerer."""
    airflow.kill("triggerer")
    if ended:
        omics.endpoint.force(omics.run(), "FAILED", **FOR_GOOD)
    omics.endpoint.clear_faults()
    airflow.start("triggerer")


@pytest.mark.slow
def test_killed_when_it_was_about_to_call_startrun(airflow, omics, held):
    """As StartRun may have been called, a run is looked for first, for as long as it may take to be listed."""
    with held("after-marker") as reached:
        run = airflow.trigger("deferred")
        reached(run)
        airflow.kill("triggerer")
    assert omics.endpoint.counts().get("StartRun", 0) == 0
    airflow.start("triggerer")
    went_on(airflow, omics, run, ended=False)
    assert omics.endpoint.counts()["StartRun"] == 1


@pytest.mark.slow
@EVERY_SWITCH
@ENDED_BADLY
def test_killed_while_startrun_is_under_way(airflow, omics, switches, ended):
    """HealthOmics handles the dead triggerer's request at leisure."""
    omics.endpoint.switch(**switches)
    omics.endpoint.fault("StartRun", "delay", seconds=8)
    run = airflow.trigger("deferred")
    omics.asked("StartRun")
    dies(airflow, omics, ended=ended)
    went_on(airflow, omics, run, ended=ended)


@pytest.mark.slow
@EVERY_SWITCH
@ENDED_BADLY
def test_killed_when_the_answer_was_lost(airflow, omics, switches, ended):
    omics.endpoint.switch(**switches)
    omics.endpoint.fault("StartRun", "lost", times=None)
    omics.endpoint.fault("ListRuns", "error", times=None)
    run = airflow.trigger("deferred")
    omics.run()
    dies(airflow, omics, ended=ended)
    went_on(airflow, omics, run, ended=ended)


@pytest.mark.parametrize(
    ("switches", "ended"),
    [
        pytest.param(it, ended, id=name + "-failed-meanwhile" * ended, marks=[pytest.mark.slow] * (name != "forgotten"))
        for name, it in SWITCHES.items()
        for ended in (False, True)
        if (name, ended) != ("forgotten", True)
    ],
)
def test_killed_before_the_runs_id_was_pushed(airflow, omics, held, switches, ended):
    omics.endpoint.switch(**switches)
    with held("before-run_id") as reached:
        run = airflow.trigger("deferred")
        reached(run)
        airflow.kill("triggerer")
    assert airflow.database.xcom(run, "run", "run_id") is None
    if ended:
        omics.endpoint.force(omics.run(), "FAILED", **FOR_GOOD)
    airflow.start("triggerer")
    went_on(airflow, omics, run, ended=ended)


@pytest.mark.slow
def test_killed_while_tasks_queue(airflow, omics):
    run = queueing(airflow, omics)
    airflow.kill("triggerer")
    airflow.start("triggerer")
    omics.endpoint.clear_faults()
    went_on(airflow, omics, run, ended=False)
