# SPDX-License-Identifier: Apache-2.0
"""A Dag with as many deferred tasks as its run is asked for: ``{"samples": 200}``."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator

with DAG("crowd", schedule=None, max_active_tasks=500):

    @task
    def samples(dag_run=None):
        return [{"sample": f"NA{number:05}"} for number in range(dag_run.conf["samples"])]

    StartOmicsRunOperator.partial(
        task_id="run",
        workflow_id="1234567",
        role_arn="arn:aws:iam::123456789012:role/omics",
        output_uri="s3://bucket/runs/",
        deferrable=True,
        retries=1,
    ).expand(parameters=samples())
