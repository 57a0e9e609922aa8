# SPDX-License-Identifier: Apache-2.0
"""What asks for a new run, what is given another try, and what may take no longer."""

from datetime import UTC, datetime

import pytest

from airflow_provider_omics.lifecycle.intention import Intention
from airflow_provider_omics.testing.airflow_home import AIRFLOW_3
from airflow_provider_omics.testing.database import Run
from tests.airflow.processes import MODES, backfill, clear, delete

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


@pytest.mark.parametrize("mode", MODES)
def test_a_failed_run_is_followed_by_the_next_submission(airflow, omics, mode):
    run, first = omics.begin(mode)
    omics.endpoint.force(first, "FAILED", failureReason="SERVICE_ERROR", statusMessage="Out of luck")
    second = omics.run(2)
    omics.succeed(run, second)
    ids = [omics.tag(run_id, "airflow:request_id") for run_id in (first, second)]
    assert [it[-2:] for it in ids] == ["-0", "-1"]
    assert ids[0][:-2] == ids[1][:-2]
    assert "SERVICE_ERROR: Out of luck" in airflow.log(run, "run")
    assert len(omics.endpoint.runs()) == 2
    assert omics.cancelled == set()


def test_a_mapped_task_has_one_intention_on_every_airflow(airflow, omics):
    """An upgrade of Airflow, between two tries, must not start another run: 3.4 gives mapped tasks regions."""
    run = airflow.trigger("deferred_mapped")
    omics.runs(3)
    for index in range(3):
        omics.waits(run, index)
    [(start,)] = airflow.database.query("SELECT start_date FROM dag_run WHERE dag_id=? AND run_id=?", *run)
    began = datetime.fromisoformat(start).replace(tzinfo=UTC)
    wanted = {Intention(*run, "run", index, began, max_tries=1).request_id() for index in range(3)}
    assert {it["tags"]["airflow:request_id"] for it in omics.endpoint.runs()} == wanted


@pytest.mark.parametrize("mode", MODES)
def test_clearing_a_success_starts_another_run(airflow, omics, mode):
    run, first = omics.begin(mode)
    omics.succeed(run, first)
    airflow.wait_for(run, "success")
    clear(airflow, run, "run")
    second = omics.run(2)
    omics.succeed(run, second)
    assert omics.tag(second, "airflow:request_id")[-2:] == "-0"
    assert omics.tag(second, "airflow:request_id") != omics.tag(first, "airflow:request_id")
    assert len(omics.endpoint.runs()) == 2


def test_clearing_a_failure_starts_another_run(airflow, omics):
    run, first = omics.begin("deferred")
    # Somebody cancelled it at HealthOmics: no retry follows.
    omics.endpoint.force(first, "CANCELLED")
    airflow.wait_for(run, "failed")
    clear(airflow, run, "run")
    second = omics.run(2)
    omics.succeed(run, second)
    assert len(omics.endpoint.runs()) == 2


def test_a_dag_run_created_again_starts_another_run(airflow, omics):
    run, first = omics.begin("deferred")
    omics.succeed(run, first)
    airflow.wait_for(run, "success")
    delete(airflow, run)
    again = airflow.trigger("deferred", run_id=run.run_id)
    second = omics.run(2)
    omics.succeed(again, second)
    assert len(omics.endpoint.runs()) == 2


def test_a_backfill_that_reprocesses_starts_another_run(airflow, omics):
    with backfill(airflow, "deferred_backfilled", again=False):
        first = omics.run()
        run = Run("deferred_backfilled", omics.tag(first, "airflow:run_id"))
        omics.waits(run)
        # Somebody cancelled it at HealthOmics: no retry follows.
        omics.endpoint.force(first, "CANCELLED")
        airflow.wait_for(run, "failed")
    with backfill(airflow, "deferred_backfilled", again=True):
        second = omics.run(2)
        omics.succeed(run, second)
    assert len(omics.endpoint.runs()) == 2


@pytest.mark.parametrize("mode", MODES)
def test_execution_timeout_cancels_the_run(airflow, omics, mode):
    run, run_id = omics.begin(f"{mode}_limited")
    omics.dies(run_id)
    airflow.wait_for(run, "failed")
    assert omics.cancelled == {run_id}
    if AIRFLOW_3 or mode == "sync":
        # A busy 2.11 may resume the task so late that it only says AirflowTaskTimeout.
        assert f"run {run_id} RUNNING: not ended within execution_timeout 0:00:20" in airflow.log(run, "run")
