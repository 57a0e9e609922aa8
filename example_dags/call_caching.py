# SPDX-License-Identifier: Apache-2.0
"""Run a workflow with call caching: what an earlier run computed from the same inputs is taken from the run cache."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_omics.operators.run import StartOmicsRunOperator

with DAG(
    dag_id="omics_call_caching",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    tags=["example", "omics"],
):
    StartOmicsRunOperator(
        task_id="single_cell",
        workflow_id="7206765",
        role_arn="arn:aws:iam::123456789012:role/HealthOmicsServiceRole",
        output_uri="s3://healthomics-output-bucket-demo/results/",
        parameters={
            "input": "s3://healthomics-output-bucket-demo/input/samplesheet.csv",
            "protocol": "10XV3",
            "ecr_registry": "123456789012.dkr.ecr.us-east-1.amazonaws.com",
            "gtf": "s3://healthomics-output-bucket-demo/reference/genes.gtf",
            "aligner": "star",
            "fasta": "s3://healthomics-output-bucket-demo/reference/genome.fa",
            "skip_emptydrops": "true",
        },
        cache_id="1234567",
        cache_behavior="CACHE_ALWAYS",
        deferrable=True,
    )
