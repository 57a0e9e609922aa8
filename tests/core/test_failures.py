# SPDX-License-Identifier: Apache-2.0
"""Why a run failed: every reason of the user guide has a class, and what is told of it fits."""

import pytest

from airflow_provider_omics.core.failures import CLASSES, FailedTask, understand
from airflow_provider_omics.core.run import Run

RUN = Run("1", "u", "arn:aws:omics:us-east-1:123456789012:run/1", "s3://b/1", "FAILED")


def run(reason, message="why"):
    return Run("1", "u", RUN.arn, RUN.output_uri, "FAILED", reason, message)


@pytest.mark.parametrize(("reason", "kind"), CLASSES.items())
def test_only_what_passes_is_tried_again(reason, kind):
    found = understand(run(reason))
    assert (found.kind, found.retry) == (kind, kind in ("transient", "capacity"))
    assert found.text(cached=False)


def test_an_unknown_reason_is_not_tried_again():
    assert not understand(run("A_NEW_REASON")).retry
    assert not understand(run(None)).retry


@pytest.mark.parametrize("named", [["RUN_TASK_FAILED"], ["task"], ["OUT_OF_MEMORY_ERROR"]])
def test_retry_on_widens(named):
    tasks = [FailedTask("1", "call", "OUT_OF_MEMORY_ERROR")] if named == ["OUT_OF_MEMORY_ERROR"] else []
    assert understand(run("RUN_TASK_FAILED"), tasks, failed=len(tasks), retry_on=named).retry


def test_retry_on_narrows():
    assert not understand(run("SERVICE_ERROR"), retry_on=()).retry


@pytest.mark.parametrize(
    ("reasons", "failed", "kind"),
    [
        (["SERVICE_ERROR"], 1, "transient"),
        (["SERVICE_ERROR", "OUT_OF_MEMORY_ERROR"], 2, "task"),
        (["SERVICE_ERROR"], 9, "task"),
        ([None], 1, "task"),
    ],
)
def test_the_reason_of_all_failed_tasks_is_the_runs(reasons, failed, kind):
    tasks = [FailedTask(str(i), "call", reason) for i, reason in enumerate(reasons)]
    assert understand(run("RUN_TASK_FAILED"), tasks, failed=failed).kind == kind


def test_what_is_told_comes_in_order():
    tasks = [FailedTask(str(i), f"call-{i}", "OUT_OF_MEMORY_ERROR", "137") for i in range(5)]
    found = understand(run("RUN_TASK_FAILED"), tasks, failed=7, log=["first", "last"])
    text = found.text(cached=True, links=["the console: https://x"])
    assert text.splitlines() == [
        *(f"Failed task call-{i} ({i}): OUT_OF_MEMORY_ERROR: 137" for i in range(5)),
        "… 7 tasks failed in all",
        "Last lines of the log of task call-0:",
        "  first",
        "  last",
        "A task of the workflow failed: its log says why.",
        "the console: https://x",
    ]


def test_a_retry_that_resumes_from_a_cache_says_so():
    assert "resumes from the run cache" in understand(run("SERVICE_ERROR")).text(cached=True)


def test_it_is_never_long():
    tasks = [FailedTask(str(i), "é" * 500, "R" * 64, "m" * 5000) for i in range(5)]
    found = understand(run("RUN_TASK_FAILED", "x" * 9000), tasks, failed=100, log=["ü" * 5000] * 500)
    assert len(found.text(cached=True, links=["y" * 300] * 3).encode()) <= 2500
