# SPDX-License-Identifier: Apache-2.0
"""Runs in a task loop of Airflow 3.4: one task, and two mapped ones, in each of three passes."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task_group

from airflow_provider_omics.operators.run import StartOmicsRunOperator

RUN = {
    "task_id": "run",
    "workflow_id": "1234567",
    "role_arn": "arn:aws:iam::123456789012:role/omics",
    "output_uri": "s3://bucket/runs/",
    "poll_interval": 0.5,
    "retries": 1,
}


@task_group(prefix_group_id=False)
def refine(*, deferrable: bool) -> None:
    """Start a run."""
    StartOmicsRunOperator(deferrable=deferrable, **RUN)


@task_group(prefix_group_id=False)
def refine_each(*, deferrable: bool) -> None:
    """Start a run for each of two samples."""
    samples = [{"sample": "NA12878"}, {"sample": "NA12891"}]
    StartOmicsRunOperator.partial(deferrable=deferrable, **RUN).expand(parameters=samples)


if hasattr(refine, "loop"):
    for mode, deferrable in {"sync": False, "deferred": True}.items():
        with DAG(f"{mode}_loop", schedule=None):
            refine.partial(deferrable=deferrable).loop(max_iterations=3)

        with DAG(f"{mode}_loop_mapped", schedule=None):
            refine_each.partial(deferrable=deferrable).loop(max_iterations=2)
