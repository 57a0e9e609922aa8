# SPDX-License-Identifier: Apache-2.0
"""A DAG that starts when the runs of `chain.py` have written their outputs, and finds them by the asset's event."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, Asset, task

with DAG(
    dag_id="omics_after_chain",
    description="Needs a run of omics_chain, which triggers it.",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=[Asset("s3://omics-artifacts-01d6xmpl4e72dd32/bams")],
    tags=["example", "omics"],
):

    @task
    def outputs_of(**context: Any) -> list[str]:  # noqa: ANN401 - Airflow's context holds whatever
        """Return the output URIs of the runs that triggered this Dag run."""
        # Airflow 2.11 calls assets datasets.
        events = context.get("triggering_asset_events") or context.get("triggering_dataset_events") or {}
        return [event.extra["run_output_uri"] for asset in events for event in events[asset]]

    outputs_of()
