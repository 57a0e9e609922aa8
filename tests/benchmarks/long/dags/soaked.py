# SPDX-License-Identifier: Apache-2.0
"""The tasks of the soak: one for each run, which has no other try; their workflows decide how their runs end."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_omics.operators.run import StartOmicsRunOperator

ENDS = {"2000001": "COMPLETED", "2000002": "FAILED", "2000003": "CANCELLED"}
WORKFLOWS = ["2000001"] * 8 + ["2000002", "2000003"]

with DAG("soaked", schedule=None, max_active_runs=100):
    StartOmicsRunOperator.partial(
        task_id="run",
        role_arn="arn:aws:iam::123456789012:role/omics",
        output_uri="s3://bucket/runs/",
        deferrable=True,
        retries=0,
    ).expand(workflow_id=WORKFLOWS)
