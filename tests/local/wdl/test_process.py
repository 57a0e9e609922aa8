# SPDX-License-Identifier: Apache-2.0
"""What a run's processes may do, and that none of them outlives it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import uuid
from pathlib import Path

import pytest

from airflow_provider_omics.local.wdl.isolation import backend, namespaces

LONG = """
version 1.1
workflow Long { input { String marker  String clean = "" } call Sleep { input: marker, clean } }
task Sleep {
    input { String marker  String clean }
    command <<<
        echo started
        python -c 'import time; time.sleep(300)' ~{marker} &
        setsid ~{clean} bash -c 'sleep 300; : ~{marker}' &
        setsid bash -c '(sleep 300; : ~{marker}) & sleep 300; : ~{marker}' &
        wait
    >>>
}
"""


def test_cancel_kills_every_process_and_exports_nothing(harness, isolated, wait_for, alive):
    marker = f"{isolated}-{uuid.uuid4().hex}"
    # Only namespaces hold a process that leaves its session and forgets its environment.
    clean = "env --ignore-environment PATH=/bin" if isolated == "namespaces" else ""
    run, updates = harness.start(LONG, {"marker": marker, "clean": clean})
    # Progress is there to see while the run works.
    wait_for(
        lambda: any(
            "started" in harness.publisher.text(stream)
            for stream in list(harness.publisher.streams)
            if "/task/" in stream
        )
    )
    assert run.tasks[0].status == "RUNNING"
    wait_for(lambda: len(alive(marker)) >= 4)

    harness.executor.cancel(run.id)

    assert updates.ended.wait(60)
    assert updates.statuses == ["PENDING", "STARTING", "RUNNING", "STOPPING", "CANCELLED"]
    assert run.tasks[0].status == "CANCELLED"
    assert harness.publisher.below(run.run_output_uri) == []
    assert '"status": "CANCELLED"' in harness.publisher.text(f"manifest/run/{run.id}/{run.uuid}")
    wait_for(lambda: not alive(marker))


@pytest.mark.skipif(os.cpu_count() == 1, reason="miniwdl runs as many tasks at once as there are processors")
def test_a_failed_task_ends_those_beside_it(harness, isolated, wait_for, alive):
    wdl = """
version 1.1
workflow Both { call Wait  call Fail }
task Wait { command <<< bash -c 'sleep 300; : wait-PAIR' >>> runtime { cpu: 1 } }
task Fail { command <<< bash -c 'sleep 300; : fail-PAIR' >>> runtime { cpu: 1 } }
"""
    marker = f"{isolated}-{uuid.uuid4().hex}"
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # as a server does that waits for its signals
    try:
        run, updates = harness.start(wdl.replace("PAIR", marker), {})
        wait_for(lambda: alive(f"wait-{marker}") and alive(f"fail-{marker}"))
        for pid in alive(f"fail-{marker}"):
            os.kill(pid, signal.SIGKILL)
        assert updates.ended.wait(60)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    assert run.failure_reason == "RUN_TASK_FAILED", run.status_message
    assert {task.name: task.status for task in run.tasks} == {"Wait": "CANCELLED", "Fail": "FAILED"}
    assert "task: Fail" in run.status_message
    wait_for(lambda: not alive(marker))


def test_close_leaves_no_process_and_no_run_without_an_end(harness, wait_for, alive):
    marker = uuid.uuid4().hex
    started = [harness.start(LONG, {"marker": marker}) for _ in range(4)]
    wait_for(lambda: alive(marker))

    harness.executor.close()

    assert [run.status for run, _ in started] == ["CANCELLED"] * 4
    wait_for(lambda: not alive(marker))


def test_cancel_does_not_wait_for_a_file_that_is_imported(harness, monkeypatch):
    downloading, going_on = threading.Event(), threading.Event()

    def download(_uri, _path):
        downloading.set()
        going_on.wait(60)

    monkeypatch.setattr(harness.publisher, "download", download)
    wdl = "version 1.1\ntask Read { input { File file } command <<< cat ~{file} >>> }"
    try:
        run, updates = harness.start(wdl, {"file": "s3://lab/in/greeting.txt"})
        assert downloading.wait(110)
        harness.executor.cancel(run.id)
        assert updates.ended.wait(20)
        assert run.status == "CANCELLED"

        downloading.clear()
        run, updates = harness.start(wdl, {"file": "s3://lab/in/greeting.txt"})
        assert downloading.wait(110)
        harness.executor.close()
        assert run.status == "CANCELLED"
    finally:
        going_on.set()


def test_cancel_exports_no_further_file(harness, monkeypatch):
    exporting, going_on, upload = threading.Event(), threading.Event(), harness.publisher.upload

    def slow(path, uri):
        exporting.set()
        going_on.wait(60)
        upload(path, uri)

    monkeypatch.setattr(harness.publisher, "upload", slow)
    run, updates = harness.start(
        "version 1.1\ntask Two { command <<< touch a b >>> output { Array[File] files = glob('?') } }", {}
    )
    assert exporting.wait(110)
    harness.executor.cancel(run.id)
    going_on.set()
    assert updates.ended.wait(20)
    assert run.status == "CANCELLED"
    assert len(harness.publisher.below(run.run_output_uri)) == 1


@pytest.mark.parametrize("harness", [1], indirect=True)
def test_runs_beyond_the_limit_wait_in_pending(harness, wait_for):
    first, _ = harness.start(LONG, {"marker": "first"})
    second, second_diary = harness.start(LONG, {"marker": "second"})
    third, third_diary = harness.start("version 1.1\nworkflow Empty {}", {})
    wait_for(lambda: first.tasks)
    assert (second.status, third.status) == ("PENDING", "PENDING")

    harness.executor.cancel(second.id)
    assert second_diary.ended.wait(60)  # although no place is free
    assert second_diary.statuses == ["PENDING", "CANCELLED"]
    assert first.status == "RUNNING"

    harness.executor.cancel(first.id)
    assert third_diary.ended.wait(120)
    harness.executor.cancel(third.id)  # it has ended: ignored
    harness.executor.cancel("no such run")
    assert third.status == "COMPLETED"


def test_a_task_has_no_network_and_no_credentials(harness, monkeypatch, require):
    require(namespaces(), "unshare")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-for-tasks")
    wdl = """
version 1.1
task Peek {
    input { Int port }
    command <<<
        (exec 3<>/dev/tcp/127.0.0.1/~{port}) 2>/dev/null && echo connected || echo cut off
        env | grep -c AWS_ || true
    >>>
    output { Array[String] seen = read_lines(stdout()) }
}
"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        run, _ = harness.finish(wdl, {"port": server.getsockname()[1]})

    seen = json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json"))
    assert seen == {"Peek.seen": ["cut off", "0"]}


def test_a_sandboxed_task_has_its_own_tmp_and_cannot_write_elsewhere(harness, require):
    require(backend() == "omics_sandbox", "bubblewrap")
    wdl = """
version 1.1
task Look {
    input { String elsewhere }
    command <<<
        touch ~{elsewhere}/written 2>/dev/null && echo written || echo refused
        ls /tmp | grep -v omics-run | grep -c pytest || true
    >>>
    output { Array[String] seen = read_lines(stdout()) }
}
"""
    run, _ = harness.finish(wdl, {"elsewhere": sys.prefix})

    seen = json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json"))
    assert seen == {"Look.seen": ["refused", "0"]}


def test_a_sandboxed_task_sees_programs_and_its_inputs_alone(harness, tmp_path, require):
    require(backend() == "omics_sandbox", "bubblewrap")
    wdl = """
version 1.1
task Look {
    input { File file  Array[String] hidden }
    command <<<
        for path in ~{sep=" " hidden}; do test -e $path && echo sees $path; done
        echo more 2>/dev/null >> ~{file} && echo wrote its input
        mount -o remount,bind,rw /usr 2>/dev/null && echo remounted
        touch /usr/written 2>/dev/null && echo wrote to /usr
        python3 -c 'print("runs python")'
        cat ~{file}
    >>>
    output { Array[String] seen = read_lines(stdout()) }
}
"""
    sockets = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(sockets))
        hidden = ["/etc/shadow", "/etc/ssh", "/run", "/var", "/home", "/srv", "/mnt", str(sockets), "/etc/ssl/private"]
        hidden += [f"{Path.home()}/{name}" for name in (".bashrc", ".aws", ".ssh", ".cargo/env", ".config", ".cache")]
        run, _ = harness.finish(wdl, {"file": "s3://lab/in/greeting.txt", "hidden": hidden})

    assert run.status == "COMPLETED", run.status_message
    seen = json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json"))["Look.seen"]
    # The programs on PATH may be somewhere in a home; else nothing of it is there.
    assert [line for line in seen if not line.startswith("sees /home")] == ["runs python", "Hello"]


LINKS = """
version 1.1
task Link {
    input { String file  String folder  String secret }
    command <<<
        rm -rf ../usage.json ../out ../stderr.txt ../error.json ../command
        ln -s ~{file} ../usage.json
        ln -s ~{folder} ../out
        ln -s ~{secret} ../stderr.txt
        ln -s ~{secret} ../error.json
        echo made > made
    >>>
    output { File made = "made" }
}
"""


def test_a_sandboxed_task_cannot_link_what_the_host_reads_and_writes_elsewhere(harness, tmp_path, require):
    require(backend() == "omics_sandbox", "bubblewrap")
    (tmp_path / "file").write_text("as it was")
    (tmp_path / "secret").write_text("the secret")
    (tmp_path / "folder").mkdir()

    run, _ = harness.finish(LINKS, {name: str(tmp_path / name) for name in ("file", "folder", "secret")})

    assert run.status == "COMPLETED", run.status_message
    assert harness.publisher.get(f"{run.run_output_uri}/out/made/made") == "made\n"
    assert (tmp_path / "file").read_text() == "as it was"
    assert list((tmp_path / "folder").iterdir()) == []
    assert "the secret" not in harness.publisher.text(f"run/{run.id}/task/{run.tasks[0].id}")


@pytest.mark.parametrize(("default", "parameters"), [("/etc/hostname", {}), ("", {"file": "/etc/hostname"})])
def test_a_file_of_the_host_is_no_input_of_a_run(harness, default, parameters):
    wdl = f"""
version 1.1
workflow Given {{
    input {{ File file = "{default}" }}
    call Read {{ input: file }}
}}
task Read {{ input {{ File file }} command <<< cat ~{{file}} >>> }}
"""
    run, _ = harness.finish(wdl, parameters)

    assert run.status == "FAILED"
    assert "/etc/hostname" in run.status_message


def test_a_task_has_a_home_of_its_own(harness, isolated, monkeypatch, tmp_path):
    del isolated
    monkeypatch.setenv("HOME", str(tmp_path))
    wdl = """
version 1.1
task Home {
    command <<< touch ~/mark; echo "$HOME" >>>
    output { String home = read_string(stdout())  File mark = "mark" }
}
"""
    run, _ = harness.finish(wdl, {})

    assert run.status == "COMPLETED", run.status_message
    assert list(tmp_path.glob("mark")) == []
    assert "/omics-run-" in json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json"))["Home.home"]
