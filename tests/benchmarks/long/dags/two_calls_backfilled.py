# SPDX-License-Identifier: Apache-2.0
"""A cohort to be backfilled by an operator that defers once, and calls AWS once in each of its two workers."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.common.compat.sdk import DAG, BaseOperator
from airflow.providers.common.compat.standard.triggers import TimeDeltaTrigger

RUN_SECONDS = int(os.environ.get("OMICS_RUN_SECONDS", "8"))


class TwoCallsOperator(BaseOperator):
    """Ask for the account, wait for as long as a run takes, and read a small object, as a task with a run must."""

    def execute(self, context):  # noqa: ARG002 - Airflow passes it
        account = AwsBaseHook(client_type="sts").conn.get_caller_identity()["Account"]
        trigger = TimeDeltaTrigger(timedelta(seconds=RUN_SECONDS))
        self.defer(trigger=trigger, method_name="resume", kwargs={"account": account})

    def resume(self, context, event, account):  # noqa: ARG002 - Airflow passes them
        AwsBaseHook(client_type="s3").conn.get_object(Bucket="bucket", Key="outputs.json")["Body"].read()


DATES = {"start_date": datetime(2026, 1, 1, tzinfo=UTC), "end_date": datetime(2026, 10, 1, tzinfo=UTC)}
with DAG("two_calls", schedule="@hourly", catchup=False, max_active_runs=30, default_args={"pool": "omics"}, **DATES):
    TwoCallsOperator(task_id="run")
