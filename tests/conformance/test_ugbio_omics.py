# SPDX-License-Identifier: Apache-2.0
"""ugbio-omics: logs, the manifest, costs, use and cached files of runs, as Ultima Genomics' own workflows have them."""

from __future__ import annotations

import csv
import json
import os
import subprocess

import pytest

from tests.conformance.conftest import environment_of

CLIENT = "ugbio-omics"
pytestmark = pytest.mark.slow


def test_logs_of_tasks_are_saved(client, executed, tmp_path):
    client("get_omics_logs", "--run-id", executed["id"], "--all", "--output", "logs")
    logs = [file.read_text() for file in (tmp_path / "logs").iterdir()]
    assert len(logs) == 2
    assert all("50000000" in log for log in logs)


def test_the_manifest_is_parsed(client, executed, tmp_path):
    said, _ = client("manifest_log", "--run-id", executed["id"])
    assert '"storageReservedGiB":1200' in said
    run = json.loads((tmp_path / f"omics_{executed['id']}_general_run_info.json").read_text())
    assert (run["uuid"], run["digest"]) == (executed["uuid"], executed["digest"])
    with (tmp_path / f"omics_{executed['id']}_task_manifests.csv").open() as file:
        tasks = list(csv.DictReader(file))
    assert [(task["name"], task["cpusReserved"], task["instanceType"]) for task in tasks] == [
        ("Align", "4.0", "omics.c.xlarge")
    ] * 2


def test_costs_and_use_of_runs_are_compared(client, executed, endpoint, tmp_path):
    # The first is made in its users' account by the other client, when a run has ended.
    analyser = environment_of("aws-healthomics-tools") / "aws-healthomics-tools"
    command = [analyser, "run_analyzer", executed["id"]]
    costs = subprocess.run(command, env={**os.environ, **endpoint.env()}, check=True, capture_output=True).stdout
    key = f"out/{executed['id']}/logs/run-{executed['id']}.csv"
    endpoint.client("s3").put_object(Bucket="lab", Key=key, Body=costs)
    client("compare_omics_runs", "--run-ids", executed["id"], "--performance", "yes", "--output-path", str(tmp_path))
    with (tmp_path / "compare_omics_runs.csv").open() as file:
        rows = {row["task"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"Align", "storage", "total"}
    assert rows["Align"][f"{executed['id']}_instance"] == "omics.c.xlarge"
    assert float(rows["total"][f"{executed['id']}_cost"]) > 0


def test_cached_files_are_found(client, executed, endpoint):
    task = endpoint.client().list_run_tasks(id=executed["id"])["items"][0]["taskId"]
    _, said = client("omics_cache_path", executed["id"], "--task-id", task, "--copy-indexes")
    assert "Run task cache uri: s3://lab/cache/" in said
    assert "Copied " in said


def test_what_the_docs_say_that_it_may_not(client, executed):
    _, error = client("performance", "--run-id", executed["id"], status=1)
    assert "cannot import name 'main'" in error
