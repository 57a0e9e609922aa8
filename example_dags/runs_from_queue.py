# SPDX-License-Identifier: Apache-2.0
"""Any Airflow: the events in a queue start runs, and leave the queue when their runs have started."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.hooks.sqs import SqsHook
from airflow.providers.amazon.aws.sensors.sqs import SqsSensor
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator

QUEUE = os.environ.get("OMICS_RUNS_QUEUE", "https://sqs.us-east-1.amazonaws.com/123456789012/omics-runs")

with DAG(
    dag_id="omics_runs_from_queue",
    description="Needs a queue first, named by OMICS_RUNS_QUEUE, that gets HealthOmics' run events: docs/events.md.",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    # As soon as one Dag run has ended, the next one waits for events.
    schedule="@continuous",
    max_active_runs=1,
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    tags=["example", "omics"],
):
    wait_for_events = SqsSensor(
        task_id="wait_for_events",
        sqs_queue=QUEUE,
        max_messages=10,
        # Which events come into the queue is the rule's business; if something goes wrong here, they come again.
        delete_message_on_reception=False,
        visibility_timeout=900,
        # Between two looks the sensor holds no worker slot.
        mode="reschedule",
        poke_interval=30,
        timeout=timedelta(days=7),
        soft_fail=True,
    )

    @task
    def requests(messages: list[dict[str, str]]) -> list[dict[str, Any]]:
        """Return what differs between the runs to start, one for each run that has completed."""
        told = [json.loads(message["Body"])["detail"] for message in messages]
        requests = []
        for run in {run["uuid"]: run for run in told if run["status"] == "COMPLETED"}.values():
            outputs = json.loads(S3Hook().read_key(f"{run['runOutputUri']}/logs/outputs.json"))
            requests.append(
                {
                    "parameters": {"input": outputs["cram_to_bam.bam"]},
                    # An event may come again: HealthOmics starts one run for a requestId.
                    "request_id": f"after-{run['uuid']}",
                }
            )
        return requests

    # Their ends are events, too.
    start = StartOmicsRunOperator.partial(
        task_id="analyse",
        workflow_id="7206765",
        role_arn="arn:aws:iam::123456789012:role/HealthOmicsServiceRole",
        output_uri="s3://healthomics-output-bucket-demo/results/",
        storage_type="DYNAMIC",
        wait_for_completion=False,
    ).expand_kwargs(requests(wait_for_events.output["messages"]))

    # Also if no message starts a run; not if none came in a week, which skips all.
    @task(trigger_rule="none_failed_min_one_success")
    def delete(messages: list[dict[str, str]]) -> None:
        """Take the messages out of the queue."""
        entries = [{"Id": str(i), "ReceiptHandle": it["ReceiptHandle"]} for i, it in enumerate(messages)]
        SqsHook().conn.delete_message_batch(QueueUrl=QUEUE, Entries=entries)

    start >> delete(wait_for_events.output["messages"])
