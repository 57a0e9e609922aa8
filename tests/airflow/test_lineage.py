# SPDX-License-Identifier: Apache-2.0
"""What the openlineage provider sends of real tasks, as its file transport writes it down."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from airflow_provider_omics.testing.airflow_home import environment, make_database, write_config
from demo import BUILD
from tests.airflow.processes import airflow_processes

# OpenLineage's own (Apache-2.0): https://openlineage.io/spec/2-0-2/OpenLineage.json
SCHEMA = json.loads((Path(__file__).parent / "openlineage-2-0-2.json").read_text())
STORE = "omics://123456789012.storage.us-east-1.amazonaws.com"
TASKS = ["good", "good_deferred", "bad", "bad_deferred"]
DAGS = f"""
from airflow.providers.common.compat.sdk import DAG
from breaks import Breaks

from airflow_provider_omics.operators.run import StartOmicsRunOperator

RUN = {{
    "role_arn": "arn:aws:iam::123456789012:role/omics",
    "output_uri": "s3://bucket/runs/",
    "parameters": {{"cram": "s3://bucket/reads/{{{{ task.task_id }}}}.cram", "more": ["{STORE}/1/readSet/2"]}},
    "poll_interval": 0.2,
}}


class LosesItsTrigger(StartOmicsRunOperator):
    def defer(self, *, trigger, **how):
        super().defer(trigger=Breaks(**trigger.serialize()[1]), **how)


with DAG("lineage", schedule=None):
    for task_id, workflow_id in {{"good": "1234567", "bad": "7654321"}}.items():
        StartOmicsRunOperator(task_id=task_id, workflow_id=workflow_id, deferrable=False, **RUN)
        StartOmicsRunOperator(task_id=f"{{task_id}}_deferred", workflow_id=workflow_id, deferrable=True, **RUN)

with DAG("lost", schedule=None):
    LosesItsTrigger(task_id="lost", workflow_id="7654321", deferrable=True, **RUN)
"""
TRIGGER = """
import asyncio
import os
from pathlib import Path

from airflow_provider_omics.triggers.start_run import OmicsStartRunTrigger


class Breaks(OmicsStartRunTrigger):
    async def run(self):
        waiting = asyncio.create_task(anext(super().run()))
        while not Path(os.environ["NOTICED"]).exists():
            await asyncio.sleep(0.2)
        waiting.cancel()
        yield Path("/") / None
"""


@pytest.fixture(scope="module")
def endpoint(omics_local_server):
    """Serve a workflow that succeeds and one that fails."""
    omics_local_server.reset()
    omics_local_server.client("s3").create_bucket(Bucket="bucket")
    omics_local_server.switch(logs=True, speed=50)
    for workflow_id in ("1234567", "7654321"):
        omics_local_server.workflow(id=workflow_id, name="germline", digest="sha256:0a1b", engine="WDL")
    outputs = {"germline.vcf": {"file": "a.vcf", "text": "##"}, "germline.reads": 7}
    omics_local_server.script(workflowId="1234567", outputs=outputs)
    omics_local_server.script(workflowId="7654321", status="FAILED", failureReason="INSTANCE_RESERVATION_FAILED")
    return omics_local_server


def in_one_process(folder, env, written, _endpoint):
    """Run the tasks as `airflow dags test` does."""
    home = folder / "home"
    home.mkdir()
    write_config(home, folder / "dags")
    make_database(home, BUILD)
    command = [sys.executable, "-m", "airflow", "dags", "test", "lineage"]
    done = subprocess.run(  # noqa: S603 - the command is our own
        command, env=environment(home) | env, capture_output=True, text=True, check=False
    )
    assert written.exists(), done.stdout + done.stderr
    return TASKS


def in_real_processes(folder, env, _written, endpoint):
    """Run the tasks, and one whose trigger breaks, as Airflow does: a process for each part of a task."""
    endpoint.switch(speed=0.1)
    with airflow_processes(folder / "dags", env) as airflow:
        runs = {"lineage": airflow.trigger("lineage"), "lost": airflow.trigger("lost")}
        # Airflow itself fails a task whose deferral is over before its scheduler noticed it.
        for dag_id, task_id in [("lineage", "good_deferred"), ("lineage", "bad_deferred"), ("lost", "lost")]:
            airflow.wait_for(runs[dag_id], "deferred", task_id=task_id)
            airflow.until(lambda run=runs[dag_id], task_id=task_id: airflow.noticed(run, task_id), f"{task_id} noticed")
        # The triggerer starts the runs of three of them.
        airflow.until(lambda: len(endpoint.runs()) == len(TASKS) + 1, "all runs to be started")
        endpoint.call("POST", "clock", {"advance": 3600})
        (folder / "noticed").touch()
        for run in runs.values():
            airflow.wait_for(run, "failed")
    return [*TASKS, "lost"]


WAYS = [in_one_process, pytest.param(in_real_processes, marks=[pytest.mark.slow, pytest.mark.airflow])]


@pytest.fixture(scope="module", params=WAYS)
def events(request, endpoint, tmp_path_factory):
    """Let an Airflow that emits run the tasks, and return each one's events."""
    folder = tmp_path_factory.mktemp("lineage")
    (folder / "dags").mkdir()
    (folder / "dags" / "lineage.py").write_text(DAGS)
    (folder / "breaks.py").write_text(TRIGGER)
    written = folder / "events"
    transport = {"type": "file", "log_file_path": str(written), "append": True}
    env = endpoint.env() | {
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "NOTICED": str(folder / "noticed"),
        "PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}",
    }
    tasks = request.param(folder, env, written, endpoint)
    found = [json.loads(line) for line in written.read_text().splitlines()]
    return {task: [it for it in found if it["job"]["name"].endswith(f".{task}")] for task in tasks}


def named(datasets):
    return [(it["namespace"], it["name"]) for it in datasets]


def test_every_event_is_one_of_openlineages(events):
    for event in [event for of_task in events.values() for event in of_task]:
        jsonschema.validate(event, SCHEMA, format_checker=jsonschema.FormatChecker())


def test_every_event_names_what_the_run_reads(events):
    for task, of_task in events.items():
        # A task that was deferred starts twice to the provider, with the same run id.
        parts = 2 if "deferred" in task else 1
        assert [it["eventType"] for it in of_task[:parts]] == ["START"] * parts
        assert len({it["run"]["runId"] for it in of_task}) == 1
        for event in of_task:
            assert named(event["inputs"]) == [("s3://bucket", f"reads/{task}.cram"), (STORE, "1/readSet/2")]


@pytest.mark.parametrize("task", ["good", "good_deferred"])
def test_a_task_that_succeeds_names_its_run_and_its_outputs(task, events, endpoint):
    [last] = [it for it in events[task] if it["eventType"] != "START"]
    assert last["eventType"] == "COMPLETE"
    facet = last["run"]["facets"]["healthOmics_run"]
    [run] = [it for it in endpoint.runs() if it["uuid"] == facet["uuid"]]
    assert (
        facet.items()
        >= {
            "runId": run["id"],
            "arn": run["arn"],
            "status": "COMPLETED",
            "runOutputUri": run["run_output_uri"],
            "workflowId": "1234567",
            "workflowType": "PRIVATE",
            "digest": "sha256:0a1b",
            "engine": "WDL",
        }.items()
    )
    assert not {"failureReason", "statusMessage"} & facet.keys()
    assert named(last["outputs"]) == [("s3://bucket", f"runs/{run['id']}/out/vcf/a.vcf")]


def test_a_task_that_fails_names_its_run_and_why(events):
    for task in events.keys() - {"good", "good_deferred"}:
        [last] = [it for it in events[task] if it["eventType"] != "START"]
        assert last["eventType"] == "FAIL"
        facet = last["run"]["facets"]["healthOmics_run"]
        assert (facet["workflowId"], facet["digest"], facet["engine"]) == ("7654321", "sha256:0a1b", "WDL")
        assert last["outputs"] == []
        if task != "lost":
            assert (facet["status"], facet["failureReason"]) == ("FAILED", "INSTANCE_RESERVATION_FAILED")
            assert "INSTANCE_RESERVATION_FAILED" in last["run"]["facets"]["errorMessage"]["message"]
