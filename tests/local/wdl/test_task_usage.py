# SPDX-License-Identifier: Apache-2.0
"""What a task used is measured, whatever isolates it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from airflow_provider_omics.local.wdl import task_usage

BUSY = """
version 1.1
workflow Busy { call Burn }
task Burn {
    command <<<
        head -c 150000000 /dev/zero | tail -n 1 | wc -c  # tail keeps the line, which is all of it
        timeout 0.7 sh -c 'while :; do :; done'
        true
    >>>
    output { Int done = 1 }
    runtime { cpu: 4  memory: "32 GiB" }
}
"""


def test_cpus_and_memory_of_a_task_are_in_the_manifest(harness, isolated):
    del isolated
    run, _ = harness.finish(BUSY, {})
    assert run.status == "COMPLETED", run.status_message
    _, line = map(json.loads, harness.publisher.text(f"manifest/run/{run.id}/{run.uuid}").splitlines())
    assert (line["cpus"], line["memory"], line["instanceType"]) == (4, 32, "omics.r.xlarge")
    metrics = line["metrics"]
    assert (metrics["cpusReserved"], metrics["memoryReservedGiB"]) == (4, 32)
    assert 0 < metrics["cpusAverage"] <= metrics["cpusMaximum"] < 4
    assert metrics["cpusAverage"] * metrics["runningSeconds"] > 0.1  # however busy the machine is
    assert 0.13 < metrics["memoryMaximumGiB"] < 1
    assert 0 < metrics["memoryAverageGiB"] <= metrics["memoryMaximumGiB"]


def test_a_task_too_short_to_be_sampled_has_metrics_too(harness):
    wdl = BUSY.replace("timeout 0.7", "timeout 0.01").replace("150000000", "1")
    run, _ = harness.finish(wdl, {})
    [task] = run.tasks
    assert set(task.metrics) == {"cpusAverage", "cpusMaximum", "memoryAverageGiB", "memoryMaximumGiB"}
    assert all(task.metrics.values())


@pytest.mark.parametrize(("script", "status"), [("exit 7", 7), ("kill -9 $$", 137), ("true", 0)])
def test_the_status_of_the_command_is_passed_on(tmp_path, script, status):
    command = [sys.executable, "-P", task_usage.__file__, str(tmp_path / "usage.json"), "sh", "-c", script]
    assert subprocess.run(command, check=False).returncode == status  # noqa: S603 - our own command
    assert json.loads((tmp_path / "usage.json").read_text())["memoryMaximumGiB"] > 0


def test_a_signal_is_passed_on(tmp_path):
    command = [sys.executable, "-P", task_usage.__file__, str(tmp_path / "usage.json")]
    command += ["sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own command
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 5
