# SPDX-License-Identifier: Apache-2.0
"""Duplicate a run: what is not named here is copied from it."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_omics.operators.run import StartOmicsRunOperator

with DAG(
    dag_id="omics_duplicate_run",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    params={"run_id": "3282892"},
    tags=["example", "omics"],
):
    StartOmicsRunOperator(
        task_id="duplicate",
        run_id="{{ params.run_id }}",
        role_arn="arn:aws:iam::713632817814:role/HealthOmicsServiceRole",
        output_uri="s3://healthomics-output-bucket-demo/results/",
        deferrable=True,
    )
