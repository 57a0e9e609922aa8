# SPDX-License-Identifier: Apache-2.0
"""The backends as miniwdl sees them."""

from __future__ import annotations

import logging
import subprocess

import pytest
from WDL.runtime.config import Loader

from airflow_provider_omics.local.wdl.backend import HostContainer, SandboxContainer
from airflow_provider_omics.local.wdl.isolation import backend as backend_of_this_host


@pytest.mark.parametrize("backend", [SandboxContainer, HostContainer])
def test_resources_are_counted_before_any_task_thread_does(backend):
    logger = logging.getLogger("backend")
    assert backend._resource_limits is None

    backend.global_init(Loader(logger), logger)

    assert backend._resource_limits["cpu"] >= 1


@pytest.mark.parametrize("count", [3, 3000])
def test_a_sandboxed_task_may_have_thousands_of_inputs(count, tmp_path, require):
    require(backend_of_this_host() == "omics_sandbox", "bubblewrap")
    task = tmp_path / "call-T"
    (task / "work").mkdir(parents=True)
    for name in ("command", "stdout.txt", "stderr.txt"):
        (task / name).touch()
    inputs = [tmp_path / str(i) for i in range(count)]
    for file in (*inputs, tmp_path / "other"):
        file.touch()
    container = SandboxContainer.__new__(SandboxContainer)
    container.cfg = {"file_io": {"root": str(tmp_path)}}
    container.host_dir, container.input_path_map = str(task), {str(file): "" for file in inputs}

    look = f"cd {tmp_path}; ls | grep -c '^[0-9]'; ls | grep other; touch call-T/work/made other 2>&-; ls call-T/work"
    command = [*container._isolation(), "sh", "-c", look]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, and our own

    assert done.stderr == ""
    assert done.stdout.split() == [str(count), *(["other"] if count == 3000 else []), "made"]
