# SPDX-License-Identifier: Apache-2.0
"""Somebody ends a cohort: under HealthOmics' published quotas no run of its deferred tasks goes on."""

import logging
import signal
import time
from http import HTTPStatus

import pytest

from airflow_provider_omics.testing.airflow_home import AIRFLOW
from tests.airflow.processes import mark, mark_all_failed

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(3600)]
log = logging.getLogger(__name__)
CANCELLED = {"STOPPING", "CANCELLED"}


@pytest.mark.parametrize("count", [200])
def test_a_cohort_that_is_marked_failed_leaves_no_run(airflow, omics, count):
    omics.endpoint.script(pending=0, starting=0, running=36_000, stopping=1)
    run = airflow.trigger("crowd", {"samples": count})
    deferred = "SELECT count(*) FROM task_instance WHERE run_id=? AND task_id='run' AND state='deferred'"

    def all_deferred():
        [[number]] = airflow.database.query(deferred, run.run_id)
        return number == count

    airflow.until(all_deferred, "all tasks to be deferred", timeout=2400)
    # The triggerer starts them.
    airflow.until(lambda: len(omics.endpoint.runs()) == count, "all runs to be started")
    omics.endpoint.switch(quotas="published")
    before = omics.endpoint.counts().get("GetRun", 0)
    began = time.monotonic()
    mark_all_failed(airflow, run)

    def left():
        return [it["id"] for it in omics.endpoint.runs() if it["status"] not in CANCELLED]

    airflow.until(lambda: not left(), "all runs to be cancelled", timeout=count / 8 + 60)
    took = time.monotonic() - began
    log.warning("%d deferred tasks, none of their runs left after %.1f s", count, took)
    refused = [call for call in omics.endpoint.calls() if call["status"] == HTTPStatus.TOO_MANY_REQUESTS]
    assert [call for call in refused if call["operation"] == "GetRun"] == []
    assert len(omics.cancelled) == count
    # They are not asked about, they are cancelled; some were due to be looked at meanwhile.
    assert omics.endpoint.counts().get("GetRun", 0) - before < count


@pytest.mark.skipif(AIRFLOW.startswith("3.1."), reason="3.1's triggerer ends at SIGTERM without ending its triggers")
def test_a_triggerer_that_is_stopped_names_the_runs_that_it_leaves(airflow, omics):
    run, run_id = omics.begin("deferred")
    omics.endpoint.fault("CancelRun", "error", code="ThrottlingException", probability=1)
    mark(airflow, run, "run", "failed")
    omics.asked("CancelRun", run_id)
    airflow.kill("triggerer", signal.SIGTERM)
    airflow.start("triggerer")
    assert f"This triggerer stops before its run was cancelled: Task deferred.run of {run.run_id}" in airflow.said(
        "triggerer"
    )
    assert f"cancel run {run_id} by CancelOmicsRunOperator" in airflow.said("triggerer")
