# SPDX-License-Identifier: Apache-2.0
"""Why a run failed: every reason of the user guide has a class, and what is told of it fits."""

import pytest

from airflow_provider_omics.exceptions import RunFailedError, RunWaitError
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.text import plain
from airflow_provider_omics.results.failures import CLASSES, FailedTask, LogEnd, misnamed, understand

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


@pytest.mark.parametrize("named", [(), ["capacity", "unknown"], {"task"}, ["A_NEW_REASON", "RUN_TASK_FAILED"]])
def test_retry_on_names_classes_and_reasons(named):
    assert misnamed(named) is None


@pytest.mark.parametrize(
    "named", [["CAPACITY"], "capacity", 5, ["trasient"], ["Capacity"], ["run_task_failed"], [7], [None]]
)
def test_what_retry_on_cannot_mean_is_told(named):
    assert misnamed(named).startswith("must ")


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
    found = understand(run("RUN_TASK_FAILED"), tasks, failed=7, log=LogEnd("task", ("first", "last")))
    text = found.text(cached=True, links=["the console: https://x"])
    assert text.splitlines() == [
        *(f"Failed task call-{i} ({i}): OUT_OF_MEMORY_ERROR: 137" for i in range(5)),
        "… 7 tasks failed in all",
        "Last lines of the log of task call-0:",
        "  first",
        "  last",
        "A task of the workflow failed: see its log. A clear of the task resumes from the run cache.",
        "the console: https://x",
    ]


@pytest.mark.parametrize(
    ("reason", "cached", "told"),
    [
        ("SERVICE_ERROR", True, "A retry resumes from the run cache."),
        ("OUT_OF_MEMORY_ERROR", True, "A clear of the task resumes from the run cache."),
        ("SERVICE_ERROR", False, None),
        # These leave nothing in the cache.
        ("RUN_TIMED_OUT", True, None),
        ("FILE_SYSTEM_OUT_OF_SPACE", True, None),
        ("EXPORT_FAILED", True, None),
    ],
)
def test_what_resumes_from_a_run_cache_is_told(reason, cached, told):
    text = understand(run(reason)).text(cached=cached)
    assert text.endswith(told) if told else "run cache" not in text


@pytest.mark.parametrize(
    ("message", "log", "told"),
    [
        ("The task's command failed with exit status 3.", [], "exit 3"),
        ("it exited with code 137", ["exit code 1"], "exit 137"),
        (None, ["tool: exit code 2", "terminated with an error exit status (1)", "bye"], "exit 1"),
        (None, ["samtools: exit code 0"], None),
        (None, ["the exit code is not told"], None),
    ],
)
def test_an_exit_code_is_told_where_one_is_named(message, log, told):
    end = LogEnd("task", tuple(log)) if log else None
    found = understand(run("RUN_TASK_FAILED"), [FailedTask("7", "call", "X", message)], failed=1, log=end)
    first = found.text(cached=False).splitlines()[0]
    assert first.startswith(f"Failed task call (7), {told}: X") if told else first.startswith("Failed task call (7): X")


def test_the_engines_exit_code_is_not_the_tasks():
    end = LogEnd("engine", ("exit code 1",))
    text = understand(run("RUN_TASK_FAILED"), [FailedTask("7", "call", "X")], failed=1, log=end).text(cached=False)
    assert text.splitlines()[:3] == ["Failed task call (7): X", "Last lines of the engine log:", "  exit code 1"]


@pytest.mark.parametrize(("tasks", "engine"), [([], True), ([FailedTask("7", "call", "X")], False)])
def test_a_run_that_failed_outside_its_tasks_has_its_advice_in_the_engine_log(tasks, engine):
    found = understand(run("WORKFLOW_RUN_FAILED"), tasks, failed=len(tasks))
    assert found.engine is engine
    assert ("review the engine log (stream run/1/engine)" in found.text(cached=False)) is engine


def test_of_more_tasks_than_a_page_the_number_is_not_told():
    assert "… 100+ tasks failed in all" in understand(run("X"), [], failed=101).text(cached=False)


def test_it_is_never_long_and_keeps_the_advice():
    tasks = [FailedTask(str(i), "é" * 500, "R" * 64, "m\n" * 5000) for i in range(5)]
    found = understand(run("RUN_TASK_FAILED", "x" * 9000), tasks, failed=100, log=LogEnd("task", ("ü" * 5000,) * 500))
    text = found.text(cached=True, links=["y" * 300, "z" * 800])
    assert len(text.encode()) <= 2700
    lines = text.splitlines()
    assert [line[:11] for line in lines[:6]] == ["Failed task"] * 5 + ["… 100 tasks"]
    assert lines[6].startswith("Last lines")
    assert lines[7].startswith("  ü")
    # A link that does not fit is left out whole.
    assert lines[-2:] == [
        "A task of the workflow failed: see its log. A clear of the task resumes from the run cache.",
        "y" * 300,
    ]


def test_what_only_a_terminal_understands_is_not_quoted():
    coloured = "\x1b[1;31mERROR\x1b[0m ~ \x1b]0;title\x07\x9b2KNo such variable\x00\b"
    failed = run("RUN_TASK_FAILED", f"why\r\n{coloured}")
    assert str(failed) == "run 1 FAILED: RUN_TASK_FAILED: why ERROR ~ No such variable"
    assert str(FailedTask("7", "call", "X", coloured)) == "call (7): X: ERROR ~ No such variable"
    assert str(RunFailedError(failed)).isprintable()


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("\x1b[32m[ 50%]\x1b[39m\r\x1b[K[100%] done\r\n", "[100%] done\n"),
        ("a\tb é🧬", "a\tb é🧬"),
        ("\x1b(B\x1b[mplain\x1b[2A\x1b[?25h\x1bM", "plain"),
        ("\x1bPq#0;2\x1b\\sixel", "sixel"),
        ("cut off \x1b[3", "cut off "),
    ],
)
def test_a_line_is_left_as_a_terminal_would_show_it(line, left):
    assert plain(line) == left


@pytest.mark.parametrize("letter", ["x", "ü", "🧬"])
def test_an_exception_has_less_than_4_kb_and_begins_with_one_line(letter):
    found = understand(
        run("X"), [FailedTask("1", letter * 500)] * 5, failed=6, log=LogEnd("task", (letter * 5000,) * 500)
    )
    error = RunFailedError(run("X", f"why\n{letter * 9000}"), found.text(cached=True, links=["y" * 300]))
    assert len(str(error).encode(errors="replace")) < 4096
    assert str(error).splitlines()[0].startswith(f"HealthOmics run 1 FAILED: X: why {letter}")
    assert str(error).splitlines()[-1] == "y" * 300
    assert len(str(RunWaitError(letter * 9000)).encode(errors="replace")) < 4096
