# SPDX-License-Identifier: Apache-2.0
"""Run a workflow with a run group, a priority, static storage, a log level and a parameter file beside the DAG."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_omics.operators.run import StartOmicsRunOperator

with DAG(
    dag_id="omics_run_workflow",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    tags=["example", "omics"],
):
    StartOmicsRunOperator(
        task_id="cram_to_bam",
        workflow_id="1234567",
        role_arn="arn:aws:iam::123456789012:role/omics-service-role-serviceRole-W8O1XMPL7QZ",
        name="cram-to-bam",
        output_uri="s3://omics-artifacts-01d6xmpl4e72dd32/workflow-output/",
        run_group_id="1234567",
        priority=1,
        storage_capacity=10,
        log_level="ALL",
        parameters="workflow-inputs.json",
        deferrable=True,
    )
