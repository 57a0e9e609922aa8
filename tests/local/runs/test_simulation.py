# SPDX-License-Identifier: Apache-2.0
"""How simulated runs go on: by the clock, by scripts, and until they are cancelled or put into a status."""

from __future__ import annotations

from datetime import timedelta

import pytest

INVALID, MISSING = ("ValidationException", 400), ("ResourceNotFoundException", 404)


def test_a_run_lives_by_the_clock(start, client, frozen):
    run_id = start()["id"]
    began = frozen.now()
    seen = []
    for seconds in (0, 5, 5, 29, 1, 5):
        frozen.advance(seconds)
        seen.append(client.get_run(id=run_id)["status"])
    assert seen == ["PENDING", "STARTING", "RUNNING", "RUNNING", "STOPPING", "COMPLETED"]
    run = client.get_run(id=run_id)
    assert [(run[name] - began).total_seconds() for name in ("creationTime", "startTime", "stopTime")] == [0, 10, 45]


def test_a_leap_over_all_statuses_keeps_their_times(start, client, frozen):
    run_id = start()["id"]
    began = frozen.now()
    frozen.advance(3600)
    run = client.get_run(id=run_id)
    assert run["status"] == "COMPLETED"
    assert [(run[name] - began).total_seconds() for name in ("startTime", "stopTime")] == [10, 45]


def test_speed_shortens_a_life(start, client, omics_local, frozen):
    omics_local.switch(speed=10)
    run_id = start()["id"]
    frozen.advance(4.6)
    assert client.get_run(id=run_id)["status"] == "COMPLETED"


def test_a_resumed_clock_runs_on_from_where_it_was(frozen):
    frozen.advance(3600)
    then = frozen.now()
    frozen.resume()
    assert timedelta() <= frozen.now() - then < timedelta(minutes=30)


def test_a_script_decides_the_end(start, client, omics_local, frozen):
    omics_local.script(
        name="bad", status="FAILED", failureReason="IMPORT_FAILED", statusMessage="no", running=1, times=1
    )
    good, bad, again = start(name="good")["id"], start(name="bad")["id"], start(name="bad")["id"]
    frozen.advance(16)
    run = client.get_run(id=bad)
    assert (run["status"], run["failureReason"], run["statusMessage"]) == ("FAILED", "IMPORT_FAILED", "no")
    assert client.get_run(id=good)["status"] == client.get_run(id=again)["status"] == "RUNNING"


def test_a_name_goes_before_a_workflow_and_the_newest_before_the_rest(start, client, omics_local, frozen):
    omics_local.script(name="n", running=1)
    omics_local.script(workflowId="1234567", running=100)
    omics_local.script(running=200)
    omics_local.script(workflowId="1234567", running=50)
    named, other = start(name="n")["id"], start(name="o")["id"]
    frozen.advance(16)
    assert client.get_run(id=named)["status"] == "COMPLETED"
    frozen.advance(48)
    assert client.get_run(id=other)["status"] == "STOPPING"


@pytest.mark.parametrize("script", [{"status": "RUNNING"}, {"colour": 1}, {"tasks": [{"cpus": 1}]}])
def test_a_script_that_means_nothing_is_refused(script, omics_local):
    with pytest.raises(ValueError, match=r"\w"):
        omics_local.script(**script)


def test_tasks(start, client, omics_local, frozen):
    failed = {"name": "call", "status": "FAILED", "failureReason": "OUT_OF_MEMORY_ERROR", "statusMessage": "137"}
    tasks = [{"name": "align", "cpus": 4, "memory": 8}, failed]
    omics_local.script(tasks=tasks, status="FAILED", failureReason="RUN_TASK_FAILED")
    run_id = start()["id"]
    assert client.list_run_tasks(id=run_id)["items"] == []
    frozen.advance(10)
    align, call = client.list_run_tasks(id=run_id)["items"]
    assert [(task["name"], task["status"]) for task in (align, call)] == [("align", "RUNNING"), ("call", "PENDING")]
    assert (align["cpus"], align["memory"], align["gpus"]) == (4, 8, 0)
    frozen.advance(15)
    assert [task["name"] for task in client.list_run_tasks(id=run_id, status="RUNNING")["items"]] == ["call"]
    frozen.advance(20)
    call = client.get_run_task(id=run_id, taskId=call["taskId"])
    assert (call["status"], call["failureReason"], call["statusMessage"]) == ("FAILED", "OUT_OF_MEMORY_ERROR", "137")
    assert (call["stopTime"] - call["startTime"]).total_seconds() == 15
    assert call["logStream"].endswith(f"run/{run_id}/task/{call['taskId']}")
    message = client.get_run(id=run_id)["statusMessage"]
    assert message.startswith(f"Run failed due to task: call, id: {call['taskId']}, failure.")
    assert call["logStream"] in message


@pytest.mark.parametrize("seconds", [0, 5, 10, 41])
def test_a_run_is_cancelled_in_every_active_status(seconds, start, client, frozen):
    run_id = start()["id"]
    frozen.advance(seconds)
    assert client.cancel_run(id=run_id)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert client.get_run(id=run_id)["status"] == "STOPPING"
    client.cancel_run(id=run_id)
    frozen.advance(5)
    assert client.get_run(id=run_id)["status"] == "CANCELLED"
    assert {task["status"] for task in client.list_run_tasks(id=run_id)["items"]} <= {"CANCELLED", "COMPLETED"}
    frozen.advance(3600)
    assert client.get_run(id=run_id)["status"] == "CANCELLED"


def test_a_run_that_is_to_end_cancelled_anyway_is_cancelled_when_asked(start, client, omics_local, frozen):
    omics_local.script(status="CANCELLED", running=3600)
    run_id = start()["id"]
    frozen.advance(10)
    client.cancel_run(id=run_id)
    frozen.advance(4)
    client.cancel_run(id=run_id)
    frozen.advance(1)
    assert client.get_run(id=run_id)["status"] == "CANCELLED"


def test_a_run_forced_back_can_be_cancelled_again(start, client, omics_local, frozen):
    run_id = start()["id"]
    client.cancel_run(id=run_id)
    omics_local.force(run_id, "RUNNING")
    client.cancel_run(id=run_id)
    frozen.advance(5)
    assert client.get_run(id=run_id)["status"] == "CANCELLED"


def test_a_run_can_be_put_into_any_status(start, client, omics_local, frozen, refused):
    run_id = start()["id"]
    omics_local.force(run_id, "FAILED", failureReason="SERVICE_ERROR", statusMessage="again")
    frozen.advance(3600)
    run = client.get_run(id=run_id)
    assert (run["status"], run["failureReason"], run["statusMessage"]) == ("FAILED", "SERVICE_ERROR", "again")
    omics_local.force(run_id, "DELETED")
    assert refused(client.get_run, id=run_id) == MISSING
    with pytest.raises(ValueError, match="no status 'LOST'"):
        omics_local.force(start()["id"], "LOST")


def test_a_run_that_is_forced_back_has_no_times_that_it_has_not_reached(start, client, omics_local, frozen):
    run_id = start()["id"]
    frozen.advance(60)
    ended = client.get_run(id=run_id)
    for status, times in (
        ("STOPPING", {"startTime"}),
        ("RUNNING", {"startTime"}),
        ("STARTING", set()),
        ("PENDING", set()),
    ):
        omics_local.force(run_id, status)
        assert {"startTime", "stopTime"} & client.get_run(id=run_id).keys() == times, status
        assert {"startTime", "stopTime"} & client.list_runs()["items"][0].keys() == times, status
    omics_local.force(run_id, "COMPLETED")
    assert client.get_run(id=run_id)["stopTime"] >= ended["stopTime"]
