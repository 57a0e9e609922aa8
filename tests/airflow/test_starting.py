# SPDX-License-Identifier: Apache-2.0
"""A deferred task's run is started in the triggerer: whatever happens there, the task has one run, and none is left."""

import signal
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import pairwise

import pytest

from airflow_provider_omics.testing.airflow_home import LOOPS
from tests.airflow.processes import MODES, clear, mark

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


@pytest.fixture
def held(airflow):
    """Return a context in which XComs are held up before or after one of a name is written."""
    folder = airflow.home / "hold"
    folder.mkdir(exist_ok=True)

    @contextmanager
    def hold(moment):
        file = folder / moment
        file.touch()

        def reached(run):
            airflow.until(file.with_suffix(".held").exists, f"the trigger to come to {moment}", run=run)

        try:
            yield reached
        finally:
            file.unlink()
            file.with_suffix(".held").unlink(missing_ok=True)

    return hold


def went_on(airflow, omics, run, *, ended):
    """See the task have the one run that there is, whatever became of it."""
    run_id = omics.run()
    if ended:
        airflow.wait_for(run, "failed")
    else:
        omics.succeed(run, run_id)
        airflow.wait_for(run, "success")
    assert airflow.database.task(run, "run").try_number == 1
    assert [it["id"] for it in omics.endpoint.runs()] == [run_id]
    assert omics.cancelled == set()


def dies(airflow, omics, *, ended):
    """Kill the triggerer, let the run fail that it has started, if asked, and start another triggerer."""
    airflow.kill("triggerer")
    if ended:
        omics.endpoint.force(omics.run(), "FAILED", **FOR_GOOD)
    omics.endpoint.forgive()
    airflow.start("triggerer")


# --- a triggerer dies ---


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
    omics.endpoint.forgive()
    went_on(airflow, omics, run, ended=False)


# --- a triggerer stands still ---


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
        omics.endpoint.forgive()
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


# --- somebody ends the task ---


def queueing(airflow, omics, dag_id="deferred", *, lost=False):
    """Return a Dag run whose task waits for StartRun, which refuses, if asked with a run it does not know of."""
    if lost:
        omics.endpoint.fault("StartRun", "lost", times=1)
        omics.endpoint.fault("ListRuns", "error", code="ThrottlingException", probability=1)
    omics.endpoint.fault("StartRun", "error", code="ThrottlingException", probability=1)
    run = airflow.trigger(dag_id)
    omics.waits(run)
    omics.asked("StartRun")
    assert len(omics.endpoint.runs()) == lost
    return run


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
    omics.endpoint.forgive()
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
    omics.endpoint.forgive()
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
    omics.endpoint.forgive()
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


# --- where it is started, and when ---


@pytest.mark.slow
def test_a_triggerer_in_another_account_starts_nothing_there(airflow, omics):
    omics.endpoint.switch(accounts={"stranger": "210987654321"})
    omics.endpoint.workflow(id="1234567", name="germline", account="210987654321")
    connection = airflow.env["AIRFLOW_CONN_AWS_DEFAULT"]
    airflow.kill("triggerer")
    try:
        airflow.env["AIRFLOW_CONN_AWS_DEFAULT"] = connection.replace('"login": "local"', '"login": "stranger"')
        airflow.start("triggerer")
        run = airflow.trigger("deferred")
        omics.waits(run)
        said = "210987654321"
        airflow.until(lambda: said in airflow.log(run, "run"), "the triggerer to name its account", run=run)
        assert omics.endpoint.runs() == []
        airflow.kill("triggerer")
        omics.endpoint.workflow(id="1234567", name="germline")
    finally:
        airflow.env["AIRFLOW_CONN_AWS_DEFAULT"] = connection
        airflow.start("triggerer")
    run_id = omics.run()
    omics.succeed(run, run_id)
    [started] = omics.endpoint.runs()
    assert ":123456789012:" in started["arn"]


@pytest.mark.slow
def test_the_account_is_full_for_some_time(airflow, omics):
    omics.endpoint.fault("StartRun", "error", code="ServiceQuotaExceededException", times=1)
    run = airflow.trigger("deferred")
    went_on(airflow, omics, run, ended=False)
    assert "retention_mode" in airflow.log(run, "run")
    assert omics.endpoint.counts()["StartRun"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_mapped_tasks_are_started_one_after_the_other(airflow, omics, mode):
    omics.endpoint.switch(quotas={"StartRun": 0.1})
    omics.endpoint.script(pending=1, starting=1, running=10)
    run = airflow.trigger(f"{mode}_mapped")
    airflow.wait_for(run, "success")
    assert {task.try_number for task in airflow.database.tasks(run)} == {1}
    assert sorted(omics.tag(run_id, "airflow:map_index") for run_id in omics.runs(3)) == ["0", "1", "2"]


def test_tasks_that_do_not_wait_for_their_runs_are_started_one_after_the_other(airflow, omics):
    omics.endpoint.switch(quotas={"StartRun": 0.2})
    run = airflow.trigger("deferred_to_start")
    airflow.wait_for(run, "success")
    assert {task.try_number for task in airflow.database.tasks(run)} == {1}
    assert len(omics.endpoint.runs()) == 3
    # The rate is found in some twenty calls, not in hundreds.
    assert omics.endpoint.counts()["StartRun"] <= 40


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_one_that_has_no_room_and_one_that_hangs_hold_up_nobody(airflow, omics):
    omics.endpoint.fault("StartRun", "delay", seconds=60, times=1, containing="NA00012")
    full = "ServiceQuotaExceededException"
    omics.endpoint.fault("StartRun", "error", code=full, times=None, containing="NA00007")
    run = airflow.trigger("crowd", {"samples": 51})
    omics.runs(49)
    calls = omics.endpoint.calls("StartRun")
    started = [datetime.fromisoformat(call["time"]) for call in calls if call["status"] == HTTPStatus.CREATED]
    assert max(later - earlier for earlier, later in pairwise(started)) < timedelta(seconds=60)
    omics.endpoint.forgive()
    assert len({omics.tag(run_id, "airflow:map_index") for run_id in omics.runs(51)}) == 51
    for run_id in omics.runs(51):
        omics.endpoint.force(run_id, "COMPLETED")
    airflow.wait_for(run, "success", timeout=600)
    assert len(omics.endpoint.runs()) == 51


def triggerers(airflow, run):
    """Return the ids of the triggerers that have a Dag run's deferred tasks."""
    sql = "SELECT triggerer_id FROM trigger JOIN task_instance ON trigger.id = task_instance.trigger_id WHERE run_id=?"
    return {triggerer_id for (triggerer_id,) in airflow.database.query(sql, run.run_id)}
