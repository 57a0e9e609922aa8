# SPDX-License-Identifier: Apache-2.0
"""The files that a run reads: wherever their URIs come from, they are copies of objects in the endpoint's own S3."""

from __future__ import annotations

import json

import pytest

# Each way by which a workflow comes to a File, in one task: cat of all of them.
EVERYWHERE = """
version 1.0
struct Sample { String name  File reads }
workflow Everywhere {
    input {
        String base = "s3://lab/in"
        File constant = "s3://lab/in/1"
        File together = base + "/2"
        Array[File] array = ["s3://lab/in/3"]
        Sample sample = object { name: "a", reads: "s3://lab/in/4" }
        File sheet = "s3://lab/in/sheet.tsv"
        File? none
    }
    Map[String, File] map = {"a": "s3://lab/in/5"}
    scatter (row in read_tsv(sheet)) { File of_row = row[1] }
    File sheet_named_in_a_sheet = read_string(base + "/pointer")
    Map[String, File] of_map = read_map(sheet_named_in_a_sheet)
    Sample of_json = read_json(base + "/sample.json")
    Array[File] of_lines = read_lines(base + "/lines")
    call Cat {
        input: files = flatten([
            [constant, together], array, [sample.reads, map["a"]], of_row, [of_map["b"], of_json.reads], of_lines
        ])
    }
    output {
        String said = Cat.said
        Float size = size(base + "/1")
        File passed = base + "/1"
    }
}
task Cat {
    input {
        Array[File] files
        String base = "s3://lab/in"
        File constant = "s3://lab/in/a"
        File together = base + "/b"
        Array[File] lines = read_lines(base + "/pointers")
        File? none = if false then "s3://lab/nothing" else none_given
        File? none_given
    }
    File private = "~{base}/d"
    command <<< cat ~{sep=" " files} ~{constant} ~{together} ~{sep=" " lines} ~{private} ~{none} >>>
    output { String said = read_string(stdout()) }
}
"""


def test_every_file_comes_from_the_endpoints_s3(harness, isolated):
    del isolated
    harness.publisher.objects |= {f"s3://lab/in/{name}": f"{name} ".encode() for name in "123456789abcd"}
    harness.publisher.objects |= {
        "s3://lab/in/sheet.tsv": b"x\ts3://lab/in/6\n",
        "s3://lab/in/pointer": b"s3://lab/in/map\n",
        "s3://lab/in/map": b"b\ts3://lab/in/7\n",
        "s3://lab/in/sample.json": b'{"name": "c", "reads": "s3://lab/in/8"}',
        "s3://lab/in/lines": b"s3://lab/in/9\n",
        "s3://lab/in/pointers": b"s3://lab/in/c\n",
    }

    run, _ = harness.finish(EVERYWHERE, {})

    assert run.status == "COMPLETED", run.status_message
    outputs = json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json"))
    assert outputs["Everywhere.said"] == "1 2 3 4 5 6 7 8 9 a b c d "
    assert outputs["Everywhere.size"] == 2
    assert outputs["Everywhere.passed"] == f"{run.run_output_uri}/out/passed/1"
    assert [task.name for task in run.tasks] == ["Cat"]  # no download is a task


# As suites have it that ship for HealthOmics: a workflow whose outputs are the addresses of all that there may be.
RESOURCES = {
    "main.wdl": """
version 1.0
import "lib/resources.wdl" as lib
workflow Main {
    input { String genome }
    call lib.Resources
    call Read { input: genome = Resources.all[genome] }
    output { String said = Read.said  File elsewhere = Resources.all["b"].fasta }
}
task Read {
    input { Genome genome }
    command <<< cat ~{genome.fasta} ~{genome.fasta}.fai >>>
    output { String said = read_string(stdout()) }
}
""",
    "lib/resources.wdl": """
version 1.0
struct Genome { File fasta  File index }
workflow Resources {
    output {
        Map[String, Genome] all = {
            "a": {"fasta": "s3://lab/a/x.fa", "index": "s3://lab/a/x.fa.fai"},
            "b": {"fasta": "s3://lab/b/x.fa", "index": "s3://lab/b/x.fa.fai"}
        }
    }
}
""",
}


def test_only_what_is_read_is_fetched_and_an_index_is_beside_its_file(harness):
    harness.publisher.objects |= {"s3://lab/a/x.fa": b"a ", "s3://lab/a/x.fa.fai": b"i"}

    run, _ = harness.finish(RESOURCES, {"genome": "a"})

    assert run.status == "COMPLETED", run.status_message
    outputs = json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json"))
    assert outputs == {"Main.said": "a i", "Main.elsewhere": "s3://lab/b/x.fa"}


def test_a_null_where_a_file_is_declared_is_told(harness):
    harness.publisher.put("s3://lab/files.json", '["s3://lab/in/greeting.txt", null]')
    run, _ = harness.finish('version 1.1\nworkflow W { Array[File] files = read_json("s3://lab/files.json") }', {})

    assert run.failure_reason == "WORKFLOW_RUN_FAILED"
    assert run.status_message == "main.wdl line 2 column 1: null is given for a File or Directory that is not optional"


def test_a_workflow_reads_a_sheet_by_itself(harness):
    harness.publisher.put("s3://lab/sheet", "a\tb\n")
    wdl = """
version 1.1
workflow Sheet { input { String base = "s3://lab" }  output { Array[Array[String]] rows = read_tsv(base + "/sheet") } }
"""
    run, _ = harness.finish(wdl, {})

    assert run.status == "COMPLETED", run.status_message
    assert json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json")) == {"Sheet.rows": [["a", "b"]]}


READ = """
version 1.1
struct Sample { File reads }
workflow Read { input { Sample? sample  Array[File] files = [] }  call Cat { input: sample, files } }
task Cat { input { Sample? sample  Array[File] files } command <<< cat ~{sep=" " files} >>> }
"""


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("s3://lab/in/../in/greeting.txt", "INPUT_URI_NOT_FOUND"),
        ("https://127.0.0.1/greeting.txt", "INVALID_URI_INPUT"),
        ("made-up://lab/in/greeting.txt", "INVALID_URI_INPUT"),
        ("s3://lab/in/", "INVALID_URI_INPUT"),
        (" s3://lab/in/greeting.txt", "INVALID_URI_INPUT"),
        ("lab/in/greeting.txt", "INVALID_URI_INPUT"),
        ("/etc/hostname", "INVALID_URI_INPUT"),
        ("", "INVALID_URI_INPUT"),
    ],
)
def test_an_input_that_cannot_be_had_fails_the_run_and_starts_nothing(harness, uri, reason):
    run, _ = harness.finish(READ, {"sample": {"reads": uri}})

    assert (run.status, run.failure_reason) == ("FAILED", reason)
    assert uri in run.status_message
    assert "omics-local-" not in run.status_message
    assert run.tasks == []


@pytest.mark.parametrize("uri", ["made-up://x", "x.bam", "/etc/hostname", "s3://lab/in/", ""])
def test_a_uri_inside_the_definition_that_cannot_be_had_fails_the_run(harness, uri):
    wdl = (
        f'version 1.1\nworkflow W {{ call T {{ input: f = "{uri}" }} }}\ntask T {{ input {{ File f }} command <<<>>> }}'
    )
    run, _ = harness.finish(wdl, {})

    assert (run.status, run.failure_reason) == ("FAILED", "INVALID_URI_INPUT")
    assert uri in run.status_message
