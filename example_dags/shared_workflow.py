# SPDX-License-Identifier: Apache-2.0
"""Run a workflow that another account shares."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_omics.operators.run import StartOmicsRunOperator

with DAG(
    dag_id="omics_shared_workflow",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    tags=["example", "omics"],
):
    StartOmicsRunOperator(
        task_id="shared_workflow",
        workflow_id="1234567",
        workflow_owner_id="123456789012",
        role_arn="arn:aws:iam::123456789012:role/HealthOmicsServiceRole",
        output_uri="s3://your-bucket/results/",
        parameters={"param1": "value1", "param2": "value2"},
        deferrable=True,
    )
