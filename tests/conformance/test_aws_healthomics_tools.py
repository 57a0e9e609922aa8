# SPDX-License-Identifier: Apache-2.0
"""aws-healthomics-tools: runs are analysed, drawn and repeated from their manifest alone."""

from __future__ import annotations

import csv
import io
import json

import pytest

CLIENT = "aws-healthomics-tools"
PROGRAM = "aws-healthomics-tools"
pytestmark = pytest.mark.slow


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_run_analyzer_has_times_usage_and_prices(client, executed):
    run, *tasks = rows(client(PROGRAM, "run_analyzer", executed["id"])[0])
    assert (run["type"], run["name"], run["uuid"]) == ("run", "first", executed["uuid"])
    assert (run["storageReservedGiB"], float(run["estimatedUSD"]) > 0) == ("1200", True)
    assert [task["name"] for task in tasks] == ["Align", "Align"]
    for task in tasks:
        assert (task["cpusRequested"], task["memoryRequestedGiB"]) == ("4", "8")
        assert task["omicsInstanceTypeReserved"] == "omics.c.xlarge"
        assert task["omicsInstanceTypeMinimum"] == "omics.c.large"
        assert float(task["estimatedUSD"]) == pytest.approx(0.2295 / 60)  # a minute is the least
        assert 0 < float(task["memoryMaximumGiB"]) < 1
        assert 0 < float(task["cpusAverage"]) <= float(task["cpusMaximum"]) < 4


def test_run_analyzer_draws_a_timeline(client, executed, tmp_path):
    text, _ = client(PROGRAM, "run_analyzer", executed["id"], "--timeline")
    assert [float(row["running"]) > 0 for row in rows(text)] == [True, True]
    client(PROGRAM, "run_analyzer", executed["id"], f"--plot={tmp_path / 'plots'}")
    assert "omics.c.xlarge" in (tmp_path / "plots" / f"{executed['id']}_timeline.html").read_text()


def test_run_analyzer_sums_up_batches_and_lists_runs(client, executed):
    [row] = rows(client(PROGRAM, "run_analyzer", "--batch", executed["id"])[0])
    assert (row["name"], row["count"], row["recommendOmicsInstanceType"]) == ("Align", "2", "omics.c.large")
    assert executed["id"] in client(PROGRAM, "run_analyzer", "--time=1day")[0]


def test_rerun_repeats_all_of_a_run(client, executed, endpoint):
    text, _ = client(PROGRAM, "rerun", executed["id"], "--name=again")
    asked = json.loads(text.partition("StartRun request:\n")[2].partition("StartRun response:")[0])
    same = ("workflowId", "workflowVersionName", "roleArn", "outputUri", "parameters", "runGroupId", "storageType")
    for name in (*same, "cacheId", "cacheBehavior"):
        assert asked[name] == executed[name], name
    again = json.loads(text.partition("StartRun response:\n")[2])["id"]
    omics = endpoint.client()
    assert omics.get_run(id=again)["name"] == "again"
    omics.get_waiter("run_completed").wait(id=again, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    _, error = client(PROGRAM, "run_analyzer", again, "--timeline", status=1)
    assert "all tasks in this run were served from call cache" in error


def test_what_the_docs_say_that_it_may_not(client, executed):
    _, error = client(PROGRAM, "run_analyzer", executed["id"], "--write-config=x.config", status=1)
    assert "does not currently support WDL" in error
