# SPDX-License-Identifier: Apache-2.0
"""A run on the named outputs of another one, and an asset that triggers other DAGs, such as `after_chain.py`."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG, Asset, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator

BUCKET = "s3://omics-artifacts-01d6xmpl4e72dd32"
BAMS = Asset(f"{BUCKET}/bams")
RUN = {
    "role_arn": "arn:aws:iam::123456789012:role/omics-service-role-serviceRole-W8O1XMPL7QZ",
    "output_uri": f"{BUCKET}/chain/",
    "storage_type": "DYNAMIC",
    "deferrable": True,
}
DEFAULTS = {"retries": 1, "retry_delay": timedelta(minutes=10)}

with DAG(
    dag_id="omics_chain",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    params={"cram": f"{BUCKET}/NA12878.cram"},
    default_args=DEFAULTS,
    tags=["example", "omics"],
):
    start = StartOmicsRunOperator(
        task_id="cram_to_bam",
        workflow_id="1234567",
        parameters={"sample_name": "NA12878", "input_cram": "{{ params.cram }}"},
        **RUN,
    )
    # The BAM is among the named outputs of the first run.
    again = StartOmicsRunOperator(
        task_id="bam_to_cram",
        workflow_id="1234567",
        parameters={
            "sample_name": "NA12878",
            "input_bam": "{{ ti.xcom_pull('cram_to_bam', key='outputs')['cram_to_bam.bam'] }}",
        },
        outlets=[BAMS],
        **RUN,
    )

    @task
    def report(outputs: dict[str, object]) -> list[str]:
        """Return the names of the first run's outputs."""
        return sorted(outputs)

    start >> again
    report(start.output["outputs"])
