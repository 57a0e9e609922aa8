# SPDX-License-Identifier: Apache-2.0
"""The smallest DAG: one workflow run, waited for without a worker slot."""

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_omics.operators.run import StartOmicsRunOperator

with DAG(dag_id="omics_first_run", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), schedule=None):
    StartOmicsRunOperator(
        task_id="call_variants",
        workflow_id="1234567",
        role_arn="arn:aws:iam::123456789012:role/HealthOmicsServiceRole",
        output_uri="s3://your-bucket/results/",
        parameters={"sample_name": "NA12878", "input_cram": "s3://your-bucket/NA12878.cram"},
        deferrable=True,
    )
