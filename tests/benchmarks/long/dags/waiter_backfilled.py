# SPDX-License-Identifier: Apache-2.0
"""A cohort to be backfilled as the amazon provider's operators would: StartRun in the worker, a waiter, GetRun."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.common.compat.sdk import DAG, BaseOperator

from tests.benchmarks.long.waiter import RunWaiterTrigger


class WaiterOperator(BaseOperator):
    """Start a run and wait for it in the triggerer, without a look-up, outputs, or any XCom but the run ID."""

    def execute(self, context):
        run = AwsBaseHook(client_type="omics").conn.start_run(
            workflowId="1234567",
            roleArn="arn:aws:iam::123456789012:role/omics",
            outputUri=f"s3://bucket/runs/{context['ts_nodash']}/",
            requestId=f"{context['run_id']}-{context['ti'].try_number}",
        )
        trigger = RunWaiterTrigger(run_id=run["id"], waiter_delay=2, aws_conn_id="aws_default")
        self.defer(trigger=trigger, method_name="resume")

    def resume(self, context, event):  # noqa: ARG002 - Airflow passes it
        return AwsBaseHook(client_type="omics").conn.get_run(id=event["run_id"])["id"]


DATES = {"start_date": datetime(2026, 1, 1, tzinfo=UTC), "end_date": datetime(2026, 10, 1, tzinfo=UTC)}
with DAG("waiter", schedule="@hourly", catchup=False, max_active_runs=30, default_args={"pool": "omics"}, **DATES):
    WaiterOperator(task_id="run")
