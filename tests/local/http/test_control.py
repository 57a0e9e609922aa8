# SPDX-License-Identifier: Apache-2.0
"""The control API: what it refuses, and its reset."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ConnectionClosedError


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
        ("workflows", {"id": "abc"}, "'abc' at 'id' failed to satisfy constraint"),
        ("workflows", {"type": "READY"}, "'READY' at 'type' failed to satisfy constraint"),
        ("workflows", {"status": "ready"}, "'ready' at 'status' failed to satisfy constraint"),
        ("workflows", {"account": "mine"}, "account cannot be 'mine'; it takes a string of 12 digits"),
        ("workflows", {"creationTime": "2026-01-31T00:00:00Z"}, "A workflow has no 'creationTime'"),
        ("settings", {"account": "mine"}, "account cannot be 'mine'; it takes a string of 12 digits"),
        ("settings", {"accounts": {"key": "12"}}, "accounts cannot be '12'; it takes a string of 12 digits"),
        ("scripts", {"failureReason": "OUT_OF_MEMORY_ERROR"}, "needs status FAILED"),
        ("scripts", {"outputs": {"w.out": {"file": "f", "text": 1}}}, "An output's file and its text are strings"),
        ("scripts", {"tasks": [{"name": "t", "cpus": 0}]}, "at least 1 of cpus"),
        ("faults", {"operation": "GetRun", "kind": "drop", "code": "500"}, "A fault of kind drop has no code"),
        ("faults", {"operation": "GetRun", "kind": "error", "seconds": 5}, "A fault of kind error has no seconds"),
        ("clock", {"frezee": True}, "clock's frezee is not known; there are freeze, jump, advance"),
        ("runs", {"id": "1", "status": "FAILED", "failure_reason": "X"}, "run's failure_reason is not known"),
        ("jobs", {"id": "1", "status": "FAILED", "message": "X"}, "job's message is not known"),
        ("read-sets", {"id": "1", "status": "ARCHIVED", "message": "X"}, "read set's message is not known"),
    ],
)
def test_what_means_nothing_is_refused(path, document, says, omics_local):
    with pytest.raises(ValueError, match=says):
        omics_local.call("POST", path, document)


def test_calls_of_what_is_no_operation_are_not_simply_none(omics_local):
    assert omics_local.calls("GetRun") == omics_local.calls("sts:GetCallerIdentity") == []
    with pytest.raises(ValueError, match="No calls of 'GetRuns' can arrive"):
        omics_local.calls("GetRuns")


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
WORKFLOWS = [{"id": 1}, {"name": []}, {"parameterTemplate": "x"}, {"definitionZip": 5}, {"definitionZip": "bm8gemlw"}]
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


@pytest.mark.parametrize("operation", ["StartRun", "s3:PutObject"])
def test_a_call_that_waits_during_a_reset_leaves_nothing(operation, start, omics_local, wait_for):
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="bucket")
    omics_local.fault(operation, "delay", seconds=1)
    calls = {"StartRun": start, "s3:PutObject": lambda: s3.put_object(Bucket="bucket", Key="left", Body=b"x")}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(calls[operation])
        wait_for(lambda: omics_local.faults() == [])
        omics_local.reset()
        omics_local.workflow(id="1234567")
        omics_local.client("s3").create_bucket(Bucket="bucket")
        with pytest.raises(ConnectionClosedError):
            waiting.result()
    assert omics_local.runs() == []
    assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 0
