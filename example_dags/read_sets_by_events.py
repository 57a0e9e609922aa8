# SPDX-License-Identifier: Apache-2.0
"""Airflow 3: each read set that arrives in a sequence store starts a run, by events."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.triggers.events import OmicsEventTrigger

QUEUE = os.environ.get("OMICS_READ_SETS_QUEUE", "https://sqs.us-east-1.amazonaws.com/123456789012/omics-read-sets")

ARRIVED = Asset(
    "omics-read-sets",
    watchers=[
        AssetWatcher(
            name="read_sets",
            trigger=OmicsEventTrigger(queue_url=QUEUE, detail_type="Read Set Status Change", status="ACTIVE"),
        )
    ],
)

with DAG(
    dag_id="omics_read_sets_by_events",
    description="Needs a queue first, named by OMICS_READ_SETS_QUEUE, that gets read set events: docs/events.md.",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=[ARRIVED],
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["example", "omics"],
):

    @task
    def requests(triggering_asset_events: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - Airflow's
        """Return what differs between the runs to start, one for each read set."""
        told = [event.extra["payload"]["detail"] for event in triggering_asset_events.get(ARRIVED, ())]
        requests = []
        for read_set in {read_set["arn"]: read_set for read_set in told}.values():
            region, account = read_set["arn"].split(":")[3:5]
            path = f"{read_set['sequenceStoreId']}/readSet/{read_set['id']}"
            requests.append(
                {
                    "parameters": {
                        "sample_name": read_set["id"],
                        "input_cram": f"omics://{account}.storage.{region}.amazonaws.com/{path}/source1",
                    },
                    # One that is archived, and later activated, is ACTIVE again: it has had its run.
                    "request_id": f"read-set-{read_set['sequenceStoreId']}-{read_set['id']}",
                }
            )
        return requests

    StartOmicsRunOperator.partial(
        task_id="cram_to_bam",
        workflow_id="1234567",
        role_arn="arn:aws:iam::123456789012:role/omics-service-role-serviceRole-W8O1XMPL7QZ",
        output_uri="s3://omics-artifacts-01d6xmpl4e72dd32/workflow-output/",
        storage_type="DYNAMIC",
        deferrable=True,
    ).expand_kwargs(requests())
