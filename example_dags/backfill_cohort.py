# SPDX-License-Identifier: Apache-2.0
"""One run for each sequencing day, every night and, by a backfill, for all days before: docs/backfills.md says how."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_omics.operators.run import StartOmicsRunOperator

with DAG(
    dag_id="omics_backfill_cohort",
    description="Needs the pool first: airflow pools set omics 50 omics --include-deferred.",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule="@daily",
    catchup=False,
    # Fewer than the pool has slots; beyond 20 a setting of Airflow 3's scheduler counts, too: docs/backfills.md.
    max_active_runs=30,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["example", "omics"],
):
    StartOmicsRunOperator(
        task_id="call_variants",
        workflow_id="7206765",
        role_arn="arn:aws:iam::123456789012:role/HealthOmicsServiceRole",
        output_uri="s3://healthomics-output-bucket-demo/results/{{ ds_nodash }}/",
        parameters={"input": "s3://healthomics-output-bucket-demo/input/{{ ds }}/samplesheet.csv"},
        storage_type="DYNAMIC",
        run_group_id="1234567",
        # In its run group, a backfilled day starts after last night's.
        priority="{{ 10 if dag_run.run_type == 'backfill' else 100 }}",
        retention_mode="REMOVE",
        # airflow pools set omics 50 "Tasks with a HealthOmics run" --include-deferred
        pool="omics",
        deferrable=True,
    )
