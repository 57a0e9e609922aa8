# SPDX-License-Identifier: Apache-2.0
"""What becomes of a run: its statuses, tasks, outputs, logs and manifest, or the reason why it fails."""

from __future__ import annotations

import json

import pytest

HELLO = """
version 1.1
workflow Hello {
    input { String who  File greeting  Int status = 0  Int memory = 1 }
    call Greet { input: who, greeting, status, memory }
    output { File said = Greet.said  Array[File] parts = Greet.parts  String line = read_string(Greet.said) }
}
task Greet {
    input { String who  File greeting  Int status  Int memory }
    command <<<
        echo "$(cat ~{greeting}), ~{who}" | tee said.txt
        printf care >&2; sleep 0.3; echo ful >&2  # one line, in two writes
        echo one > 1.txt; echo two > 2.txt
        exit ~{status}
    >>>
    output { File said = "said.txt"  Array[File] parts = ["1.txt", "2.txt"] }
    runtime { cpu: 2  memory: "~{memory} GiB"  docker: "registry.example/never-pulled" }
}
"""


def test_a_run_leaves_outputs_logs_tasks_and_manifest(harness, isolated):
    del isolated
    run, updates = harness.finish(
        HELLO, {"who": "Ada", "greeting": "s3://lab/in/greeting.txt"}, name="hi", roleArn="arn:role"
    )

    assert run.status == "COMPLETED", run.status_message
    assert updates.statuses == ["PENDING", "STARTING", "RUNNING", "STOPPING", "COMPLETED"]
    uri = run.run_output_uri
    files = ["out/parts/0/1.txt", "out/parts/1/2.txt", "out/said/said.txt"]
    assert harness.publisher.below(uri) == ["logs/engine.log", "logs/outputs.json", *files]
    assert json.loads(harness.publisher.get(f"{uri}/logs/outputs.json")) == {
        "Hello.said": f"{uri}/out/said/said.txt",
        "Hello.parts": [f"{uri}/out/parts/0/1.txt", f"{uri}/out/parts/1/2.txt"],
        "Hello.line": "Hello, Ada",
    }
    assert harness.publisher.get(f"{uri}/out/said/said.txt") == "Hello, Ada\n"
    [task] = run.tasks
    assert (task.name, task.status, task.cpus, task.memory) == ("Greet", "COMPLETED", 2, 1)
    assert task.creation_time <= task.start_time <= task.stop_time
    assert set(harness.publisher.text(f"run/{run.id}/task/{task.id}").splitlines()) == {"Hello, Ada", "careful"}
    assert "workflow start" in harness.publisher.text(f"run/{run.id}/engine")
    assert "workflow start" in harness.publisher.get(f"{uri}/logs/engine.log")
    assert "COMPLETED" in harness.publisher.text(f"run/{run.id}")
    about, its_task = map(json.loads, harness.publisher.text(f"manifest/run/{run.id}/{run.uuid}").splitlines())
    assert about["status"] == "COMPLETED"
    assert about["parameters"]["greeting"] == "s3://lab/in/greeting.txt"
    assert (its_task["name"], its_task["metrics"]["cpusReserved"]) == ("Greet", 2)
    assert its_task["metrics"]["runningSeconds"] >= 0.2


def test_a_failing_task_is_named_with_its_log_stream(harness):
    run, updates = harness.finish(HELLO, {"who": "Ada", "greeting": "s3://lab/in/greeting.txt", "status": 3})

    assert updates.statuses[-2:] == ["STOPPING", "FAILED"]
    assert run.failure_reason == "RUN_TASK_FAILED"
    [task] = run.tasks
    assert run.status_message.startswith(
        f"Run failed due to task: Greet, id: {task.id}, failure. Use the GetRunTask API"
    )
    assert run.status_message.endswith(f":log-group:/aws/omics/WorkflowLog:log-stream:run/{run.id}/task/{task.id}")
    assert (task.status, task.failure_reason) == ("FAILED", "RUN_TASK_FAILED")
    assert task.status_message == "The task's command failed with exit status 3."
    assert "careful" in harness.publisher.text(f"run/{run.id}/task/{task.id}")
    assert harness.publisher.below(run.run_output_uri) == ["logs/engine.log"]
    assert '"failureReason": "RUN_TASK_FAILED"' in harness.publisher.text(f"manifest/run/{run.id}/{run.uuid}")


OUTSIDE = f"{'../' * 9}etc/passwd"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"wdl": "version 1.1\nworkflow W { call }"}, "main.wdl line 2 column 19: Unexpected token"),
        ({"wdl": "version 1.1\nworkflow W { call A call B }"}, "(main.wdl Ln 2 Col 14) No such task/workflow: A"),
        ({"wdl": HELLO, "parameters": {"who": "Ada"}}, "missing required inputs for Hello: greeting"),
        ({"wdl": HELLO, "parameters": {"whom": "Ada"}}, "unknown input/output: whom"),
        ({"wdl": HELLO, "main": "other.wdl"}, "has no file other.wdl"),
        ({"wdl": HELLO, "main": "../../etc/passwd"}, "has no file ../../etc/passwd"),
        ({"wdl": {OUTSIDE: HELLO}, "main": OUTSIDE}, f"has no file {OUTSIDE}"),
        ({"wdl": b"no zip"}, "no readable zip file"),
    ],
)
def test_a_workflow_that_cannot_run_fails_and_says_why(harness, how, message):
    run, updates = harness.finish(how.pop("wdl"), how.pop("parameters", {}), **how)

    assert updates.statuses[-2:] == ["STOPPING", "FAILED"]
    assert run.failure_reason == "WORKFLOW_RUN_FAILED"
    assert message in run.status_message
    assert run.tasks == []


@pytest.mark.parametrize("engine", ["WDL", "WDL_LENIENT"])
def test_a_lenient_run_that_fails_of_a_type_says_that_leniency_is_not_emulated(harness, engine):
    run, _ = harness.finish("version 1.0\nworkflow W { input { Int i } }", {"i": "1"}, engine=engine)

    assert run.failure_reason == "WORKFLOW_RUN_FAILED"
    assert ("not emulated" in run.status_message) == (engine == "WDL_LENIENT")


NAMES = """
version 1.1
struct Reads { File file  String source }
workflow Names {
    input { String uri  Array[Reads] reads  Map[String, File?] index = {} }
    output {
        Array[String] kept = [uri, reads[0].source]
        Array[String] read = [read_string(reads[0].file), read_string(select_first([index["a"]]))]
    }
}
"""
GREETING = "s3://lab/in/greeting.txt"


@pytest.mark.parametrize("prefix", ["", "Names."])
def test_only_what_is_declared_a_file_is_downloaded(harness, prefix):
    elsewhere, store = "s3://elsewhere/not/there", "omics://1.storage.us-east-1.amazonaws.com/1/readSet/2"
    inputs = {"uri": elsewhere, "reads": [{"file": GREETING, "source": store}], "index": {"a": GREETING, "b": None}}
    run, _ = harness.finish(NAMES, {f"{prefix}{name}": value for name, value in inputs.items()})

    assert run.status == "COMPLETED", run.status_message
    outputs = json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json"))
    assert outputs == {"Names.kept": [elsewhere, store], "Names.read": ["Hello", "Hello"]}


@pytest.mark.parametrize(
    ("runtime", "message"),
    [
        ('memory: "plenty"', "plenty"),
        ('cpu: 0  memory: "1 GiB"', "0 vCPUs and 1 GiB"),
        ('memory: "0 GB"', "1 vCPUs and 0 GiB"),
        ("cpu: 193", "193 vCPUs and 1 GiB"),
        ('cpu: 2  memory: "1537 GiB"', "2 vCPUs and 1537 GiB"),
    ],
)
def test_a_task_asking_for_what_no_instance_has_fails_as_such(harness, runtime, message):
    run, _ = harness.finish(f"version 1.1\ntask T {{ command <<<>>> runtime {{ {runtime} }} }}", {})

    assert run.failure_reason == run.tasks[0].failure_reason == "INVALID_TASK_RESOURCE_VALUE"
    assert message in run.tasks[0].status_message


def test_a_task_may_ask_for_the_largest_instance_and_gets_what_there_is(harness):
    run, _ = harness.finish('version 1.1\ntask T { command <<<>>> runtime { cpu: 192  memory: "1536 GiB" } }', {})

    assert run.status == "COMPLETED", run.status_message
    assert (run.tasks[0].cpus, run.tasks[0].memory) == (192, 1536)


def test_a_repeated_task_is_a_new_task(harness):
    wdl = """
version 1.2
workflow Twice { call Flaky { input: greeting = "s3" } output { String said = Flaky.said } }
task Flaky {
    input { String greeting }
    command <<<
        if [ ~{task.attempt} = 0 ]; then echo first; exit 1; fi
        echo second
    >>>
    output { String said = read_string(stdout()) }
    runtime { maxRetries: 1 }
}
"""
    run, _ = harness.finish(wdl, {})

    assert run.status == "COMPLETED", run.status_message
    assert [task.status for task in run.tasks] == ["FAILED", "COMPLETED"]
    assert [harness.publisher.text(f"run/{run.id}/task/{task.id}") for task in run.tasks] == ["first", "second"]
    assert json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json")) == {"Twice.said": "second"}


def test_a_definition_imports_its_own_files_and_scatters(harness):
    main = """
version 1.1
import "../lib/tasks.wdl" as lib
workflow Many {
    scatter (i in range(6)) { call lib.Double { input: i } }
    output { Array[Int] doubled = Double.out }
}
"""
    library = """
version 1.1
task Double { input { Int i } command <<< echo $((~{i} * 2)) >>> output { Int out = read_int(stdout()) } }
"""
    run, _ = harness.finish({"wf/main.wdl": main, "lib/tasks.wdl": library}, {}, main="wf/main.wdl")

    assert run.status == "COMPLETED", run.status_message
    assert json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json")) == {
        "Many.doubled": [0, 2, 4, 6, 8, 10]
    }
    assert [task.name for task in run.tasks] == ["Double"] * 6


def test_log_level_off_leaves_only_the_manifest(harness):
    run, _ = harness.finish(HELLO, {"who": "A", "greeting": "s3://lab/in/greeting.txt"}, logLevel="OFF")

    assert list(harness.publisher.streams) == [f"manifest/run/{run.id}/{run.uuid}"]


def test_outputs_that_cannot_be_uploaded_fail_the_run(harness):
    parameters = {"who": "Ada", "greeting": "s3://lab/in/greeting.txt"}
    run, _ = harness.finish(HELLO, parameters, output="s3://nowhere/results")

    assert (run.status, run.failure_reason) == ("FAILED", "EXPORT_FAILED")
    assert "NoSuchBucket nowhere" in run.status_message
    assert run.tasks[0].status == "COMPLETED"
