# SPDX-License-Identifier: Apache-2.0
"""A run's end schedules other Dags, which learn from its assets where the outputs are."""

import json

import pytest

from airflow_provider_omics.testing.airflow_home import AIRFLOW_3
from airflow_provider_omics.testing.database import Run

pytestmark = pytest.mark.airflow


def test_outputs_of_a_deferred_run_wake_other_dags(airflow, omics):
    airflow.until(lambda: airflow._parsed("reads_outputs"), "the Dags to be parsed")
    s3 = omics.endpoint.client("s3")
    s3.create_bucket(Bucket="bucket")
    run, run_id = omics.begin("deferred_writes")
    folder = f"s3://bucket/runs/{run_id}"
    vcf = f"{folder}/out/vcf/a.vcf"
    s3.put_object(Bucket="bucket", Key=f"runs/{run_id}/logs/outputs.json", Body=json.dumps({"w.vcf": vcf}).encode())
    omics.succeed(run, run_id)
    if not AIRFLOW_3:
        # 2.11 learns which datasets an alias stands for when it next parses the Dag.
        airflow.cli("dags", "reserialize")
    for dag_id, uri in {"reads_asset": "s3://bucket/cohort", "reads_outputs": vcf}.items():
        woken = airflow.until(lambda dag_id=dag_id: runs_of(airflow, dag_id), f"{dag_id} to be woken")
        airflow.wait_for(woken[0], "success")
        assert airflow.database.xcom(woken[0], "read") == {uri: folder}


def runs_of(airflow, dag_id):
    return [Run(*row) for row in airflow.database.query("SELECT dag_id, run_id FROM dag_run WHERE dag_id=?", dag_id)]
