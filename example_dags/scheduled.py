# SPDX-License-Identifier: Apache-2.0
"""Every night: one run for the day's samples, tried again with a run cache so that a retry goes on where it broke."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_omics.operators.run import StartOmicsRunOperator

with DAG(
    dag_id="omics_nightly",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule="@daily",
    catchup=False,
    max_active_runs=2,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["example", "omics"],
):
    StartOmicsRunOperator(
        task_id="joint_call",
        workflow_id="7206765",
        role_arn="arn:aws:iam::123456789012:role/HealthOmicsServiceRole",
        output_uri="s3://healthomics-output-bucket-demo/results/{{ ds_nodash }}/",
        parameters={"input": "s3://healthomics-output-bucket-demo/input/{{ ds }}/samplesheet.csv"},
        storage_type="DYNAMIC",
        cache_id="1234567",
        cache_behavior="CACHE_ON_FAILURE",
        run_group_id="1234567",
        retention_mode="REMOVE",
        tags={"project": "nightly"},
        deferrable=True,
    )
