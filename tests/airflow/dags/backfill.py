# SPDX-License-Identifier: Apache-2.0
"""A cohort to be backfilled, one run for each Dag run, and a Dag that only waits as long, to compare with."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, BaseOperator
from airflow.providers.common.compat.standard.triggers import TimeDeltaTrigger

from airflow_provider_omics.operators.run import StartOmicsRunOperator

RUN_SECONDS = int(os.environ.get("OMICS_RUN_SECONDS", "8"))
# How a run of so many seconds goes; a plan's own last phase would come on top.
PLAN = {"pending": 1, "starting": 1, "running": RUN_SECONDS - 3, "stopping": 1}
DATES = {"start_date": datetime(2026, 1, 1, tzinfo=UTC), "end_date": datetime(2026, 10, 1, tzinfo=UTC)}
RECIPE = {"catchup": False, "max_active_runs": 30, "default_args": {"pool": "omics"}, **DATES}


class DeferringOperator(BaseOperator):
    """Wait in the triggerer for as long as a run takes, and do nothing else."""

    def execute(self, context):  # noqa: ARG002 - Airflow passes it
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=RUN_SECONDS)), method_name="resume")

    def resume(self, context, event=None):
        pass


with DAG("backfilled", schedule="@hourly", **RECIPE):
    StartOmicsRunOperator(
        task_id="run",
        workflow_id="1234567",
        role_arn="arn:aws:iam::123456789012:role/omics",
        output_uri="s3://bucket/runs/{{ ts_nodash }}/",
        parameters={"sample_sheet": "s3://bucket/samples/{{ ts }}.csv"},
        priority="{{ 10 if dag_run.run_type == 'backfill' else 100 }}",
        poll_interval=2,
        deferrable=True,
    )

with DAG("only_deferring", schedule="@hourly", **RECIPE):
    DeferringOperator(task_id="run")
