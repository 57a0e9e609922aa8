# SPDX-License-Identifier: Apache-2.0
"""The example DAGs that take what has arrived, on both Airflow lines: from S3 by the hour, and from a queue."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_omics.local.server import Server
from airflow_provider_omics.local.testing import LocalOmics
from airflow_provider_omics.testing.dag_runs import only_dag
from tests.events_page import make_queue, messages_in

FOLDER = Path(__file__).parents[1] / "example_dags"
BUCKET = "omics-artifacts-01d6xmpl4e72dd32"


@pytest.fixture(scope="module")
def omics_local_server():
    with Server({"examples": True, "speed": 45}) as server:
        yield LocalOmics(server.url)


@pytest.fixture
def omics(omics_local, monkeypatch):
    """Serve what the examples name; a run takes a second."""
    for name, value in omics_local.env().items():
        monkeypatch.setenv(name, value)
    for bucket in (BUCKET, "healthomics-output-bucket-demo"):
        omics_local.client("s3").create_bucket(Bucket=bucket)
    return omics_local


def runs(omics):
    """Return what has been started since the endpoint held only the documents' run."""
    return [run for run in omics.runs() if run["id"] != "3282892"]


@pytest.fixture
def arrivals(omics):
    """Return the full hour before which two files have arrived."""
    s3 = omics.client("s3")
    while True:
        hours = set()
        for name in ("NA12878.cram", "NA12891.cram", "readme.txt"):
            s3.put_object(Bucket=BUCKET, Key=f"arrivals/{name}")
            modified = s3.head_object(Bucket=BUCKET, Key=f"arrivals/{name}")["LastModified"]
            hours.add(modified.replace(minute=0, second=0, microsecond=0))
        if len(hours) == 1:
            return hours.pop() + timedelta(hours=1)


def test_each_file_of_the_hour_gets_a_run(omics, arrivals, run_dag):
    done = run_dag(FOLDER / "hourly_arrivals.py", {"upload_hours": 0}, arrivals)
    assert "success" in done.state.lower()
    parameters = [run["request"]["parameters"] for run in runs(omics)]
    assert sorted(given["sample_name"] for given in parameters) == ["NA12878", "NA12891"]
    assert f"s3://{BUCKET}/arrivals/NA12878.cram" in {given["input_cram"] for given in parameters}
    assert {run["status"] for run in runs(omics)} == {"COMPLETED"}


@pytest.mark.parametrize("hours", [-1, 1])
def test_an_hour_without_arrivals_is_skipped(omics, arrivals, run_dag, hours):
    done = run_dag(FOLDER / "hourly_arrivals.py", {"upload_hours": 0}, arrivals + timedelta(hours=hours))
    assert "success" in done.state.lower()
    assert {task.task_id: task.state for task in done.tasks} == {"arrived": "success", "cram_to_bam": "skipped"}
    assert runs(omics) == []


def test_an_upload_that_took_hours_is_not_missed(omics, arrivals, run_dag):
    run_dag(FOLDER / "hourly_arrivals.py", logical_date=arrivals + timedelta(hours=2))
    assert len(runs(omics)) == 2


@pytest.fixture
def queue(omics, monkeypatch):
    url = make_queue(omics, "omics-runs", "A rule for the completed runs")
    monkeypatch.setenv("OMICS_RUNS_QUEUE", url)
    return url


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def start(omics, name):
    role = "arn:aws:iam::123456789012:role/x"
    return omics.client().start_run(workflowId="1234567", roleArn=role, outputUri=f"s3://{BUCKET}/runs", name=name)


def test_events_in_a_queue_start_runs_once(omics, queue, run_dag):
    omics.switch(event_copies=2)
    completed = [start(omics, name)["uuid"] for name in ("one", "two")]
    omics.clock.advance(60)
    before = len(omics.runs())
    until(lambda: messages_in(omics, queue) == (4, 0))
    sqs = omics.client("sqs")
    [copy] = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)["Messages"]

    def started():
        while messages_in(omics, queue)[0]:
            done = run_dag(FOLDER / "runs_from_queue.py")
            assert "success" in done.state.lower()
        return omics.runs()[before:]

    assert sorted(run["request"]["requestId"] for run in started()) == sorted(f"after-{uuid}" for uuid in completed)
    assert all(run["request"]["parameters"]["input"].endswith("NA12878.bam") for run in started())
    # A week later, say.
    sqs.send_message(QueueUrl=queue, MessageBody=copy["Body"])
    assert len(started()) == 2


@pytest.mark.usefixtures("queue")
def test_a_quiet_week_is_skipped(omics, run_dag):
    dag = only_dag(FOLDER / "runs_from_queue.py")
    sensor = dag.get_task("wait_for_events")
    sensor.mode, sensor.poke_interval, sensor.timeout = "poke", 0.1, 0.2
    done = run_dag(dag)
    assert {task.task_id: task.state for task in done.tasks} == dict.fromkeys(dag.task_ids, "skipped")
    assert runs(omics) == []
