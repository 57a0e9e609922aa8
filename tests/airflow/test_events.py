# SPDX-License-Identifier: Apache-2.0
"""The example DAGs that events start, in a real Airflow of their own: each event starts a run, and only one."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import psutil
import pytest

from airflow_provider_omics.local.examples import BUCKETS, STORE
from airflow_provider_omics.local.server import Server
from airflow_provider_omics.local.testing import LocalOmics
from airflow_provider_omics.polling.event_queue import WAIT
from airflow_provider_omics.testing.airflow_home import AIRFLOW_3
from demo.airflow_processes import ENDED, airflow_processes
from tests.airflow.conftest import IMPATIENT
from tests.events_page import make_queue, messages_in

pytestmark = [pytest.mark.airflow, pytest.mark.skipif(not AIRFLOW_3, reason="2.11 watches no assets")]

EXAMPLES = Path(__file__).parents[2] / "example_dags"
CHAIN = "omics_chain_by_events"
BUCKET = BUCKETS[0]
ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def omics():
    """Serve what the examples name; a run takes six seconds."""
    with Server({"examples": True, "speed": 7.5}) as server:
        endpoint = LocalOmics(server.url)
        for bucket in BUCKETS:
            endpoint.client("s3").create_bucket(Bucket=bucket)
        yield endpoint


@pytest.fixture(scope="module")
def queues(omics):
    return {
        "OMICS_RUNS_QUEUE": make_queue(omics, "omics-runs", "A rule for the completed runs"),
        "OMICS_READ_SETS_QUEUE": make_queue(omics, "omics-read-sets", "A rule for the read sets"),
    }


@pytest.fixture(scope="module")
def airflow(omics, queues, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dags")
    for name in ("chain_by_events.py", "read_sets_by_events.py"):
        shutil.copy(EXAMPLES / name, folder)
    env = {**omics.env(), **IMPATIENT, **queues, "AIRFLOW__OMICS__POLL_INTERVAL": "1"}
    with airflow_processes(folder, env) as running:
        yield running
    # The endpoint does not notice at once that nobody waits for its answers any more.
    time.sleep(WAIT + 1)


def completed(omics, name):
    """Return a run that has been started by whoever, and will complete."""
    role = f"arn:aws:iam::{ACCOUNT}:role/x"
    return omics.client().start_run(workflowId="1234567", roleArn=role, outputUri=f"s3://{BUCKET}/runs", name=name)


def started(omics, request_id):
    return [run for run in omics.runs() if run["request"].get("requestId") == request_id]


def succeeds(airflow, omics, request_id):
    """Wait until a run of this requestId has completed, and all Dag runs with it."""

    def done():
        ended = all(state in ENDED for (state,) in airflow.database.query("SELECT state FROM dag_run"))
        return [run for run in started(omics, request_id) if run["status"] == "COMPLETED" and ended]

    [run] = airflow.until(done, f"a run of requestId {request_id} to complete")
    assert {state for (state,) in airflow.database.query("SELECT state FROM dag_run")} == {"success"}
    return run


def test_a_run_that_completes_starts_the_next_one_on_its_outputs(airflow, omics, queues):
    first = completed(omics, "first")
    run = succeeds(airflow, omics, f"after-{first['uuid']}")
    assert run["request"]["workflowId"] == "7206765"
    assert run["request"]["parameters"] == {"input": f"{first['runOutputUri']}/out/bam/NA12878.bam"}
    # The run that was started completes, too, and starts nothing.
    airflow.until(lambda: messages_in(omics, queues["OMICS_RUNS_QUEUE"]) == (0, 0), "the message to be deleted")
    assert len(airflow.database.query("SELECT 1 FROM dag_run WHERE dag_id=?", CHAIN)) == 1


@pytest.mark.slow
def test_a_read_set_that_arrives_starts_a_run(airflow, omics):
    omics.client("s3").put_object(Bucket=BUCKET, Key="NA12878.cram", Body=b"CRAM")
    files = {"sourceFiles": {"source1": f"s3://{BUCKET}/NA12878.cram"}, "sourceFileType": "CRAM"}
    members = {"sources": [{**files, "subjectId": "NA12878", "sampleId": "NA12878"}], "sequenceStoreId": STORE}
    client = omics.client()
    job = client.start_read_set_import_job(**members, roleArn=f"arn:aws:iam::{ACCOUNT}:role/x")

    def imported():
        [source] = client.get_read_set_import_job(sequenceStoreId=STORE, id=job["id"])["sources"]
        return source.get("readSetId")

    read_set = airflow.until(imported, "the import to end")
    run = succeeds(airflow, omics, f"read-set-{STORE}-{read_set}")
    uri = f"omics://{ACCOUNT}.storage.us-east-1.amazonaws.com/{STORE}/readSet/{read_set}/source1"
    assert run["request"]["parameters"] == {"sample_name": read_set, "input_cram": uri}
    # That run is one of the workflow whose completion starts the next one.
    succeeds(airflow, omics, f"after-{run['uuid']}")


@pytest.mark.slow
def test_an_event_that_comes_twice_starts_one_run(airflow, omics, queues):
    omics.switch(event_copies=2)
    try:
        first = completed(omics, "twice")
        succeeds(airflow, omics, f"after-{first['uuid']}")
        airflow.until(lambda: messages_in(omics, queues["OMICS_RUNS_QUEUE"]) == (0, 0), "both to be deleted")
    finally:
        omics.switch(event_copies=1)
    succeeds(airflow, omics, f"after-{first['uuid']}")


@pytest.mark.slow
def test_a_triggerer_that_dies_between_arrival_and_delivery_loses_no_event(airflow, omics, queues):
    queue = queues["OMICS_RUNS_QUEUE"]
    # Airflow's part of the triggerer stops, so that nothing is stored; the part that runs triggers goes on.
    psutil.Process(airflow._processes["triggerer"].pid).suspend()
    first = completed(omics, "survivor")
    airflow.until(lambda: messages_in(omics, queue) == (1, 1), "the message to be received")
    before = len(airflow.database.query("SELECT 1 FROM asset_event"))
    airflow.kill("triggerer")
    assert messages_in(omics, queue)[0] == 1
    assert len(airflow.database.query("SELECT 1 FROM asset_event")) == before
    airflow.start("triggerer")
    succeeds(airflow, omics, f"after-{first['uuid']}")
    airflow.until(lambda: messages_in(omics, queue) == (0, 0), "the message to be deleted")
