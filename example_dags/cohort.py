# SPDX-License-Identifier: Apache-2.0
"""A cohort: one mapped task, and so one run, for each sample; then one task that lists the outputs of all."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator

with DAG(
    dag_id="omics_cohort",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    params={"samples": ["NA12878", "NA12891", "NA12892"]},
    default_args={"retries": 1, "retry_delay": timedelta(minutes=10)},
    tags=["example", "omics"],
):

    @task
    def inputs(params: dict[str, list[str]]) -> list[dict[str, str]]:
        """Return the parameters of each sample's run."""
        bucket = "s3://omics-artifacts-01d6xmpl4e72dd32"
        return [{"sample_name": sample, "input_cram": f"{bucket}/{sample}.cram"} for sample in params["samples"]]

    runs = StartOmicsRunOperator.partial(
        task_id="cram_to_bam",
        workflow_id="1234567",
        role_arn="arn:aws:iam::123456789012:role/omics-service-role-serviceRole-W8O1XMPL7QZ",
        output_uri="s3://omics-artifacts-01d6xmpl4e72dd32/cohort/{{ run_id }}/",
        storage_type="DYNAMIC",
        run_group_id="1234567",
        deferrable=True,
    ).expand(parameters=inputs())

    @task
    def report(runs: list[dict[str, str]]) -> list[str]:
        """Return where each run's outputs are."""
        return [run["run_output_uri"] for run in runs]

    report(runs.output)
