# SPDX-License-Identifier: Apache-2.0
"""One real Airflow and one endpoint for all tests here; each test finds the endpoint as new and no Dag run going."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from airflow_provider_omics.local.server import Server
from airflow_provider_omics.local.state.run_state import ACTIVE
from airflow_provider_omics.local.testing import LocalOmics
from airflow_provider_omics.testing.airflow_home import AIRFLOW_3
from demo.airflow_processes import AirflowProcesses, airflow_processes
from tests.airflow.processes import MODES

if TYPE_CHECKING:
    from airflow_provider_omics.testing.database import Run

# Airflow's own patience, of minutes, would be most of the tests' time; a machine may still pause for a quarter of one.
IMPATIENT = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "25",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}
IMPATIENT_2 = {
    "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "25",
    "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "3",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}
# The Dag files stay as they are, and parsing them again would take the processors from the tests. A turn takes a slot.
ONCE = {
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "600",
    "AIRFLOW__CORE__PARALLELISM": "8",
    # Airflow 3 gets on with so many of the running Dag runs only, by default 20, and with backfilled ones last.
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "100",
}
# A test may hold up one of Airflow's XComs.
HELD = {
    "AIRFLOW__CORE__XCOM_BACKEND": "held_xcom.HeldXCom",
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent / "backend"), os.environ.get("PYTHONPATH", "")]),
}


@dataclass(frozen=True)
class Omics:
    """The endpoint's own record of what Airflow did to it."""

    endpoint: LocalOmics
    airflow: AirflowProcesses

    def begin(self, dag_id: str) -> tuple[Run, str]:
        """Return a Dag run whose task waits for its HealthOmics run, and that run's id."""
        run = self.airflow.trigger(dag_id)
        run_id = self.run()
        self.waits(run)
        self.asked("GetRun", run_id)
        return run, run_id

    def waits(self, run: Run, map_index: int = -1) -> None:
        """Wait until a task waits; Airflow itself fails one whose deferral is over before its scheduler noticed it."""
        state = MODES[run.dag_id.partition("_")[0]]
        self.airflow.wait_for(run, state, task_id="run", map_index=map_index)
        # 2.11 backfills without its scheduler.
        if state == "deferred" and (AIRFLOW_3 or not run.run_id.startswith("backfill__")):
            self.airflow.until(lambda: self.airflow.noticed(run, "run", map_index), "the scheduler to notice", run=run)

    def run(self, number: int = 1) -> str:
        """Wait until the endpoint has so many runs, and return the id of that one."""
        runs = self.airflow.until(lambda: self.endpoint.runs()[number - 1 :], f"run number {number} at the endpoint")
        return runs[0]["id"]

    def runs(self, number: int) -> list[str]:
        """Wait until the endpoint has so many runs, and return the ids of all."""
        self.run(number)
        return [run["id"] for run in self.endpoint.runs()]

    def asked(self, operation: str, run_id: str | None = None, times: int = 1) -> None:
        """Wait until an operation has been called so many times."""

        def calls():
            found = [call for call in self.endpoint.calls(operation) if run_id in (None, call["id"])]
            return len(found) >= times

        self.airflow.until(calls, f"{operation} of run {run_id}")

    def status(self, run_id: str) -> str:
        return next(run["status"] for run in self.endpoint.runs() if run["id"] == run_id)

    def dies(self, run_id: str) -> None:
        """Wait until a run is cancelled."""
        dying = ("STOPPING", "CANCELLED")
        self.airflow.until(lambda: self.status(run_id) in dying, f"run {run_id} to be cancelled", timeout=60)

    @property
    def cancelled(self) -> set[str]:
        """The runs for which CancelRun was called."""
        return {call["id"] for call in self.endpoint.calls("CancelRun")}

    def tag(self, run_id: str, name: str) -> str:
        return next(run["tags"][name] for run in self.endpoint.runs() if run["id"] == run_id)

    def succeed(self, run: Run, run_id: str, map_index: int = -1) -> None:
        """Let a run be COMPLETED, and see its task succeed with all that it promises."""
        airflow = self.airflow
        self.waits(run, map_index)
        self.endpoint.force(run_id, "COMPLETED")
        airflow.wait_for(run, "success", task_id="run", map_index=map_index)
        told = airflow.database.xcom(run, "run", map_index=map_index)
        [seen] = [it for it in self.endpoint.runs() if it["id"] == run_id]
        assert told == {
            "run_id": run_id,
            "uuid": seen["uuid"],
            "arn": seen["arn"],
            "run_output_uri": seen["run_output_uri"],
            "status": "COMPLETED",
        }
        pushed = {key: airflow.database.xcom(run, "run", key, map_index) for key in told if key != "status"}
        assert pushed == {key: told[key] for key in pushed}
        # The REST API asks for the region of a task in a loop.
        if AIRFLOW_3 and "loop" not in run.dag_id:
            path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/run/links?map_index={map_index}"
            links = airflow.rest("GET", path)["extra_links"]
            assert len(links) == 3
            assert run_id in links["HealthOmics run"]


@pytest.fixture(scope="session")
def server():
    with Server({"logs": False}) as server:
        yield LocalOmics(server.url)


@pytest.fixture(scope="session")
def airflow(server):
    env = server.env() | ONCE | HELD | (IMPATIENT if AIRFLOW_3 else IMPATIENT_2)
    with airflow_processes(Path(__file__).parent / "dags", env) as running:
        yield running
    assert processes_of(running.home) == []
    assert not running.home.exists()


@pytest.fixture
def omics(server, airflow):
    """
    Serve runs that are RUNNING until the test ends them; afterwards, wait until no Dag run goes on.

    A process of Airflow's that has crashed fails the test in which it did so, and not those after it.
    """
    server.reset()
    airflow.revive()
    server.workflow(id="1234567", name="germline")
    server.script(pending=0, starting=0, running=3600, stopping=1)
    yield Omics(server, airflow)
    server.clear_faults()
    deadline = time.monotonic() + 180
    while airflow.database.query("SELECT 1 FROM dag_run WHERE state IN ('queued', 'running')"):
        for run in server.runs():
            if run["status"] in ACTIVE:
                server.force(run["id"], "CANCELLED")
        assert time.monotonic() < deadline, "a Dag run goes on after the test"
        time.sleep(0.5)


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


def processes_of(home):
    environments = [(it, it.info["environ"] or {}) for it in psutil.process_iter(["environ"])]
    return [it for it, environment in environments if environment.get("AIRFLOW_HOME") == str(home)]
