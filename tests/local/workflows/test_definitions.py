# SPDX-License-Identifier: Apache-2.0
"""What CreateWorkflow finds in a definition, and what StartRun makes of it."""

from __future__ import annotations

import io
import threading
import zipfile
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError, HTTPClientError, WaiterError

from airflow_provider_omics.local.server import Server
from airflow_provider_omics.local.state.execution import Definition
from airflow_provider_omics.local.testing import LocalOmics
from airflow_provider_omics.local.wdl import examine
from airflow_provider_omics.local.wdl.parser import check
from airflow_provider_omics.local.wdl.staging import RunError, unpack
from airflow_provider_omics.local.workflows import definitions
from airflow_provider_omics.local.workflows.definitions import DefinitionError, main_of

INVALID, CONFLICT = ("ValidationException", 400), ("ConflictException", 409)
ROLE = "arn:aws:iam::123456789012:role/omics"
INPUTS = """
version 1.1
workflow Align {
    input { File reads  String? note  Int threads = 4  Array[File]+ references }
    parameter_meta { reads: "what is aligned"  threads: { help: "at once" }  note: 3 }
    call T
}
task T { input { Int inner = 1  String? given } command <<<>>> }
"""


def zipped(files):
    if isinstance(files, bytes):
        return files
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in files:
            archive.writestr(name, files[name] if isinstance(files, dict) else "")
    return content.getvalue()


@pytest.fixture
def create(client):
    def create_workflow(files, **members):
        created = client.create_workflow(name="w", definitionZip=zipped(files), **members)
        assert created["status"] == "CREATING"
        return client.get_workflow(id=created["id"])

    return create_workflow


@pytest.mark.parametrize(
    ("names", "engine", "main"),
    [
        (["align.wdl"], None, "align.wdl"),
        (["main.wdl", "tasks.wdl", "sub/main.wdl"], None, "main.wdl"),
        (["flow/align.wdl", "flow/tasks/main.wdl", "flow/tasks/other.wdl"], None, "flow/align.wdl"),
        (["align.wdl", "tasks/main.wdl"], "WDL_LENIENT", "align.wdl"),
        ([".main.wdl", "__MACOSX/._main.wdl", ".git/main.wdl", "a/main.wdl", "a/b.wdl"], "WDL", "a/main.wdl"),
        (["README.md", "main.nf", "nextflow.config", "modules/x.nf"], None, "main.nf"),
        (["main.wdl", "main.cwl"], "CWL", "main.cwl"),
        (["main.wdl", "tool.cwl"], "CWL", "tool.cwl"),
    ],
)
def test_the_main_file_is_the_one_nearest_to_the_root(names, engine, main):
    assert main_of(zipped(names), None, engine) == main


@pytest.mark.parametrize(
    ("names", "main", "engine"),
    [
        (["a.wdl", "b.wdl"], None, None),
        (["a.wdl", "b.wdl", "deep/main.wdl"], None, None),
        (["main.wdl", "main.cwl"], None, None),
        (["README.md", ".main.wdl"], None, None),
        (["main.wdl"], None, "NEXTFLOW"),
        (["a.wdl"], "b.wdl", None),
    ],
)
def test_a_main_file_that_is_not_clear_is_asked_for(names, main, engine):
    with pytest.raises(DefinitionError, match="main"):
        main_of(zipped(names), main, engine)


@pytest.mark.parametrize(
    ("files", "given", "engine"),
    [
        (["main.nf"], None, "NEXTFLOW"),
        (["main.cwl"], None, "CWL"),
        ({"a.wdl": INPUTS}, None, "WDL"),
        ({"a.wdl": INPUTS}, "WDL_LENIENT", "WDL_LENIENT"),
        (["main.nf"], "NEXTFLOW", "NEXTFLOW"),
    ],
)
def test_the_callers_engine_is_kept_and_one_that_is_left_out_is_seen_in_the_main_file(files, given, engine, create):
    workflow = create(files, **({"engine": given} if given else {}))
    assert (workflow["status"], workflow["engine"]) == ("ACTIVE", engine)


BAD_CALLS = {"main.wdl": "version 1.1\nworkflow W {\n  call A\n  call B\n}"}
BOTH = ("main.wdl line 3 column 3: No such task/workflow: A", "main.wdl line 4 column 3: No such task/workflow: B")


@pytest.mark.parametrize(
    ("files", "messages"),
    [
        ({"main.wdl": "version 1.1\nworkflow W { call }"}, ["main.wdl line 2 column 19: Unexpected token"]),
        (BAD_CALLS, BOTH),
        (
            {"main.wdl": 'version 1.1\nimport "lib/x.wdl"\nworkflow W {}', "lib/x.wdl": "version 1.1\ntask {}"},
            ["main.wdl line 2 column 1: Failed to import lib/x.wdl", "lib/x.wdl line 2 column 6: Unexpected token"],
        ),
        ({"main.wdl": 'version 1.1\nimport "x.wdl"\nworkflow W {}'}, ["Failed to import x.wdl", "No such file"]),
        ({"main.wdl": 'version 1.1\nimport "/dev/fd/0" as x\nworkflow W {}'}, ["/dev/fd/0 is not in the definition"]),
        ({"main.wdl": 'version 1.1\nimport "/etc/hostname" as x\nworkflow W {}'}, ["is not in the definition"]),
        ({"main.wdl": 'version 1.1\nimport "https://127.0.0.1/x.wdl" as x\nworkflow W {}'}, ["not in the definition"]),
        ({"main.wdl": "version 1.1\ntask A {command <<<>>>}\ntask B {command <<<>>>}"}, ["main.wdl has no workflow"]),
        ({"main.wdl": "# no more"}, ["main.wdl could not be parsed"]),
        ({"main.wdl": "version 1.0\nworkflow W { Int o = " + "+".join(["1"] * 9000) + " }"}, ["recursion"]),
        ({"main.wdl": b"version 1.0\n# \xe9\nworkflow W {}"}, ["main.wdl is not UTF-8 text"]),
    ],
)
def test_every_message_of_miniwdl_is_told_with_its_place(files, messages, tmp_path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    error = check(tmp_path, "main.wdl")["error"]

    assert [message for message in messages if message not in error] == []
    assert str(tmp_path) not in error


def test_imports_in_a_circle_are_told_once(tmp_path):
    (tmp_path / "main.wdl").write_text('version 1.1\nimport "b.wdl"\nworkflow W {}')
    (tmp_path / "b.wdl").write_text('version 1.1\nimport "main.wdl"')

    error = check(tmp_path, "main.wdl")["error"]

    assert (error.count("Failed to import b.wdl"), "circular imports?" in error) == (1, True)


def test_a_definition_that_does_not_parse_ends_the_creation(create, client, refused):
    workflow = create(BAD_CALLS)

    assert (workflow["status"], workflow["statusMessage"]) == ("FAILED", "; ".join(BOTH))
    with pytest.raises(WaiterError, match="FAILED"):
        client.get_waiter("workflow_active").wait(id=workflow["id"])
    assert refused(client.start_run, workflowId=workflow["id"], roleArn=ROLE, outputUri="s3://b") == CONFLICT


def test_what_is_no_zip_ends_the_creation(client):
    made = client.create_workflow(name="w", definitionZip=b"PK")
    assert client.get_workflow(id=made["id"])["status"] == "FAILED"


def test_a_lenient_definition_that_fails_says_that_leniency_is_not_emulated(create):
    lenient = create({"main.wdl": 'version 1.1\nworkflow W { Array[Int] x = "a" }'}, engine="WDL_LENIENT")
    assert "not emulated" in lenient["statusMessage"]
    assert "not emulated" not in create({"main.wdl": "workflow"}, engine="WDL")["statusMessage"]


def test_a_parameter_template_is_derived(create):
    assert create({"align.wdl": INPUTS})["parameterTemplate"] == {
        "reads": {"description": "what is aligned", "optional": False},
        "note": {"description": "", "optional": True},
        "threads": {"description": "at once", "optional": True},
        "references": {"description": "", "optional": False},
    }


@pytest.mark.parametrize(("parameters", "accepted"), [({"T.a": "x"}, True), ({"W.T.a": "x"}, True), ({}, False)])
def test_what_a_call_cannot_do_without_is_a_parameter(create, client, refused, parameters, accepted):
    wdl = "version 1.0\nworkflow W { call T }\ntask T { input { String a  Int b = 1 } command <<<>>> }"
    workflow = create({"main.wdl": wdl})
    assert workflow["parameterTemplate"] == {"T.a": {"description": "", "optional": False}}
    request = {"workflowId": workflow["id"], "roleArn": ROLE, "outputUri": "s3://b", "parameters": parameters}
    if accepted:
        client.start_run(**request)
    else:
        assert refused(client.start_run, **request) == INVALID


@pytest.mark.parametrize("main", ["main.wdl", "./main.wdl"])
@pytest.mark.parametrize("name", ["main.wdl", "./main.wdl"])
def test_a_name_may_begin_with_the_root_itself(create, name, main):
    assert create({name: "version 1.0\nworkflow W {}"}, main=main)["status"] == "ACTIVE"


def test_the_callers_parameter_template_counts_more(create):
    mine = {"reads": {"description": "mine"}}
    assert create({"align.wdl": INPUTS}, parameterTemplate=mine)["parameterTemplate"] == mine


@pytest.mark.parametrize(
    ("parameters", "accepted"),
    [
        ({"reads": "s3://b/k", "references": ["s3://b/r"]}, True),
        ({"Align.reads": "s3://b/k", "Align.references": ["s3://b/r"], "threads": 2}, True),
        ({"reads": "s3://b/k"}, False),
        ({"reads": "s3://b/k", "references": [], "unknown": 1}, False),
        ({"Other.reads": "s3://b/k", "references": []}, False),
        ({"reads": "s3://b/k", "Align.reads": "s3://b/k", "references": []}, False),
        ({}, False),
    ],
)
def test_start_run_refuses_names_that_the_workflow_does_not_have(parameters, accepted, create, client, refused):
    request = {"workflowId": create({"align.wdl": INPUTS})["id"], "roleArn": ROLE, "outputUri": "s3://b"}
    if accepted:
        assert client.start_run(**request, parameters=parameters)["status"] == "PENDING"
    else:
        assert refused(client.start_run, **request, parameters=parameters) == INVALID


def test_a_version_has_a_definition_of_its_own(create, client, refused):
    workflow = create({"align.wdl": INPUTS})
    for name, text in (("good", "version 1.1\nworkflow V { input { Int i } }"), ("bad", "workflow")):
        client.create_workflow_version(
            workflowId=workflow["id"], versionName=name, definitionZip=zipped({"main.wdl": text})
        )
    assert client.get_workflow_version(workflowId=workflow["id"], versionName="bad")["status"] == "FAILED"
    request = {"workflowId": workflow["id"], "roleArn": ROLE, "outputUri": "s3://b", "workflowVersionName": "good"}
    client.start_run(**request, parameters={"V.i": 1})
    assert refused(client.start_run, **request, parameters={"reads": "s3://b/k"}) == INVALID


def test_simulation_does_without_miniwdl(create, monkeypatch):
    monkeypatch.setattr(examine.importlib.util, "find_spec", lambda _: None)
    workflow = create({"main.wdl": "no WDL"})
    assert (workflow["status"], workflow["engine"]) == ("ACTIVE", "WDL")


@pytest.mark.parametrize(("limit", "value"), [("MOST_UNPACKED", 1_000_000), ("MOST_FILES", 2)])
def test_a_zip_that_unpacks_to_too_much_is_refused(limit, value, create, monkeypatch, tmp_path):
    monkeypatch.setattr(definitions, limit, value)
    files = {"main.wdl": "version 1.1\nworkflow W {}", "zeros": "0" * 1_000_001, "more": ""}
    workflow = create(files)
    assert workflow["status"] == "FAILED"
    assert f"takes {definitions.MOST_UNPACKED:,} bytes in {definitions.MOST_FILES:,} files" in workflow["statusMessage"]
    with pytest.raises(RunError, match="unpacks to 1,000,026 bytes in 3 files"):
        unpack(Definition("1", "w", "WDL", zipped(files), "main.wdl"), tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_a_zip_that_cannot_be_unpacked_says_why(create):
    broken = bytearray(zipped({"main.wdl": "version 1.1"}))
    for header in (b"PK\x03\x04", b"PK\x01\x02"):
        broken[broken.index(header) + (6 if header == b"PK\x03\x04" else 8)] |= 1  # encrypted
    workflow = create(bytes(broken))
    assert workflow["status"] == "FAILED"
    assert "is encrypted" in workflow["statusMessage"]


def test_a_definition_is_exported(create, client, omics_local):
    workflow = create({"align.wdl": INPUTS}, engine="WDL")
    version = {"workflowId": workflow["id"], "versionName": "v"}
    client.create_workflow_version(**version, definitionZip=zipped({"v.nf": "version"}))
    request = {"workflowId": workflow["id"], "workflowVersionName": "v", "roleArn": ROLE, "outputUri": "s3://b"}
    run = client.start_run(**request)
    omics_local.workflow(id="1234567")

    def exported(get, **which):
        url = get(**which, export=["DEFINITION"])["definition"]
        where = urlsplit(url).path.strip("/").split("/", 1)
        body = omics_local.client("s3").get_object(Bucket=where[0], Key=where[1])["Body"].read()
        return zipfile.ZipFile(io.BytesIO(body)).namelist()

    assert exported(client.get_workflow, id=workflow["id"]) == ["align.wdl"]
    assert exported(client.get_workflow_version, **version) == exported(client.get_run, id=run["id"]) == ["v.nf"]
    assert "definition" not in client.get_workflow(id=workflow["id"])
    assert "definition" not in client.get_workflow(id="1234567", export=["DEFINITION"])


def test_a_server_that_is_stopped_does_not_wait_for_a_parser(monkeypatch, wait_for):
    monkeypatch.setattr(examine, "namespaces", lambda: ("bash", "-c", "sleep 300"))
    with Server() as server:
        client = LocalOmics(server.url).client("omics")

        def create():
            with suppress(ClientError, HTTPClientError):
                client.create_workflow(name="w", definitionZip=zipped({"slow.wdl": INPUTS}))

        creation = threading.Thread(target=create)
        creation.start()
        wait_for(lambda: examine._parsing)

    creation.join()
    assert not examine._parsing
