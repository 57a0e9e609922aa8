# SPDX-License-Identifier: Apache-2.0
"""The outputs of an executed run: uploaded, rewritten to S3 URIs, or the reason why the run fails."""

from __future__ import annotations

import json

import pytest


def test_nested_outputs_are_uploaded_and_rewritten(harness):
    wdl = """
version 1.2
workflow Nest {
    input { File given }
    call Make
    output {
        Directory tree = Make.tree
        Pair[File, Int] pair = (Make.file, 3)
        Map[String, File] map = {"a": Make.file}
        File passed = given
        File? none = Make.none
    }
}
task Make {
    command <<<
        mkdir -p tree/deep; echo deep > tree/deep/file.txt; ln -s .. tree/deep/loop
        echo file > file.txt; ln -s file.txt link.txt
    >>>
    output { Directory tree = "tree"  File file = "link.txt"  File? none = "none" }
}
"""
    run, _ = harness.finish(wdl, {"given": "s3://lab/in/greeting.txt"})

    assert run.status == "COMPLETED", run.status_message
    out = f"{run.run_output_uri}/out"
    files = ["map/a/link.txt", "pair/left/link.txt", "passed/greeting.txt", "tree/tree/deep/file.txt"]
    assert harness.publisher.below(out) == files
    assert harness.publisher.get(f"{out}/passed/greeting.txt") == "Hello"
    assert json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json")) == {
        "Nest.tree": f"{out}/tree/tree",
        "Nest.pair": {"left": f"{out}/pair/left/link.txt", "right": 3},
        "Nest.map": {"a": f"{out}/map/a/link.txt"},
        "Nest.passed": f"{out}/passed/greeting.txt",
        "Nest.none": None,
    }


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        ('Array[File] o = ["made", "nothing"]', None),
        ('Map[String, File] o = {"a": "nothing"}', None),
        ('Pair[File, Int] o = ("nothing", 1)', None),
        ('S o = object { file: "nothing" }', None),
        ('Array[Array[File]] o = [["nothing"]]', None),
        ('Array[File?] o = ["nothing"]', [None]),
        (
            'S o = object { file: "made", other: "nothing" }',
            {"file": "s3://lab/results/1/out/o/file/made", "other": None},
        ),
        ('File? o = "nothing"', None),
    ],
)
def test_a_file_that_is_missing_deep_in_an_output_fails_the_task(harness, output, kept):
    task = f"task T {{ command <<< echo > made >>> output {{ {output} }} }}"
    run, _ = harness.finish(f"version 1.1\nstruct S {{ File file  File? other }}\n{task}", {})

    if kept is None and "File?" not in output:
        assert run.failure_reason == "RUN_TASK_FAILED"
        assert "path not found in task output o: nothing" in run.tasks[0].status_message
    else:
        assert run.status == "COMPLETED", run.status_message
        assert json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json")) == {"T.o": kept}


LINKED = """
version development
task Link {
    input { File file  File other  Directory folder }
    command <<<
        ln -s ~{file} direct
        ln -s direct indirect
        mv ~{other} moved
        mkdir d
        ln -s ~{folder}/a d/
        ln -s direct d/b
        ln -s /etc/hostname outside
    >>>
    output { Array[File] links = ["direct", "indirect", "moved"]  Array[File] found = glob("d/a") OUTSIDE }
}
"""


@pytest.mark.parametrize(("outside", "status"), [("", "COMPLETED"), ('File outside = "outside"', "FAILED")])
def test_an_output_may_be_a_link_to_an_input_and_to_nothing_else(harness, isolated, outside, status):
    del isolated
    harness.publisher.put("s3://lab/folder/a", "in a folder")
    harness.publisher.put("s3://lab/in/other.txt", "Hello")
    inputs = {"file": "s3://lab/in/greeting.txt", "other": "s3://lab/in/other.txt", "folder": "s3://lab/folder/"}
    run, _ = harness.finish(LINKED.replace("OUTSIDE", outside), inputs)

    assert run.status == status, run.status_message
    out = {
        name: harness.publisher.get(f"{run.run_output_uri}/{name}")
        for name in harness.publisher.below(run.run_output_uri)
    }
    outputs = {f"out/links/{i}/{name}": "Hello" for i, name in enumerate(("direct", "indirect", "moved"))}
    outputs["out/found/0/a"] = "in a folder"
    assert {name: text for name, text in out.items() if name.startswith("out/")} == ({} if outside else outputs)
