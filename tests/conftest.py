# SPDX-License-Identifier: Apache-2.0
"""Every test session has an Airflow home of its own, made before anything imports Airflow."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from demo.airflow_home import AIRFLOW_3, Database, Run, TaskState, environment, make_database, write_config

pytest_plugins = ["airflow_provider_omics.local.testing"]

HOME = Path(tempfile.mkdtemp(prefix="airflow-tests-"))
_CLEAN = environment(HOME)
for _name in os.environ.keys() - _CLEAN.keys():
    del os.environ[_name]
os.environ.update(_CLEAN)
write_config(HOME, HOME / "dags")


def pytest_sessionfinish():
    shutil.rmtree(HOME, ignore_errors=True)


@dataclass(frozen=True)
class Finished:
    """What became of a Dag run."""

    run: Run
    state: str
    tasks: list[TaskState]
    database: Database

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        return self.database.xcom(self.run, task_id, key, map_index)


@pytest.fixture(scope="session")
def airflow_db():
    """Give the session's home its migrated database."""
    (HOME / "dags").mkdir()
    make_database(HOME)
    return Database(HOME)


@pytest.fixture
def aws_default(omics_local, monkeypatch):
    """Point the connection ``aws_default`` at the local endpoint."""
    for name, value in omics_local.env().items():
        monkeypatch.setenv(name, value)
    return omics_local


@pytest.fixture
def older_model(tmp_path, monkeypatch):
    """Have botocore read the service's model as it was before 1.44.8."""
    loader = botocore.session.get_session().get_component("data_loader")
    model = loader.load_service_model("omics", "service-2")
    for shape in model["shapes"].values():
        for member in ("parametersUri", "requesterPaysEnabled"):
            shape.get("members", {}).pop(member, None)
    folder = tmp_path / "omics/2022-11-28"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps(model))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))


@pytest.fixture
def run_dag(airflow_db):
    """Return a function that runs a Dag, or the one Dag of a file, by ``dag.test()`` and tells what became of it."""

    def run(dag, conf=None, logical_date=None) -> Finished:
        if isinstance(dag, Path):
            dag = only_dag(dag)
        if AIRFLOW_3:
            register(dag)
        else:
            dag.sync_to_db()  # Its datasets and aliases have to be there.
        when = {"logical_date" if AIRFLOW_3 else "execution_date": logical_date} if logical_date else {}
        done = dag.test(run_conf=conf, **when)
        key = Run(done.dag_id, done.run_id)
        return Finished(key, str(done.state), airflow_db.tasks(key), airflow_db)

    return run


def only_dag(file: Path):
    """Return the one Dag that a file defines."""
    bag = dag_bag(file)
    assert bag.import_errors == {}
    [dag] = bag.dags.values()
    return dag


def dag_bag(folder: Path):
    if AIRFLOW_3:
        from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - after the home is made
    else:
        from airflow.models.dagbag import DagBag  # noqa: PLC0415 - likewise
    return DagBag(folder)


def register(dag) -> None:
    """Store a Dag as the Dag processor would; dag.test() of 3.x asks the database for its version."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager  # noqa: PLC0415 - only 3.x has it
    from airflow.dag_processing.dagbag import sync_bag_to_db  # noqa: PLC0415 - likewise

    DagBundlesManager().sync_bundles_to_db()
    bag = dag_bag(HOME / "dags")
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
