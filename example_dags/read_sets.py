# SPDX-License-Identifier: Apache-2.0
"""Reads that have arrived in S3 become read sets of a sequence store, and each of them the input of a run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.common.compat.sdk import DAG, AirflowSkipException, task

from airflow_provider_omics.operators.activate_read_sets import ActivateOmicsReadSetsOperator
from airflow_provider_omics.operators.import_read_sets import ImportOmicsReadSetsOperator
from airflow_provider_omics.operators.run import StartOmicsRunOperator

BUCKET = "omics-artifacts-01d6xmpl4e72dd32"
ROLE = "arn:aws:iam::123456789012:role/omics-service-role-serviceRole-W8O1XMPL7QZ"
REFERENCE = "arn:aws:omics:us-east-1:123456789012:referenceStore/1234567890/reference/1234567890"
# Files in one job. Your own DAG should move the imported files, so that the next Dag run finds the others.
MOST = 20

with DAG(
    dag_id="omics_read_sets",
    description="Needs CRAM files below arrivals/ in S3 first; at the local endpoint, omics-local seed puts two.",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    max_active_runs=1,
    params={"sequence_store_id": "1234567890", "prefix": "arrivals/"},
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10), "deferrable": True},
    tags=["example", "omics"],
):

    @task
    def arrived(params: dict[str, str] | None = None) -> list[dict[str, object]]:
        """Return a source for each CRAM below the prefix, named after its sample."""
        keys = S3Hook().list_keys(BUCKET, prefix=(params or {})["prefix"]) or []
        samples = {key.rpartition("/")[2].removesuffix(".cram"): key for key in keys if key.endswith(".cram")}
        if not samples:
            raise AirflowSkipException("Nothing has arrived.")
        return [
            {
                "sourceFiles": {"source1": f"s3://{BUCKET}/{key}"},
                "sourceFileType": "CRAM",
                "subjectId": sample,
                "sampleId": sample,
                "name": sample,
                "referenceArn": REFERENCE,
            }
            for sample, key in sorted(samples.items())[:MOST]
        ]

    imported = ImportOmicsReadSetsOperator(
        task_id="import_read_sets",
        sequence_store_id="{{ params.sequence_store_id }}",
        role_arn=ROLE,
        sources=arrived(),
    )
    # What was imported just now is active; a task like this one is for read sets that have been there for a month.
    activated = ActivateOmicsReadSetsOperator(
        task_id="activate_read_sets",
        sequence_store_id="{{ params.sequence_store_id }}",
        sources=imported.output["read_set_ids"],
    )

    @task
    def inputs(read_sets: list[dict[str, Any]]) -> list[dict[str, str]]:
        """Return the parameters of a run for each read set; the import's `omics_uris` would do as well."""
        return [{"sample_name": item["name"], "input_cram": item["s3_uris"][0]} for item in read_sets]

    StartOmicsRunOperator.partial(
        task_id="cram_to_bam",
        workflow_id="1234567",
        role_arn=ROLE,
        output_uri=f"s3://{BUCKET}/workflow-output/",
        storage_type="DYNAMIC",
    ).expand(parameters=inputs(activated.output["read_sets"]))
