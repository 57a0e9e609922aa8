# SPDX-License-Identifier: Apache-2.0
"""A deferred task's run is started in the triggerer: in which account, and when."""

from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import pairwise

import pytest

from tests.airflow.processes import MODES
from tests.airflow.starting import went_on

pytestmark = pytest.mark.airflow


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
    omics.endpoint.clear_faults()
    assert len({omics.tag(run_id, "airflow:map_index") for run_id in omics.runs(51)}) == 51
    for run_id in omics.runs(51):
        omics.endpoint.force(run_id, "COMPLETED")
    airflow.wait_for(run, "success", timeout=600)
    assert len(omics.endpoint.runs()) == 51
