# SPDX-License-Identifier: Apache-2.0
"""The Dags that the tests run in real Airflow: one task, sync and deferred, with what else a test needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator

RUN = {
    "task_id": "run",
    "workflow_id": "1234567",
    "role_arn": "arn:aws:iam::123456789012:role/omics",
    "output_uri": "s3://bucket/runs/",
    "poll_interval": 0.5,
}

for mode, deferrable in {"sync": False, "deferred": True}.items():
    with DAG(mode, schedule=None):
        StartOmicsRunOperator(deferrable=deferrable, retries=1, **RUN)

    with DAG(f"{mode}_mapped", schedule=None):
        samples = [{"sample": "NA12878"}, {"sample": "NA12891"}, {"sample": "NA12892"}]
        StartOmicsRunOperator.partial(deferrable=deferrable, retries=1, **RUN).expand(parameters=samples)

    with DAG(f"{mode}_limited", schedule=None):
        StartOmicsRunOperator(deferrable=deferrable, execution_timeout=timedelta(seconds=20), **RUN)

    with DAG(f"{mode}_limited_retried", schedule=None):
        # Airflow notices after half a minute that a worker's heartbeats do not come.
        StartOmicsRunOperator(deferrable=deferrable, execution_timeout=timedelta(seconds=60), retries=1, **RUN)

    with DAG(f"{mode}_limited_whole", schedule=None, dagrun_timeout=timedelta(seconds=20)):
        StartOmicsRunOperator(deferrable=deferrable, **RUN)

with DAG("deferred_to_start", schedule=None):
    unawaited = StartOmicsRunOperator.partial(deferrable=True, wait_for_completion=False, retries=1, **RUN)
    unawaited.expand(parameters=samples)

DAYS = {"start_date": datetime(2026, 1, 1, tzinfo=UTC), "end_date": datetime(2026, 1, 2, tzinfo=UTC)}
with DAG("deferred_backfilled", schedule="@daily", catchup=False, **DAYS):
    StartOmicsRunOperator(deferrable=True, retries=1, **RUN)

with DAG("killed", schedule=None):

    @task(retries=1)
    def sleep(ti=None):
        import time  # noqa: PLC0415 - a task imports what it needs

        time.sleep(3600 if ti.try_number == 1 else 0)

    sleep()
