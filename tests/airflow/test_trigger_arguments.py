# SPDX-License-Identifier: Apache-2.0
"""Who can read, in Airflow's database and through its REST API, what a task defers with."""

import pytest
from packaging.version import Version

from airflow_provider_omics.testing.airflow_home import AIRFLOW, AIRFLOW_3

pytestmark = pytest.mark.airflow
OUTPUT_URI = "s3://bucket/runs/"
ROW = """
    SELECT "trigger".kwargs FROM "trigger" JOIN task_instance ON trigger_id = "trigger".id
    WHERE dag_id = ? AND run_id = ?
"""
# What 2.11's REST API answers about a task instance's trigger.
TOLD_2 = """
import sys
from airflow.api_connexion.schemas.trigger_schema import TriggerSchema
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
with create_session() as session:
    ti = session.query(TaskInstance).filter_by(dag_id=sys.argv[1], run_id=sys.argv[2]).one()
    print(TriggerSchema().dump(ti.trigger)["kwargs"])
"""


def told(airflow, run):
    """Return the trigger's arguments as the REST API tells them to whoever may read the Dag's task instances."""
    if AIRFLOW_3:
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/run"
        return airflow.rest("GET", path)["trigger"]["kwargs"]
    return airflow.python("-c", TOLD_2, *run)


def test_who_can_read_what_a_task_defers_with(airflow, omics):
    run, _ = omics.begin("deferred")
    [[kept]] = airflow.database.query(ROW, *run)
    # The home has a `[core] fernet_key`, which Airflow 3 does not use for what a task defers with.
    assert (OUTPUT_URI in kept) == AIRFLOW_3
    assert (OUTPUT_URI in told(airflow, run)) == (Version(AIRFLOW) < Version("3.3"))
