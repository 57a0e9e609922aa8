# SPDX-License-Identifier: Apache-2.0
"""A run whose outputs, by an alias, and whose asset each schedule another Dag."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, AssetAlias, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator

COHORT, VCFS = Asset("s3://bucket/cohort"), AssetAlias("vcfs")

with DAG("deferred_writes", schedule=None):
    StartOmicsRunOperator(
        task_id="run",
        workflow_id="1234567",
        role_arn="arn:aws:iam::123456789012:role/omics",
        output_uri="s3://bucket/runs/",
        poll_interval=0.5,
        deferrable=True,
        outlets=[COHORT, VCFS],
    )


# Each URI as a key of XCom would be part of a path, in which 3.1 does not quote it.
@task(multiple_outputs=False)
def read(**context: Any) -> dict[str, str]:
    """Return URI and output URI of what woke this Dag run."""
    # Airflow 3 names an event of an alias twice: under the alias, too.
    woken_by = context.get("triggering_asset_events") or context["triggering_dataset_events"]
    events = [event for source in woken_by for event in woken_by[source]]
    assets = [getattr(event, "asset", None) or event.dataset for event in events]
    return {asset.uri: event.extra["run_output_uri"] for asset, event in zip(assets, events, strict=True)}


for name, wanted in {"reads_asset": COHORT, "reads_outputs": VCFS}.items():
    with DAG(name, schedule=[wanted], start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        read()
