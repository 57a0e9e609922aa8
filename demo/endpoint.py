# SPDX-License-Identifier: Apache-2.0
"""The demo's AWS: a local HealthOmics endpoint with a bucket, a workflow and a reference in it."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3  # type: ignore[import-untyped]
from botocore.config import Config

from airflow_provider_omics.local.environment import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.reads import Data

BUCKET = "omics-demo"
WORKFLOWS = ("germline", "filter")
READY = "omics-local ready "


@contextmanager
def omics_local(log: Path) -> Iterator[str]:
    """Serve the endpoint, with real execution, on a free port; yield its URL."""
    command = [sys.executable, "-m", "airflow_provider_omics.local", "serve", "--port", "0", "--examples"]
    # A session of its own: Ctrl-C is ours to handle, in the right order.
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith(READY):
                raise RuntimeError(f"omics-local did not start:\n{log.read_text()}")
            yield line.removeprefix(READY).strip()
        finally:
            process.terminate()


def client(url: str, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients' classes at run time
    """Return a boto3 client of the endpoint."""
    session = boto3.Session("local", "local", region_name=REGION)
    return session.client(service, endpoint_url=url, config=Config(inject_host_prefix=False, proxies={}))


def prepare(url: str, data: Data) -> dict[str, str]:
    """Make the bucket with the reference and the truth in it, register the workflows and return their ids by name."""
    s3 = client(url, "s3")
    s3.create_bucket(Bucket=BUCKET)
    for file in (data.reference, data.truth):
        s3.upload_file(str(file), BUCKET, f"reference/{file.name}")
    return {name: register(url, Path(__file__).parent / name) for name in WORKFLOWS}


def register(url: str, folder: Path) -> str:
    """Register a folder as a workflow and return its id."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as definition:
        for file in sorted(folder.iterdir()):
            definition.write(file, file.name)
    omics = client(url, "omics")
    workflow = omics.create_workflow(name=folder.name, engine="WDL", main="main.wdl", definitionZip=archive.getvalue())
    omics.get_waiter("workflow_active").wait(id=workflow["id"], WaiterConfig={"Delay": 1})
    return str(workflow["id"])
