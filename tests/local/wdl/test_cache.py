# SPDX-License-Identifier: Apache-2.0
"""Outputs of tasks are found again in a run's cache, as the cache's behaviour says."""

from __future__ import annotations

import json

import pytest

from airflow_provider_omics.local.state.resources import CacheEntries

PAIR = """
version 1.1
workflow Two {
    input { File reads  Int status = 0 }
    call Align { input: reads }
    call Variants { input: bam = Align.bam, index = Align.index, status }
    output { String said = Variants.said }
}
task Align {
    input { File reads }
    command <<< cat ~{reads} > a.bam; echo index > a.bai; echo aligned >&2 >>>
    output { File bam = "a.bam"  Array[File] index = ["a.bai"] }
    runtime { cpu: 2  memory: "4 GiB" }
}
task Variants {
    input { File bam  Array[File] index  Int status }
    command <<< cat ~{bam}; exit ~{status} >>>
    output { String said = read_string(stdout()) }
}
"""
IN = {"reads": "s3://lab/in/greeting.txt"}


@pytest.fixture
def cache():
    return CacheEntries("s3://lab/cache/u-u-i-d")


def hits(run):
    return [(task.name, task.status, task.cache_uri is not None) for task in run.tasks]


def test_a_retry_of_a_failed_run_finds_what_was_completed(harness, cache):
    failed, _ = harness.finish(PAIR, {**IN, "status": 1}, cache=cache, cache_behavior="CACHE_ON_FAILURE")
    assert failed.failure_reason == "RUN_TASK_FAILED", failed.status_message
    assert hits(failed) == [("Align", "COMPLETED", False), ("Variants", "FAILED", False)]
    run, _ = harness.finish(PAIR, IN, cache=cache, cache_behavior="CACHE_ON_FAILURE")
    assert run.status == "COMPLETED", run.status_message
    assert hits(run) == [("Align", "COMPLETED", True), ("Variants", "COMPLETED", False)]
    assert json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json")) == {"Two.said": "Hello"}
    align = run.tasks[0]
    assert (align.cpus, align.memory, align.creation_time, align.start_time) == (2, 4, None, None)
    assert align.cache_uri.startswith(f"{cache.uri}/{failed.id}/{failed.tasks[0].id}/")
    kept = harness.publisher.keys(align.cache_uri.rstrip("/"))
    assert {name.rpartition("/")[2] for name in kept if not name.endswith(".json")} == {"a.bam", "a.bai"}
    line = json.loads(harness.publisher.text(f"manifest/run/{run.id}/{run.uuid}").splitlines()[1])
    assert not {"creationTime", "startTime", "stopTime"} & line.keys()


@pytest.mark.parametrize(("behavior", "found"), [("CACHE_ALWAYS", True), ("CACHE_ON_FAILURE", False)])
def test_a_completed_run_is_cached_if_that_is_asked_for(harness, cache, behavior, found):
    harness.finish(PAIR, IN, cache=cache, cache_behavior=behavior)
    run, _ = harness.finish(PAIR, IN, cache=cache, cache_behavior=behavior)
    assert hits(run) == [("Align", "COMPLETED", found), ("Variants", "COMPLETED", found)]


def test_another_content_is_another_input(harness, cache):
    harness.finish(PAIR, IN, cache=cache, cache_behavior="CACHE_ALWAYS")
    harness.publisher.put("s3://lab/in/greeting.txt", "Goodbye")
    run, _ = harness.finish(PAIR, IN, cache=cache, cache_behavior="CACHE_ALWAYS")
    assert [hit for *_, hit in hits(run)] == [False, False]
    assert json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json")) == {"Two.said": "Goodbye"}


def test_a_run_without_a_cache_leaves_and_finds_nothing(harness, cache):
    harness.finish(PAIR, IN, cache=cache, cache_behavior="CACHE_ALWAYS")
    run, _ = harness.finish(PAIR, IN)
    assert [hit for *_, hit in hits(run)] == [False, False]


def test_a_task_whose_outputs_somebody_has_deleted_runs_again(harness, cache):
    harness.finish(PAIR, IN, cache=cache, cache_behavior="CACHE_ALWAYS")
    del harness.publisher.objects[next(uri for uri in harness.publisher.objects if uri.endswith("a.bai"))]
    run, _ = harness.finish(PAIR, IN, cache=cache, cache_behavior="CACHE_ALWAYS")
    assert run.status == "COMPLETED", run.status_message
    assert hits(run) == [("Align", "COMPLETED", False), ("Variants", "COMPLETED", True)]
    failed, _ = harness.finish(PAIR, {**IN, "status": 1}, cache=cache)
    assert failed.failure_reason == "RUN_TASK_FAILED", failed.status_message


BY_ITSELF = """
version 1.1
task Read {
    input { File given = "s3://lab/in/greeting.txt"  String folder = "s3://lab/in" }
    File private = "~{folder}/greeting.txt"
    Array[String] lines = read_lines("~{folder}/greeting.txt")
    command <<< cat ~{WHICH} >>>
    output { String said = read_string(stdout()) }
}
"""


@pytest.mark.parametrize("which", ["given", "private", "write_lines(lines)"])
def test_another_content_of_what_a_task_itself_names_is_another_input(harness, cache, which):
    wdl = BY_ITSELF.replace("WHICH", which)
    harness.finish(wdl, {}, cache=cache, cache_behavior="CACHE_ALWAYS")
    same, _ = harness.finish(wdl, {}, cache=cache, cache_behavior="CACHE_ALWAYS")
    harness.publisher.put("s3://lab/in/greeting.txt", "Goodbye")
    other, _ = harness.finish(wdl, {}, cache=cache, cache_behavior="CACHE_ALWAYS")
    assert [hit for run in (same, other) for *_, hit in hits(run)] == [True, False]
    assert json.loads(harness.publisher.get(f"{other.run_output_uri}/logs/outputs.json")) == {"Read.said": "Goodbye"}
