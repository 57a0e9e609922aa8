# SPDX-License-Identifier: Apache-2.0
"""Airflow 3: when a run completes, whatever has started it, another one is started on its outputs, by events."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.triggers.events import OmicsEventTrigger

QUEUE = os.environ.get("OMICS_RUNS_QUEUE", "https://sqs.us-east-1.amazonaws.com/123456789012/omics-runs")

COMPLETED = Asset(
    "omics-completed-runs",
    watchers=[
        AssetWatcher(
            name="completed_runs",
            trigger=OmicsEventTrigger(queue_url=QUEUE, status="COMPLETED", workflow_id="1234567"),
        )
    ],
)

with DAG(
    dag_id="omics_chain_by_events",
    description="Needs a queue first, named by OMICS_RUNS_QUEUE, that gets HealthOmics' run events: docs/events.md.",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=[COMPLETED],
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["example", "omics"],
):

    @task
    def requests(triggering_asset_events: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - Airflow's
        """Return what differs between the runs to start, one for each run that has completed."""
        # Several events may have arrived before this Dag run began, and one of them twice.
        told = [event.extra["payload"]["detail"] for event in triggering_asset_events.get(COMPLETED, ())]
        requests = []
        for run in {run["uuid"]: run for run in told}.values():
            outputs = json.loads(S3Hook().read_key(f"{run['runOutputUri']}/logs/outputs.json"))
            requests.append(
                {
                    "parameters": {"input": outputs["cram_to_bam.bam"]},
                    # An event may be delivered again: HealthOmics starts one run for a requestId.
                    "request_id": f"after-{run['uuid']}",
                }
            )
        return requests

    # Not the workflow of the asset's filter: else each run would start the next one, without end.
    StartOmicsRunOperator.partial(
        task_id="analyse",
        workflow_id="7206765",
        role_arn="arn:aws:iam::123456789012:role/HealthOmicsServiceRole",
        output_uri="s3://healthomics-output-bucket-demo/results/",
        storage_type="DYNAMIC",
        deferrable=True,
    ).expand_kwargs(requests())
