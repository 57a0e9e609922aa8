# SPDX-License-Identifier: Apache-2.0
"""Every hour: one run for each CRAM file that has arrived in S3; an hour without any is skipped."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

import pendulum
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator

with DAG(
    dag_id="omics_hourly_arrivals",
    description="Needs CRAM files that arrived two to three hours ago; those of omics-local seed with upload_hours 0.",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule="@hourly",
    catchup=False,
    params={
        "bucket": "omics-artifacts-01d6xmpl4e72dd32",
        "prefix": "arrivals/",
        # S3 says of an object that was uploaded in parts when its upload began: none may take longer than this.
        "upload_hours": 2,
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["example", "omics"],
):

    @task
    def arrived(data_interval_end: Any, params: Any) -> list[dict[str, str]]:  # noqa: ANN401 - Airflow's
        """Return the parameters of each file's run."""
        # The same hour on Airflow 2 and 3, and in a backfill; 3's intervals are empty by default, but their end is it.
        end = data_interval_end - timedelta(hours=params["upload_hours"])
        keys = S3Hook().list_keys(
            params["bucket"],
            params["prefix"],
            from_datetime=end - timedelta(hours=1),
            to_datetime=end,
        )
        return [
            {"sample_name": PurePosixPath(key).stem, "input_cram": f"s3://{params['bucket']}/{key}"}
            for key in keys or ()
            if key.endswith(".cram")
        ]

    StartOmicsRunOperator.partial(
        task_id="cram_to_bam",
        workflow_id="1234567",
        role_arn="arn:aws:iam::123456789012:role/omics-service-role-serviceRole-W8O1XMPL7QZ",
        output_uri="s3://omics-artifacts-01d6xmpl4e72dd32/hourly/{{ ts_nodash }}/",
        storage_type="DYNAMIC",
        deferrable=True,
    ).expand(parameters=arrived())
