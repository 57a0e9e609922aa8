# SPDX-License-Identifier: Apache-2.0
"""A task instance without an Airflow: what an operator asks of its context."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from airflow_provider_omics.cancellation import ask_airflow
from airflow_provider_omics.lifecycle import claim, marker, submissions
from airflow_provider_omics.lifecycle import in_worker as worker_driver
from airflow_provider_omics.lifecycle.intention import Intention
from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.polling import faults
from airflow_provider_omics.testing.airflow_home import AIRFLOW_3
from airflow_provider_omics.triggers import start_run as start_run_trigger
from tests.operators.stores import clients, stored  # noqa: F401 - fixtures

ROLE = "arn:aws:iam::123456789012:role/omics"
# That of the task instance below.
INTENTION = Intention("cohort", "manual__2026-01-01", "run", -1, datetime(2026, 1, 1, tzinfo=UTC), 2)


@dataclass
class TaskInstance:
    dag_id: str = "cohort"
    run_id: str = "manual__2026-01-01"
    task_id: str = "run"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 2
    xcom: dict = field(default_factory=dict)

    def xcom_push(self, key, value):
        self.xcom[key] = value

    def xcom_pull(self, task_ids, *, key, map_indexes=None):
        if not isinstance(task_ids, str):
            return []  # what other tasks have pushed
        assert (task_ids, map_indexes) == (self.task_id, self.map_index)
        return self.xcom.get(key)


@pytest.fixture
def ti():
    return TaskInstance()


@pytest.fixture
def context(ti, monkeypatch):
    if AIRFLOW_3:
        from airflow.sdk.bases.xcom import BaseXCom  # noqa: PLC0415 - only 3 has it

        # Links go past the task instance into Airflow's table; a Dag's own tasks have one.
        theirs = BaseXCom.set

        def link(_, key, value, **where):
            return ti.xcom_push(key, value) if where["dag_id"] == ti.dag_id else theirs(key, value, **where)

        monkeypatch.setattr(BaseXCom, "set", classmethod(link))
    return {"ti": ti, "dag_run": SimpleNamespace(start_date=datetime(2026, 1, 1, tzinfo=UTC))}


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Look for a run that is not listed for half a second, not for two minutes."""
    monkeypatch.setattr(submissions, "LISTING_SECONDS", 0.5)
    monkeypatch.setattr(submissions, "LOOK_AGAIN", 0.05)
    for module in (worker_driver, faults):
        monkeypatch.setattr(module, "back_off", lambda _faults: 0.02)


@pytest.fixture(autouse=True)
def in_worker(monkeypatch):
    """Have deferrable tasks, too, start their runs in the worker; tests/lifecycle has them started in a triggerer."""
    monkeypatch.setenv("AIRFLOW__OMICS__START_IN", "worker")


@pytest.fixture
def in_triggerer(in_worker, ti, monkeypatch):  # noqa: ARG001 - after it
    """Have deferrable tasks start their runs in the triggerer, over the XComs of ``ti``; return what sets its state."""
    monkeypatch.setenv("AIRFLOW__OMICS__START_IN", "triggerer")
    monkeypatch.setenv("AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD", "0")
    states = ["deferred"]
    for module in (marker, start_run_trigger):
        monkeypatch.setattr(module, "push_from_trigger", lambda _task, key, value: ti.xcom_push(key, value))
    monkeypatch.setattr(marker, "pull_in_trigger", lambda _task, key, **_: ti.xcom.get(key))
    monkeypatch.setattr(claim, "task_states", lambda tis: states * len(tis))
    monkeypatch.setattr(ask_airflow, "task_states", lambda tis: states * len(tis))

    def set_state(state):
        states[0] = state

    return set_state


@pytest.fixture
def frozen(omics_local):
    """Stop the endpoint's clock: a run stays as it is until a test moves it."""
    omics_local.clock.freeze()
    return omics_local.clock


@pytest.fixture
def start_run(omics_local, monkeypatch):
    """Return an operator of a workflow whose runs take a tenth of a second."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(omics_local.airflow_connection()))
    omics_local.workflow(id="1234567", name="cram-to-bam")
    omics_local.switch(speed=500)

    def operator(**arguments):
        given = {"workflow_id": "1234567", "role_arn": ROLE, "output_uri": "s3://bucket/runs/", "poll_interval": 0.05}
        return StartOmicsRunOperator(task_id="run", **{**given, **arguments})

    return operator
