# SPDX-License-Identifier: Apache-2.0
"""What is left of a server that was killed: nothing that runs, and folders that the next one removes."""

from __future__ import annotations

import io
import os
import shutil
import signal
import uuid
import zipfile

import pytest

from airflow_provider_omics.local.testing import start_server
from airflow_provider_omics.local.wdl.isolation import namespaces
from airflow_provider_omics.local.wdl.run_folders import RunFolders

LONG = """
version 1.1
task Long { input { String marker } command <<< bash -c 'sleep 300; : ~{marker}' & wait >>> }
"""


@pytest.fixture(params=["namespaces", "plain"])
def tools(request, tmp_path, monkeypatch, require):
    """Take unshare and bubblewrap off PATH, or leave them there."""
    if request.param == "plain":
        for name in ("bash", "sh", "sleep", "env", "setpriv", "true"):
            (tmp_path / name).symlink_to(shutil.which(name))
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        require(namespaces(), "unshare")


@pytest.mark.usefixtures("tools")
def test_sigkill_of_the_server_ends_its_runs_and_the_next_start_removes_their_folders(
    tmp_path, monkeypatch, alive, wait_for
):
    folders = tmp_path / "tmp"
    folders.mkdir()
    monkeypatch.setenv("TMPDIR", str(folders))
    marker, content = uuid.uuid4().hex, io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("main.wdl", LONG)
    with start_server() as server:
        omics = server.client("omics")
        workflow = omics.create_workflow(name="w", engine="WDL", definitionZip=content.getvalue())["id"]
        omics.get_waiter("workflow_active").wait(id=workflow, WaiterConfig={"Delay": 1})
        omics.start_run(
            workflowId=workflow,
            roleArn="arn:aws:iam::123456789012:role/omics",
            parameters={"marker": marker},
            outputUri="s3://lab",
        )
        wait_for(lambda: alive(marker))
        [pid] = {int(folder.name.split("-")[2]) for folder in folders.glob("omics-local-*")}
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not alive(marker))
    assert list(folders.glob("omics-local-*/omics-run-*"))
    with start_server():
        assert list(folders.glob("omics-local-*/omics-run-*")) == []
    assert list(folders.glob("omics-*")) == []


def test_the_folder_of_a_living_server_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, second = RunFolders(), RunFolders()
    assert first.path.is_dir()
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == []
