# SPDX-License-Identifier: Apache-2.0
"""Take reads and reference genome from HealthOmics storage, by omics:// URIs in the parameter file."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_omics.operators.run import StartOmicsRunOperator

with DAG(
    dag_id="omics_storage_uris",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    tags=["example", "omics"],
):
    StartOmicsRunOperator(
        task_id="cram_to_bam",
        workflow_id="1234567",
        role_arn="arn:aws:iam::123456789012:role/omics-service-role-serviceRole-W8O1XMPL7QZ",
        name="cram-to-bam-from-storage",
        output_uri="s3://omics-artifacts-01d6xmpl4e72dd32/workflow-output/",
        storage_type="DYNAMIC",
        parameters="omics-uri-inputs.json",
        deferrable=True,
    )
