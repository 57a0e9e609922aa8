# SPDX-License-Identifier: Apache-2.0
"""The control API: what it refuses, and its reset."""

from __future__ import annotations

import threading

import pytest


@pytest.mark.parametrize(
    ("path", "document", "says"),
    [
        ("faults", {"operation": "GetRun", "kind": "drop", "times": 0}, "times cannot be 0"),
        ("faults", {"operation": "GetRun", "kind": "drop", "times": -1}, "times cannot be -1"),
        ("faults", {"operation": "GetRun", "kind": "drop", "probability": 7}, "probability cannot be 7"),
        ("faults", {"operation": "GetRun", "kind": "drop", "probability": 0}, "probability cannot be 0"),
        ("faults", {"operation": "GetRun", "kind": "delay", "seconds": -1}, "seconds cannot be -1"),
        ("scripts", {"times": 0}, "times cannot be 0"),
        ("scripts", {"running": -5}, "running cannot be -5"),
        ("settings", {"quotas": {"StartRuns": 1}}, "quotas cannot be of 'StartRuns'"),
        ("settings", {"list_delay": -1}, "list_delay cannot be -1"),
        ("workflows", {"nmae": "x"}, "A workflow has no 'nmae'"),
    ],
)
def test_what_means_nothing_is_refused(path, document, says, omics_local):
    with pytest.raises(ValueError, match=says):
        omics_local.call("POST", path, document)


CLOCK = [
    {"advance": 1e15},
    {"advance": 1e400},
    {"advance": -1e11},
    {"advance": 10**400},
    {"advance": "1"},
    {"freeze": 1},
]
FAULT = {"operation": "GetRun", "kind": "drop"}
FAULTS = [{**FAULT, name: "x"} for name in ("probability", "times", "seconds")] + [
    {**FAULT, "message": 1},
    {**FAULT, "struck": 1},
    {"kind": "drop"},
]
TASKS = [{"status": "NOPE"}, {"cpus": "2"}, {"log": "text"}, {"log": [1]}, {"statusMessage": 1}]
SCRIPTS = [
    {"running": "5"},
    {"times": "x"},
    {"name": 1},
    {"tasks": 5},
    {"tasks": [5]},
    {"log": "text"},
    {"outputs": []},
]
SCRIPTS += [{"tasks": [{"name": "t", **task}]} for task in TASKS]
SETTINGS = [{"speed": float("nan")}, {"speed": float("inf")}, {"list_delay": 10**400}, {"quotas": {"GetRun": "x"}}]
WORKFLOWS = [{"id": 1}, {"name": []}, {"parameterTemplate": "x"}]
RUNS = [{}, {"id": "1"}, {"id": "9", "status": "FAILED"}, {"id": [], "status": "FAILED"}]
CALLS = {
    "clock": CLOCK, "faults": FAULTS, "scripts": SCRIPTS, "settings": SETTINGS, "workflows": WORKFLOWS, "runs": RUNS
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "document"), [(path, each) for path, documents in CALLS.items() for each in documents]
)
def test_what_would_break_later_calls_is_refused_in_one_sentence(path, document, start, client, omics_local):
    with pytest.raises(ValueError, match=r"^[A-Z][^\n]*\.$"):
        omics_local.call("POST", path, document)
    client.get_run(id=start()["id"])
    omics_local.clock.advance(3600)
    assert client.list_runs()["items"]
    omics_local.reset()


def test_a_reset_forgets_everything(start, omics_local, client, frozen):
    frozen.advance(86_400)
    start(requestId="r")
    omics_local.switch(speed=5)
    omics_local.fault("*", "error", times=None)
    omics_local.client("s3").create_bucket(Bucket="left")
    omics_local.reset()
    assert client.list_runs()["items"] == client.list_workflows()["items"] == []
    assert omics_local.switch()["speed"] == 1
    assert omics_local.counts() == {"ListRuns": 1, "ListWorkflows": 1}
    assert omics_local.client("s3").list_buckets()["Buckets"] == []


def test_a_reset_leaves_nothing_of_what_was_under_way(start, omics_local, client, wait_for):
    omics_local.switch(logs=True, speed=1000)
    omics_local.client("events").list_rules()
    omics_local.client("s3").create_bucket(Bucket="bucket")
    omics_local.script(outputs={"o": {"file": "f", "text": "t"}})
    for _ in range(30):
        start()
    wait_for(lambda: any(run["status"] == "COMPLETED" for run in omics_local.runs()))
    omics_local.reset()
    logs, s3 = omics_local.client("logs"), omics_local.client("s3")
    for _ in range(2):
        assert logs.describe_log_groups()["logGroups"] == []
        assert s3.list_buckets()["Buckets"] == []
        assert client.list_runs()["items"] == []
    assert threading.active_count() < 40
    assert [thread.name for thread in threading.enumerate()].count("omics-local-publishing") == 0
