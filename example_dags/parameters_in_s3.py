# SPDX-License-Identifier: Apache-2.0
"""More parameters than StartRun takes, 50,000 bytes: a task writes them to S3, and the run reads them from there."""

import json

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator


@task
def write_parameters(run_id: str | None = None) -> str:
    """Write the parameters of a thousand samples, where a retry and a clear of this Dag run find them, too."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # noqa: PLC0415 - a DAG file needs no boto3

    samples = [f"NA{number:05}" for number in range(1000)]
    parameters = {"samples": [{"name": name, "cram": f"s3://your-bucket/crams/{name}.cram"} for name in samples]}
    key = f"parameters/{run_id}.json"
    S3Hook("aws_default").load_string(json.dumps(parameters), key, bucket_name="your-bucket", replace=True)
    return f"s3://your-bucket/{key}"


with DAG(dag_id="omics_parameters_in_s3", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), schedule=None):
    StartOmicsRunOperator(
        task_id="joint_genotyping",
        workflow_id="1234567",
        role_arn="arn:aws:iam::123456789012:role/HealthOmicsServiceRole",
        output_uri="s3://your-bucket/results/",
        parameters_uri=write_parameters(),
        # The crams lie in a bucket whose owner has the reader pay.
        requester_pays_enabled=True,
        deferrable=True,
    )
