# SPDX-License-Identifier: Apache-2.0
"""Clients of HealthOmics that are not ours, unchanged, each at its pinned version in an environment of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from airflow_provider_omics.local.testing import start_server

HERE = Path(__file__).parent
BUILD = Path(__file__).parents[2] / ".build" / "conformance"
ROLE = "arn:aws:iam::123456789012:role/omics"
VPC = {"vpcConfig": {"securityGroupIds": ["sg-0123456789abcdef0"], "subnetIds": ["subnet-0123456789abcdef0"]}}
WDL = """
version 1.1
workflow Cohort {
    input { Array[String] samples }
    scatter (sample in samples) { call Align { input: sample } }
    output { Array[File] bams = Align.bam }
}
task Align {
    input { String sample }
    command <<<
        at=$(LC_ALL=C date)
        echo "MONITORING, [$at], General Information, CPU: 4, Memory(GiB): 8" >&2
        echo "MONITORING, [$at], %CPU: 52.10, %Memory: 21.00, IO_rKb/s: 41.00, IO_wKb/s: 367.00, %IOWait: 0.00" >&2
        echo ~{sample} > a.bam
        echo ~{sample} > a_index.bai
        head -c 50000000 /dev/zero | tail -n 1 | wc -c >&2
    >>>
    output { File bam = "a.bam"  File index = "a_index.bai" }
    runtime { cpu: 4  memory: "8 GiB" }
}
"""


def zipped(wdl):
    """Return a definition of one WDL file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("main.wdl", wdl)
    return content.getvalue()


def environment_of(client):
    """Return the directory of a client's programs, installed with all that its file of requirements pins."""
    requirements = (HERE / f"{client}.txt").read_text()
    directory = BUILD / client
    installed = directory / "installed.txt"
    if not installed.exists() or installed.read_text() != requirements:
        subprocess.run([sys.executable, "-m", "venv", "--clear", directory], check=True)
        pip = [directory / "bin" / "pip", "install", "-qq", "--no-deps", "-r", HERE / f"{client}.txt"]
        subprocess.run(pip, check=True)
        installed.write_text(requirements)
    return directory / "bin"


@pytest.fixture(scope="module")
def endpoint():
    with start_server() as endpoint:
        endpoint.client("s3").create_bucket(Bucket="lab")
        yield endpoint


@pytest.fixture(scope="module")
def executed(endpoint):
    """Return GetRun's answer about a run that was executed, in a group and with a cache, of a version."""
    omics, definition = endpoint.client(), zipped(WDL)
    workflow = omics.create_workflow(name="cohort", engine="WDL", definitionZip=definition)["id"]
    omics.create_workflow_version(workflowId=workflow, versionName="v2", engine="WDL", definitionZip=definition)
    omics.get_waiter("workflow_version_active").wait(workflowId=workflow, versionName="v2")
    run = omics.start_run(
        workflowId=workflow,
        workflowVersionName="v2",
        roleArn=ROLE,
        outputUri="s3://lab/out",
        name="first",
        parameters={"samples": ["a", "b"]},
        runGroupId=omics.create_run_group(maxRuns=3)["id"],
        cacheId=omics.create_run_cache(cacheS3Location="s3://lab/cache")["id"],
        cacheBehavior="CACHE_ALWAYS",
        storageType="STATIC",
    )
    deadline = time.monotonic() + 120
    while (got := omics.get_run(id=run["id"]))["status"] not in ("COMPLETED", "FAILED"):
        assert time.monotonic() < deadline, "the run did not end in time"
        time.sleep(0.1)
    assert got["status"] == "COMPLETED", got.get("statusMessage")
    return got


@pytest.fixture
def client(endpoint, request, tmp_path):
    """Return a function that runs a program of a client's environment against the endpoint, and returns its output."""
    programs = environment_of(request.module.CLIENT)

    def run(program, *arguments, status=0):
        environment = {**os.environ, **endpoint.env(), "HOME": str(tmp_path)}
        done = subprocess.run(
            [programs / program, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stderr
        return done.stdout, done.stderr

    return run
