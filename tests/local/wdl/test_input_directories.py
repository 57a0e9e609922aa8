# SPDX-License-Identifier: Apache-2.0
"""Directories: the objects below a prefix, copied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_omics.local.wdl.inputs import Inputs

# Each way by which a workflow comes to a File, in one task: cat of all of them.
DIRECTORIES = """
version 1.2
struct Place { Directory here  String name }
workflow Directories {
    input {
        Directory slash  Directory plain  Directory? given  Directory? none
        Array[Directory] many  Place place  Directory constant = "s3://lab/dirs/constant/"
        String base = "s3://lab/dirs"
        Directory together = base + "/together"
    }
    Directory private = "~{base}/private/"
    Array[Directory] others = [place.here, constant, together, private]
    call List { input: all = flatten([[slash, plain], select_all([given, none]), many, others]) }
    output { Array[String] found = List.found  Float size = size(constant)  Directory passed = slash }
}
task List {
    input { Array[Directory] all  String base = "s3://lab/dirs"  Directory own = base + "/own/" }
    command <<<
        while read -r directory; do
            (cd "$directory"; find . -type f -exec grep -H . {} + | LC_ALL=C sort; find . -type d -empty)
        done < ~{write_lines(all)}
        cat ~{own}/file
    >>>
    output { Array[String] found = read_lines(stdout()) }
}
"""


def test_a_directory_is_a_copy_of_a_prefix(harness):
    names = ["slash", "plain", "given", "one", "two", "place", "constant", "together", "private", "own"]
    for name in names:
        harness.publisher.put(f"s3://lab/dirs/{name}/file", f"{name}\n")
    harness.publisher.put("s3://lab/dirs/slash/", "")  # the marker that consoles make
    harness.publisher.put("s3://lab/dirs/slash/empty/", "")
    harness.publisher.put("s3://lab/dirs/slash/deep/er/file", "deep\n")
    harness.publisher.put("s3://lab/dirs/slashed/file", "beside\n")
    parameters = {
        "slash": "s3://lab/dirs/slash/",
        "plain": "s3://lab/dirs/plain",
        "given": "s3://lab/dirs/given/",
        "many": ["s3://lab/dirs/one/", "s3://lab/dirs/two"],
        "place": {"here": "s3://lab/dirs/place/", "name": "p"},
    }

    run, _ = harness.finish(DIRECTORIES, parameters)

    assert run.status == "COMPLETED", run.status_message
    outputs = json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json"))
    files = [f"./file:{name}" for name in names]
    assert outputs["Directories.found"] == ["./deep/er/file:deep", files[0], "./empty", *files[1:-1], "own"]
    assert outputs["Directories.size"] == len("constant\n")
    out = f"{run.run_output_uri}/out/passed/slash"
    assert harness.publisher.below(out) == ["deep/er/file", "file"]


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([], "INPUT_URI_NOT_FOUND"),
        (["dir"], "INPUT_URI_NOT_FOUND"),
        (["dirs/file"], "INPUT_URI_NOT_FOUND"),
        (["dir/a", "dir/a/b"], "IMPORT_FAILED"),
        (["dir/a", "dir/a/"], "IMPORT_FAILED"),
        (["dir/a//b"], "INVALID_URI_INPUT"),
        (["dir/./b"], "INVALID_URI_INPUT"),
        (["dir/../b"], "INVALID_URI_INPUT"),
    ],
)
def test_a_prefix_that_no_directory_can_be_is_refused(keys, reason, publisher, tmp_path):
    for key in keys:
        publisher.put(f"s3://lab/{key}", "x")
    inputs = Inputs(tmp_path / "inputs", publisher)

    answers = [inputs._answer("s3://lab/dir/", directory=True) for _ in range(2)]

    assert [answer.keys() for answer in answers] == [{"error"}] * 2
    assert inputs.failure.failure_reason == reason
    assert "s3://lab/dir" in inputs.failure.status_message


def test_what_was_copied_in_part_is_copied_again(publisher, tmp_path, monkeypatch):
    inputs = Inputs(tmp_path / "inputs", publisher)

    def half(_uri, path):
        Path(path).write_text("Hel")
        raise OSError("the connection broke")

    with monkeypatch.context() as broken:
        broken.setattr(publisher, "download", half)
        for uri, directory in (("s3://lab/in/greeting.txt", False), ("s3://lab/in/", True)):
            assert "the connection broke" in inputs._answer(uri, directory=directory, needed=False)["error"]
    assert inputs.fetch("s3://lab/in/greeting.txt").read_text() == "Hello"
    assert (inputs.fetch("s3://lab/in/", directory=True) / "greeting.txt").read_text() == "Hello"


def test_a_bucket_is_a_directory_too(publisher, tmp_path):
    inputs = Inputs(tmp_path / "inputs", publisher)
    assert (inputs.fetch("s3://lab/", directory=True) / "in/greeting.txt").read_text() == "Hello"
    assert inputs.fetch("s3://lab", directory=True).name == "lab"
