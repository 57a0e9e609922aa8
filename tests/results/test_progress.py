# SPDX-License-Identifier: Apache-2.0
"""What is said of a run that goes on."""

from collections import Counter

import pytest

from airflow_provider_omics.records.run import Run
from airflow_provider_omics.results.progress import TaskCounts, heartbeat, summary


def run(status, **times):
    return Run("1", "u", "arn", "s3://b/1", status, **times)


def ask(tasks):
    """Count as who asks does, of pages of a hundred; return the counts and what was asked for."""
    counts, asked = TaskCounts(), []
    for status in counts:
        found = [it for it in Counter(tasks).elements() if status in (None, it)]
        counts.add(status, found[:100], more=len(found) > 100)
        asked.append(status)
    return str(counts), asked


@pytest.mark.parametrize(
    ("line", "status", "times"),
    [
        ("run 1 PENDING, 0:10:00 since StartRun, all of it in the queue", "PENDING", {"creation_time": 1000.0}),
        ("run 1 STARTING, 0:10:00 since StartRun, all of it in the queue", "STARTING", {"creation_time": 1000.0}),
        (
            "run 1 RUNNING, 0:10:00 since StartRun, 0:01:30 of it in the queue",
            "RUNNING",
            {"creation_time": 1000.0, "start_time": 1090.0},
        ),
        ("run 1 RUNNING, 0:10:00 since StartRun", "RUNNING", {"creation_time": 1000.0}),
        ("run 1 RUNNING", "RUNNING", {}),
        # Clocks differ.
        ("run 1 RUNNING, 0:00:00 since StartRun", "RUNNING", {"creation_time": 1700.0}),
    ],
)
def test_a_heartbeat_tells_status_and_times(line, status, times):
    assert heartbeat(run(status, **times), 1600.0) == line


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ((1000.0, 1190.0, 5090.0), "workflow 7 version 2, 0:03:10 in the queue, 1:05:00 running, outputs in s3://b/1"),
        ((1000.0, 1190.0, None), "workflow 7 version 2, 0:03:10 in the queue, outputs in s3://b/1"),
        ((None, None, None), "workflow 7 version 2, outputs in s3://b/1"),
    ],
)
def test_at_the_end_it_is_told_what_it_was_and_how_long_it_took(times, told):
    ended = run("COMPLETED", **dict(zip(("creation_time", "start_time", "stop_time"), times, strict=True)))
    assert summary(ended, ["workflow 7 version 2"]) == f"run 1 COMPLETED: {told}"


def test_a_heartbeat_tells_the_tasks():
    counts = TaskCounts()
    counts.add(None, ["RUNNING"], more=False)
    assert heartbeat(run("RUNNING"), 0.0, counts) == "run 1 RUNNING; tasks: 1 RUNNING"


def test_of_few_tasks_one_page_tells_all():
    assert ask({"RUNNING": 3, "COMPLETED": 97}) == ("3 RUNNING, 97 COMPLETED", [None])
    assert ask({}) == ("none yet", [None])


def test_of_many_tasks_a_page_of_each_status_tells_enough():
    told, asked = ask({"PENDING": 4900, "RUNNING": 25, "COMPLETED": 100, "FAILED": 1})
    assert told == "100+ PENDING, 25 RUNNING, 100 COMPLETED, 1 FAILED"
    assert len(asked) == 8
