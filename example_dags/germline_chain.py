# SPDX-License-Identifier: Apache-2.0
"""
Reads arrive, a run calls their variants, another one filters them, and an asset starts the DAG that reports them.

This is what `make demo-chain` runs.
"""

from __future__ import annotations

import gzip
import json
import os
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.common.compat.sdk import DAG, Asset, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator

# `make demo` and `make ui` say which workflows they have registered.
GERMLINE = os.environ.get("OMICS_GERMLINE_WORKFLOW", "1234567")
FILTER = os.environ.get("OMICS_FILTER_WORKFLOW", "7654321")
READS = "s3://{{ params.bucket }}/arrivals/{{ params.sample }}"
FILTERED = Asset("s3://omics-demo/filtered")
RUN = {
    "role_arn": "arn:aws:iam::123456789012:role/HealthOmicsServiceRole",
    "output_uri": "s3://{{ params.bucket }}/results/",
    "storage_type": "DYNAMIC",
    "deferrable": True,
}

with DAG(
    dag_id="omics_germline_chain",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    description="Needs the workflows, the bucket and the reads that make ui and make demo register and upload.",
    params={"germline": GERMLINE, "filter": FILTER, "bucket": "omics-demo", "sample": "NA12878"},
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    tags=["example", "omics"],
):
    wait_for_reads = S3KeySensor(
        task_id="wait_for_reads",
        bucket_key=[f"{READS}_R1.fastq.gz", f"{READS}_R2.fastq.gz"],
        # Between two looks the sensor holds no worker slot.
        mode="reschedule",
        poke_interval=10,
        timeout=timedelta(days=2),
    )

    call_variants = StartOmicsRunOperator(
        task_id="call_variants",
        workflow_id="{{ params.germline }}",
        parameters={
            "sample": "{{ params.sample }}",
            "reference": "s3://{{ params.bucket }}/reference/ref.fa",
            "reads_1": f"{READS}_R1.fastq.gz",
            "reads_2": f"{READS}_R2.fastq.gz",
        },
        **RUN,
    )

    filter_variants = StartOmicsRunOperator(
        task_id="filter_variants",
        workflow_id="{{ params.filter }}",
        parameters={
            "sample": "{{ params.sample }}",
            "calls": "{{ ti.xcom_pull('call_variants', key='outputs')['Germline.vcf'] }}",
        },
        outlets=[FILTERED],
        **RUN,
    )

    wait_for_reads >> call_variants >> filter_variants

with DAG(
    dag_id="omics_germline_report",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=[FILTERED],
    tags=["example", "omics"],
):

    @task
    def report(**context: Any) -> list[str]:  # noqa: ANN401 - Airflow's context holds whatever
        """Say for each run that woke this one how many variants it has kept, and which is the first."""
        # Airflow 2.11 calls assets datasets.
        events = context.get("triggering_asset_events") or context.get("triggering_dataset_events") or {}
        s3, lines = S3Hook(), []
        for event in (event for asset in events for event in events[asset]):
            outputs = json.loads(s3.read_key(f"{event.extra['run_output_uri']}/logs/outputs.json"))
            bucket, key = s3.parse_s3_url(outputs["Filter.vcf"])
            vcf = gzip.decompress(s3.get_key(key, bucket).get()["Body"].read()).decode()
            first = next(line.split("\t") for line in vcf.splitlines() if not line.startswith("#"))
            where, change = ":".join(first[:2]), ">".join(first[3:5])
            run_id, kept = event.extra["run_id"], outputs["Filter.kept"]
            lines.append(f"run {run_id} kept {kept} variants, the first {where} {change}")
        return lines

    report()
