# SPDX-License-Identifier: Apache-2.0
"""What a run group limits, and which of the runs that wait goes first."""

from __future__ import annotations

import pytest


@pytest.fixture
def group(client):
    return lambda **limits: client.create_run_group(**limits)["id"]


@pytest.fixture
def statuses(client):
    """Return the statuses of runs, in the order of their start."""
    return lambda: [run["status"] for run in reversed(client.list_runs()["items"])]


def test_runs_beyond_max_runs_wait_until_another_one_ends(start, client, frozen, group, statuses):
    limited = group(maxRuns=2)
    for _ in range(4):
        start(runGroupId=limited)
    start()
    frozen.advance(15)
    assert statuses() == ["RUNNING", "RUNNING", "PENDING", "PENDING", "RUNNING"]
    frozen.advance(29)
    assert statuses() == ["STOPPING", "STOPPING", "PENDING", "PENDING", "STOPPING"]
    frozen.advance(1)
    assert statuses() == ["COMPLETED", "COMPLETED", "STARTING", "STARTING", "COMPLETED"]
    frozen.advance(40)
    assert statuses() == ["COMPLETED"] * 5
    run = client.list_runs()["items"][1]
    assert (run["startTime"] - run["creationTime"]).total_seconds() == pytest.approx(50, abs=1)


@pytest.mark.parametrize(("first", "order"), [("higher_first", "cadb"), ("lower_first", "bdac")])
def test_priority_decides_among_those_that_wait(start, client, omics_local, frozen, group, first, order):
    omics_local.switch(priority=first)
    limited = group(maxRuns=1)
    start(runGroupId=limited, name="before")
    frozen.advance(6)
    for name, priority in (("a", 5), ("b", None), ("c", 100), ("d", 5 if first == "higher_first" else 1)):
        start(runGroupId=limited, name=name, priority=priority)
    frozen.advance(300)
    runs = sorted(client.list_runs()["items"], key=lambda run: run["startTime"])
    assert "".join(run["name"] for run in runs[1:]) == order


def test_a_run_that_is_cancelled_while_it_waits_never_starts(start, client, frozen, group, statuses):
    limited = group(maxRuns=1)
    _, second, _ = (start(runGroupId=limited)["id"] for _ in range(3))
    frozen.advance(15)
    client.cancel_run(id=second)
    frozen.advance(5)
    assert statuses() == ["RUNNING", "CANCELLED", "PENDING"]
    frozen.advance(25)
    assert statuses() == ["COMPLETED", "CANCELLED", "STARTING"]


@pytest.mark.parametrize("end", ["cancel", "force", "delete"])
def test_a_run_that_ends_early_makes_room(start, client, omics_local, frozen, group, statuses, end):
    limited = group(maxRuns=1)
    first = start(runGroupId=limited)["id"]
    start(runGroupId=limited)
    frozen.advance(15)
    if end == "cancel":
        client.cancel_run(id=first)
    else:
        omics_local.force(first, "FAILED" if end == "force" else "DELETED")
    frozen.advance(5)
    assert statuses()[-1] != "PENDING"


def test_a_greater_limit_lets_runs_go_on(start, client, frozen, group, statuses):
    limited = group(maxRuns=1)
    for _ in range(3):
        start(runGroupId=limited)
    frozen.advance(6)
    client.update_run_group(id=limited, maxRuns=2)
    assert statuses() == ["STARTING", "STARTING", "PENDING"]


@pytest.mark.parametrize(
    ("limit", "task", "at_once"),
    [({"maxCpus": 8}, {"cpus": 4}, 2), ({"maxGpus": 3}, {"gpus": 1}, 3), ({}, {"cpus": 64}, 4)],
)
def test_tasks_wait_for_vcpus_and_gpus(start, client, omics_local, frozen, group, limit, task, at_once):
    omics_local.script(tasks=[{"name": "t", **task}], running=30)
    limited = group(**limit)
    runs = [start(runGroupId=limited)["id"] for _ in range(4)]

    def tasks():
        return [client.list_run_tasks(id=run)["items"][0]["status"] for run in runs]

    frozen.advance(11)
    assert tasks() == ["RUNNING"] * at_once + ["PENDING"] * (4 - at_once)
    assert {client.get_run(id=run)["status"] for run in runs} == {"RUNNING"}
    frozen.advance(30)
    assert tasks() == (["COMPLETED"] * at_once + ["RUNNING"] * 4)[:4]
    frozen.advance(30)
    assert tasks() == ["COMPLETED"] * 4


@pytest.mark.parametrize(("limit", "task"), [({"maxCpus": 8}, {"cpus": 9}), ({"maxGpus": 1}, {"gpus": 2})])
def test_a_task_that_asks_for_more_than_its_group_has_fails(start, client, omics_local, frozen, group, limit, task):
    omics_local.script(tasks=[{"name": "small"}, {"name": "large", **task}, {"name": "never"}], running=30)
    run_id = start(runGroupId=group(**limit))["id"]
    frozen.advance(30)
    run = client.get_run(id=run_id)
    assert (run["status"], run["failureReason"]) == ("FAILED", "INVALID_TASK_RESOURCE_VALUE")
    small, large, never = client.list_run_tasks(id=run_id)["items"]
    assert [small["status"], large["status"], never["status"]] == ["COMPLETED", "FAILED", "CANCELLED"]
    assert f"large, id: {large['taskId']}" in run["statusMessage"]
    assert next(iter(limit)) in client.get_run_task(id=run_id, taskId=large["taskId"])["statusMessage"]


def test_a_lowered_limit_fails_the_task_that_waits_for_more(start, client, omics_local, frozen, group):
    omics_local.script(tasks=[{"name": "t", "cpus": 4}], running=30)
    limited = group(maxCpus=4)
    _, waiting = (start(runGroupId=limited)["id"] for _ in range(2))
    frozen.advance(15)
    client.update_run_group(id=limited, maxCpus=2)
    frozen.advance(5)
    assert client.get_run(id=waiting)["failureReason"] == "INVALID_TASK_RESOURCE_VALUE"


def test_a_cancelled_run_gives_its_vcpus_back(start, client, omics_local, frozen, group):
    omics_local.script(tasks=[{"name": "t", "cpus": 4}], running=30)
    limited = group(maxCpus=4)
    first, second = (start(runGroupId=limited)["id"] for _ in range(2))
    frozen.advance(11)
    client.cancel_run(id=first)
    frozen.advance(5)
    assert client.list_run_tasks(id=second)["items"][0]["status"] == "RUNNING"


def test_a_run_that_takes_too_long_is_timed_out(start, client, omics_local, frozen, group):
    omics_local.script(running=3600)
    run_id = start(runGroupId=group(maxDuration=10))["id"]
    frozen.advance(10 + 599)
    assert client.get_run(id=run_id)["status"] == "RUNNING"
    frozen.advance(1)
    assert client.get_run(id=run_id)["status"] == "STOPPING"
    frozen.advance(5)
    run = client.get_run(id=run_id)
    assert (run["status"], run["failureReason"]) == ("FAILED", "RUN_TIMED_OUT")
    assert "10 minutes" in run["statusMessage"]
    assert client.list_run_tasks(id=run_id)["items"][0]["status"] == "CANCELLED"


def test_a_run_that_ends_in_time_is_not_timed_out(start, client, frozen, group):
    run_id = start(runGroupId=group(maxDuration=1))["id"]
    frozen.advance(300)
    assert client.get_run(id=run_id)["status"] == "COMPLETED"
