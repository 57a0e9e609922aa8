# SPDX-License-Identifier: Apache-2.0
"""Germline variants of a sample, called as soon as its reads have arrived. This is the DAG that `make demo` runs."""

from __future__ import annotations

import gzip
import json
import os
from datetime import timedelta

import pendulum
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator

# `make demo` and `make ui` say which workflow they have registered.
WORKFLOW = os.environ.get("OMICS_GERMLINE_WORKFLOW", "1234567")
READS = "s3://{{ params.bucket }}/arrivals/{{ params.sample }}"

with DAG(
    dag_id="omics_germline_after_arrival",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    description="Needs the workflow, the bucket and the reads that make ui and make demo register and upload.",
    params={"workflow_id": WORKFLOW, "bucket": "omics-demo", "sample": "NA12878"},
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    tags=["example", "omics"],
):
    wait_for_reads = S3KeySensor(
        task_id="wait_for_reads",
        bucket_key=[f"{READS}_R1.fastq.gz", f"{READS}_R2.fastq.gz"],
        # Between two pokes the sensor holds no worker slot.
        mode="reschedule",
        poke_interval=10,
        timeout=timedelta(days=2),
    )

    call_variants = StartOmicsRunOperator(
        task_id="call_variants",
        workflow_id="{{ params.workflow_id }}",
        role_arn="arn:aws:iam::123456789012:role/HealthOmicsServiceRole",
        output_uri="s3://{{ params.bucket }}/results/",
        storage_type="DYNAMIC",
        parameters={
            "sample": "{{ params.sample }}",
            "reference": "s3://{{ params.bucket }}/reference/ref.fa",
            "reads_1": f"{READS}_R1.fastq.gz",
            "reads_2": f"{READS}_R2.fastq.gz",
        },
        deferrable=True,
    )

    @task
    def report(run: dict[str, str], params: dict[str, str] | None = None) -> str:
        """Compare the called variants with those known to be there."""
        s3 = S3Hook()
        outputs = json.loads(s3.read_key(f"{run['run_output_uri']}/logs/outputs.json"))
        bucket, key = s3.parse_s3_url(outputs["Germline.vcf"])
        vcf = gzip.decompress(s3.get_key(key, bucket).get()["Body"].read()).decode()
        records = [line.split("\t") for line in vcf.splitlines() if not line.startswith("#")]
        called = {(chrom, int(pos), ref, alt) for chrom, pos, _, ref, alt, *_ in records}
        truth = json.loads(s3.read_key("reference/truth.json", (params or {})["bucket"]))
        found = sum((known["chrom"], known["pos"], known["ref"], known["alt"]) in called for known in truth)
        print(f"Found {found} of {len(truth)} known variants in {outputs['Germline.vcf']}")  # noqa: T201 - the task's log
        return f"{found} of {len(truth)}"

    wait_for_reads >> call_variants >> report(call_variants.output)
