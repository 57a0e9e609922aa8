# SPDX-License-Identifier: Apache-2.0
"""What AWS' documents of ``start-run`` name: workflows, a run group, a run cache, a run, buckets; a sequence store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_omics.local.runs import run_caches, run_operations
from airflow_provider_omics.local.sequencestores import stores
from airflow_provider_omics.local.state.resources import Resource
from airflow_provider_omics.local.state.scripts import script_from
from airflow_provider_omics.local.wire.caller import Caller, arn
from airflow_provider_omics.local.workflows import workflow_operations

if TYPE_CHECKING:
    from airflow_provider_omics.local.state.endpoint_state import State

BUCKETS = (
    "omics-artifacts-01d6xmpl4e72dd32",
    "omics-output-bucket",
    "your-bucket",
    "healthomics-output-bucket-demo",
)
STORE = "1234567890"
_RUN = "3282892"
_REQUEST = {
    "workflowId": "7206765",
    "roleArn": "arn:aws:iam::123456789012:role/HealthOmicsServiceRole",
    "outputUri": "s3://healthomics-output-bucket-demo/results/",
    "parameters": {
        "input": "s3://healthomics-output-bucket-demo/input/samplesheet.csv",
        "protocol": "10XV3",
        "ecr_registry": "123456789012.dkr.ecr.us-east-1.amazonaws.com",
        "gtf": "s3://healthomics-output-bucket-demo/reference/genes.gtf",
        "aligner": "star",
        "fasta": "s3://healthomics-output-bucket-demo/reference/genome.fa",
        "skip_emptydrops": "true",
    },
    "cacheId": "1234567",
    "cacheBehavior": "CACHE_ALWAYS",
}


def register(state: State) -> None:
    """Register them; a run of 123456789012's workflow 1234567 may name its owner, as for a shared one."""
    caller = Caller("us-east-1", state.settings.account)
    workflow_operations.register(state, {"id": "1234567", "name": "cram-to-bam", "account": "123456789012"})
    workflow_operations.register(state, {"id": "7206765", "name": "scrnaseq", "engine": "NEXTFLOW"})
    group = {"name": "examples", "creationTime": state.clock.now()}
    path = arn(caller, "runGroup/1234567")
    state.groups["1234567"] = Resource("1234567", path, state.next_seq(), caller.account, group, {})
    cache = {"name": "examples", "cacheS3Location": f"s3://{BUCKETS[-1]}/cache"}
    run_caches.make_run_cache(state, cache, caller, "1234567")
    run_operations.create_run(state, _REQUEST, caller, run_id=_RUN)
    stores.make_store(state, {"name": "examples"}, caller, store_id=STORE)
    # Neither has a definition: their runs are simulated also where others are executed.
    state.scripts.append(script_from({"workflowId": "7206765"}))
    bam = {"file": "NA12878.bam", "text": "no reads: a simulated run"}
    script = script_from({"workflowId": "1234567", "outputs": {"cram_to_bam.bam": bam}})
    state.scripts.append(replace(script, example=True))
