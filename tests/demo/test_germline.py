# SPDX-License-Identifier: Apache-2.0
"""The demo's workflow, run for real by the local endpoint, finds what its data holds."""

from __future__ import annotations

import io
import json
import time
import zipfile
from pathlib import Path

import pytest

from airflow_provider_omics.local.testing import start_server

pytest.importorskip("pybwa", reason="the demo's tools are not installed: demo/requirements.txt")
from demo.reads import count_found, make_data

WORKFLOW = Path(__file__).parents[2] / "demo" / "germline" / "main.wdl"
ROLE = "arn:aws:iam::123456789012:role/omics"


@pytest.fixture(scope="module")
def endpoint():
    with start_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


def test_the_same_seed_gives_the_same_files(data, tmp_path):
    again = make_data(tmp_path, seed=7)
    other = make_data(tmp_path / "other", seed=8)

    for name in ("reference", "reads_1", "reads_2", "truth"):
        assert getattr(again, name).read_bytes() == getattr(data, name).read_bytes()
    assert other.reads_1.read_bytes() != data.reads_1.read_bytes()
    assert {variant.genotype for variant in data.planted} == {"0/1", "1/1"}
    assert len(json.loads(data.truth.read_text())) == len(data.planted) == 12


def test_the_workflow_finds_every_planted_variant(endpoint, data, tmp_path):
    s3, omics, logs = (endpoint.client(service) for service in ("s3", "omics", "logs"))
    s3.create_bucket(Bucket="omics-demo")
    for path in (data.reference, data.reads_1, data.reads_2):
        s3.upload_file(str(path), "omics-demo", f"in/{path.name}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(WORKFLOW, "main.wdl")
    workflow = omics.create_workflow(
        name="germline", engine="WDL", definitionZip=buffer.getvalue(), main="main.wdl", requestId="germline"
    )
    started = omics.start_run(
        workflowId=workflow["id"],
        roleArn=ROLE,
        name="NA12878",
        outputUri="s3://omics-demo/results",
        requestId="once",
        parameters={
            "sample": "NA12878",
            "reference": f"s3://omics-demo/in/{data.reference.name}",
            "reads_1": f"s3://omics-demo/in/{data.reads_1.name}",
            "reads_2": f"s3://omics-demo/in/{data.reads_2.name}",
        },
    )

    deadline = time.monotonic() + 180
    while (run := omics.get_run(id=started["id"]))["status"] not in ("COMPLETED", "FAILED", "CANCELLED"):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert run["status"] == "COMPLETED", run.get("statusMessage")
    assert run["creationTime"] < run["startTime"] < run["stopTime"]
    bucket, _, prefix = run["runOutputUri"].removeprefix("s3://").partition("/")
    outputs = json.loads(s3.get_object(Bucket=bucket, Key=f"{prefix}/logs/outputs.json")["Body"].read())
    assert outputs["Germline.variant_count"] == 12
    assert outputs["Germline.vcf"] == f"{run['runOutputUri']}/out/vcf/NA12878.vcf.gz"
    s3.download_file(bucket, f"{prefix}/out/vcf/NA12878.vcf.gz", str(tmp_path / "calls.vcf.gz"))
    assert count_found(tmp_path / "calls.vcf.gz", data.planted) == 12
    for name in ("bam/NA12878.bam", "bai/NA12878.bam.bai", "vcf_index/NA12878.vcf.gz.tbi"):
        assert s3.head_object(Bucket=bucket, Key=f"{prefix}/out/{name}")["ContentLength"] > 0

    tasks = sorted(omics.list_run_tasks(id=run["id"])["items"], key=lambda task: task["startTime"])
    assert [(task["name"], task["status"]) for task in tasks] == [
        ("Align", "COMPLETED"),
        ("Sort", "COMPLETED"),
        ("Call", "COMPLETED"),
    ]
    group = "/aws/omics/WorkflowLog"
    called = logs.get_log_events(logGroupName=group, logStreamName=f"run/{run['id']}/task/{tasks[2]['taskId']}")
    assert "called 12 variants" in [event["message"] for event in called["events"]]
    manifest = logs.get_log_events(logGroupName=group, logStreamName=f"manifest/run/{run['id']}/{run['uuid']}")
    assert [json.loads(event["message"])["status"] for event in manifest["events"]] == ["COMPLETED"] * 4


def test_a_wrong_genotype_does_not_count(data, tmp_path):
    first, *rest = data.planted
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chr20>", '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">']
    lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA12878"]
    lines += [f"{v.chrom}\t{v.pos}\t.\t{v.ref}\t{v.alt}\t50\t.\t.\tGT\t{v.genotype}" for v in rest]
    lines += [f"{first.chrom}\t{first.pos}\t.\t{first.ref}\t{first.alt}\t50\t.\t.\tGT\t0/1"]
    (tmp_path / "calls.vcf").write_text("\n".join(lines) + "\n")

    assert count_found(tmp_path / "calls.vcf", data.planted) == 11
