# SPDX-License-Identifier: Apache-2.0
"""Which keys and URIs become files, and that keys never become paths."""

from __future__ import annotations

import json

import pytest

from airflow_provider_omics.local.wdl.entry_points import REFUSED_SCHEMES
from airflow_provider_omics.local.wdl.inputs import Inputs
from airflow_provider_omics.local.wdl.staging import RunError


# Each way by which a workflow comes to a File, in one task: cat of all of them.
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        *((f"{scheme}://lab/in/greeting.txt", "INVALID_URI_INPUT") for scheme in (*REFUSED_SCHEMES, "made-up")),
        ("s3:/lab/in/greeting.txt", "INVALID_URI_INPUT"),
        ("s3://", "INVALID_URI_INPUT"),
        ("s3://{{ bucket }}/greeting.txt", "INVALID_URI_INPUT"),
        ("s3://${BUCKET}/greeting.txt", "INVALID_URI_INPUT"),
        ("omics://123456789012.storage.us-east-1.amazonaws.com/1/readSet/2/source1", "INPUT_URI_NOT_FOUND"),
    ],
)
def test_every_other_scheme_is_refused(uri, reason, publisher, tmp_path):
    with pytest.raises(RunError) as error:
        Inputs(tmp_path / "inputs", publisher).fetch(uri)
    assert (error.value.failure_reason, uri in str(error.value)) == (reason, True)


ALIKE = [
    *("a/b", "a//b", "a/./b", "./a/b", "/a/b", "a/c/../b", "a", "a/b/c", "A/b"),
    *("d/a b", "d/a%20b", "d/a+b", "d/é", "d/e\u0301", "d/~b", "d/b?c", "d/b#c", "d/b\\c", "d/-b", "d/$b", "d/*"),
]


def test_keys_never_become_paths(publisher, tmp_path):
    inputs = Inputs(tmp_path / "inputs", publisher)
    for bucket in ("lab", "lab2"):
        for key in ALIKE:
            publisher.put(f"s3://{bucket}/{key}", f"{bucket} {key}")

    paths = {(bucket, key): inputs.fetch(f"s3://{bucket}/{key}") for bucket in ("lab", "lab2") for key in ALIKE}

    for (bucket, key), path in paths.items():
        assert path.read_text() == f"{bucket} {key}"
        assert path.name == key.rpartition("/")[2]
        assert path.parent.parent == tmp_path / "inputs"
    assert paths["lab", "d/a b"].parent == paths["lab", "d/é"].parent  # an index lies beside its file


@pytest.mark.parametrize("key", ["a/..", "a/.", "a/", "a\0b", "n" * 256])
def test_a_key_that_no_file_can_be_named_after_is_refused(key, publisher, tmp_path):
    publisher.put(f"s3://lab/{key}", "")
    with pytest.raises(RunError) as error:
        Inputs(tmp_path / "inputs", publisher).fetch(f"s3://lab/{key}")
    assert error.value.failure_reason == "INVALID_URI_INPUT"


def test_keys_that_differ_little_are_different_inputs_of_a_task(harness):
    uris = [f"s3://lab/{key}" for key in ALIKE]
    for uri in uris:
        harness.publisher.put(uri, f"<{uri}>")
    wdl = """
version 1.1
task Cat {
    input { Array[File] files }
    command <<< while read -r file; do cat "$file"; done < ~{write_lines(files)} >>>
    output { String said = read_string(stdout()) }
}
"""
    run, _ = harness.finish(wdl, {"files": uris})

    assert run.status == "COMPLETED", run.status_message
    said = json.loads(harness.publisher.get(f"{run.run_output_uri}/logs/outputs.json"))["Cat.said"]
    assert said == "".join(f"<{uri}>" for uri in uris)
