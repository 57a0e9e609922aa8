# SPDX-License-Identifier: Apache-2.0
"""Every example DAG runs as it is, in Airflow, against the local endpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_omics.local.examples import BUCKETS
from airflow_provider_omics.local.seed import seed
from airflow_provider_omics.local.server import Server
from airflow_provider_omics.local.testing import LocalOmics
from airflow_provider_omics.testing.airflow_home import AIRFLOW_3

FOLDER = Path(__file__).parents[1] / "example_dags"
# The demo's need real reads and real workflows: tests/demo runs them. What waits for a queue has tests of its own.
EXAMPLES = {path.name for path in FOLDER.glob("*.py") if not path.name.startswith("germline_")} - {"runs_from_queue.py"}
# No asset can be watched on 2.11.
ONLY_3 = set() if AIRFLOW_3 else {"chain_by_events.py", "read_sets_by_events.py"}
FILES = sorted(EXAMPLES - ONLY_3)

CRAM_TO_BAM = {
    "workflowId": "1234567",
    "roleArn": "arn:aws:iam::123456789012:role/omics-service-role-serviceRole-W8O1XMPL7QZ",
    "outputUri": "s3://omics-artifacts-01d6xmpl4e72dd32/workflow-output/",
}
# Without an event, and in an hour without arrivals, nothing is started.
NONE = ("after_chain.py", "chain_by_events.py", "read_sets_by_events.py", "hourly_arrivals.py")
RUNS = {"cohort.py": 3, "chain.py": 2, "read_sets.py": 2, **dict.fromkeys(NONE, 0)}
SERVICE_ROLE = "arn:aws:iam::123456789012:role/HealthOmicsServiceRole"
# What each documented `aws omics start-run` sends, beside requestId and tags.
DOCUMENTED = {
    "run_workflow.py": {
        **CRAM_TO_BAM,
        "name": "cram-to-bam",
        "runGroupId": "1234567",
        "priority": 1,
        "storageCapacity": 10,
        "logLevel": "ALL",
        "parameters": json.loads((FOLDER / "workflow-inputs.json").read_text()),
    },
    "omics_storage_uris.py": {
        **CRAM_TO_BAM,
        "name": "cram-to-bam-from-storage",
        "storageType": "DYNAMIC",
        "parameters": json.loads((FOLDER / "omics-uri-inputs.json").read_text()),
    },
    "shared_workflow.py": {
        "workflowId": "1234567",
        "workflowOwnerId": "123456789012",
        "roleArn": SERVICE_ROLE,
        "outputUri": "s3://your-bucket/results/",
        "parameters": {"param1": "value1", "param2": "value2"},
    },
    "call_caching.py": {
        "workflowId": "7206765",
        "roleArn": SERVICE_ROLE,
        "outputUri": "s3://healthomics-output-bucket-demo/results/",
        "cacheId": "1234567",
        "cacheBehavior": "CACHE_ALWAYS",
    },
    "duplicate_run.py": {
        "runId": "3282892",
        "roleArn": "arn:aws:iam::713632817814:role/HealthOmicsServiceRole",
        "outputUri": "s3://healthomics-output-bucket-demo/results/",
    },
}


@pytest.fixture(scope="module")
def omics_local_server():
    """Serve what the documents name; simulated runs take a second."""
    with Server({"examples": True, "logs": False, "speed": 45}) as server:
        yield LocalOmics(server.url)


@pytest.fixture
def example_runs(omics_local):
    """Return what has been started since the endpoint held only the documents' run."""
    return lambda: [run for run in omics_local.runs() if run["id"] != "3282892"]


@pytest.mark.parametrize("file", FILES)
def test_it_runs(file, run_dag, example_runs, omics_local):
    # Only the chain needs what its runs have written.
    omics_local.switch(logs=file == "chain.py")
    seed(omics_local.url)
    done = run_dag(FOLDER / file)
    assert "success" in done.state.lower()
    runs = example_runs()
    assert len(runs) == RUNS.get(file, 1)
    assert {run["status"] for run in runs} <= {"COMPLETED"}
    if file in DOCUMENTED:
        assert runs[0]["request"].items() >= DOCUMENTED[file].items()


def test_every_documented_start_run_is_an_example():
    assert set(DOCUMENTED) < set(FILES)


def test_the_cohort_hands_on_every_output(run_dag, example_runs, omics_local):
    seed(omics_local.url)
    done = run_dag(FOLDER / "cohort.py")
    assert sorted(done.xcom("report")) == sorted(run["run_output_uri"] for run in example_runs())
    mapped = {done.xcom("cram_to_bam", "run_id", index) for index in range(3)}
    assert mapped == {run["id"] for run in example_runs()}


def test_the_chain_goes_on_with_the_first_runs_output_and_tells_its_asset(run_dag, example_runs, omics_local):
    omics_local.switch(logs=True)
    for bucket in BUCKETS:
        omics_local.client("s3").create_bucket(Bucket=bucket)
    done = run_dag(FOLDER / "chain.py")
    first, second = example_runs()
    outputs = done.xcom("cram_to_bam", "outputs")
    assert outputs["cram_to_bam.bam"].startswith(f"{first['run_output_uri']}/out/")
    assert second["request"]["parameters"]["input_bam"] == outputs["cram_to_bam.bam"]
    assert done.xcom("report") == sorted(outputs)
    [(_, extra)] = done.database.asset_events(done.run, "bam_to_cram")
    assert (extra["run_id"], extra["run_output_uri"]) == (second["id"], second["run_output_uri"])


def test_parameters_in_s3_are_read_by_the_run(run_dag, example_runs, omics_local):
    omics_local.client("s3").create_bucket(Bucket="your-bucket")
    done = run_dag(FOLDER / "parameters_in_s3.py")
    [run] = example_runs()
    assert run["request"]["parametersUri"] == done.xcom("write_parameters")
    assert run["request"]["requesterPaysEnabled"] is True
    assert (len(run["parameters"]["samples"]), run["status"]) == (1000, "COMPLETED")


def test_what_has_arrived_is_imported_and_run(run_dag, example_runs, omics_local):
    seed(omics_local.url)
    omics_local.client("s3").put_object(Bucket=BUCKETS[0], Key="arrivals/readme.txt", Body=b"no reads")
    done = run_dag(FOLDER / "read_sets.py")
    read_sets = done.xcom("activate_read_sets")["read_sets"]
    assert [item["name"] for item in read_sets] == ["NA12878", "NA12891"]
    parameters = [{"sample_name": item["name"], "input_cram": item["s3_uris"][0]} for item in read_sets]
    # Mapped tasks start in any order.
    started = [run["request"]["parameters"] for run in example_runs()]
    assert sorted(started, key=lambda given: given["sample_name"]) == parameters


def test_a_day_without_arrivals_is_skipped(run_dag, example_runs, omics_local):
    omics_local.client("s3").create_bucket(Bucket=BUCKETS[0])
    done = run_dag(FOLDER / "read_sets.py")
    assert "success" in done.state.lower()
    assert example_runs() == []
    assert omics_local.jobs() == []
