# SPDX-License-Identifier: Apache-2.0
"""One miniwdl process: started apart from everything else, followed line by line, and never outlived by a child."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.wdl.cache_export import NEW
from airflow_provider_omics.local.wdl.entry_points import python_path, write_plugins
from airflow_provider_omics.local.wdl.inputs import CONNECTION
from airflow_provider_omics.local.wdl.isolation import backend, ending_with_parent, namespaces
from airflow_provider_omics.local.wdl.run_folders import MARKER, kill
from airflow_provider_omics.local.wdl.task_progress import Progress, explain

if TYPE_CHECKING:
    import threading

    from airflow_provider_omics.local.wdl.inputs import Inputs


logger = logging.getLogger(__name__)

TICK = 0.05
# The root holds all that may be an input: nothing else of the host is one.
# Hard links make the outputs' tree one of plain files, without the loops that links in a task's directory may make.
CONFIG = """
[scheduler]
container_backend = {backend}
[file_io]
root = {directory}
output_hardlinks = true
[call_cache]
backend = {cache}
[plugins]
enable_patterns = ["airflow_provider_omics.local.wdl.*", "WDL.runtime.cache:*"]
"""
# What a program needs to start, and nothing that may be a secret; the HOME is miniwdl's alone, a task has its own.
KEPT_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")


class WdlError(Exception):
    """miniwdl could not run the workflow to its end, and why."""


def run_wdl(
    main: str, parameters: dict[str, Any], inputs: Inputs, progress: Progress, stop: threading.Event
) -> dict[str, Any]:
    """Run ``definition/<main>`` in the progress' directory and return its outputs; a stopped run has none."""
    directory = progress.directory
    root = directory / "definition"
    write_plugins(directory / "plugins")
    (directory / "inputs.json").write_text(json.dumps(parameters))
    cache = "omics_local" if (directory / NEW).exists() else "dir"
    (directory / "miniwdl.cfg").write_text(CONFIG.format(backend=backend(), directory=directory, cache=cache))
    (directory / "run").mkdir()
    # unshare changes credentials, which may take back what was said of the parent: it is said again.
    isolated = [*ending_with_parent(), *namespaces(), *ending_with_parent()]
    command = [*isolated, sys.executable, "-P", "-m", "WDL", "run", main, "--path", str(root)]
    command += ["--input", f"{directory}/inputs.json", "--cfg", f"{directory}/miniwdl.cfg"]
    command += ["--dir", f"{directory}/run/.", "--log-json", "--error-json", "--no-color", "--no-outside-imports"]
    answer = directory / "answer.json"
    ours, theirs = socket.socketpair()
    inputs.serve(ours)
    environment = _environment(directory / "plugins") | {MARKER: str(directory), CONNECTION: str(theirs.fileno())}
    with theirs, answer.open("wb") as stdout, (directory / "miniwdl.jsonl").open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603  no shell; running what we are given is the purpose
            command,
            cwd=root,
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        while process.poll() is None and not stop.wait(TICK):
            progress.follow()
    finally:
        _kill(process, directory)
        progress.follow(end=True)
    if stop.is_set():
        return {}
    said: dict[str, Any] = json.loads(answer.read_text() or "{}")
    if process.returncode == 0:
        return dict(said["outputs"])
    if inputs.failure:
        raise inputs.failure
    ended = f"The engine ended with status {process.returncode}; its log, logs/engine.log, says more."
    raise WdlError(explain(said) or "\n".join(progress.plain) or ended)


def _environment(plugins: Path) -> dict[str, str]:
    kept = {key: os.environ[key] for key in KEPT_ENVIRONMENT if key in os.environ}
    kept["PYTHONPATH"] = python_path(plugins)
    return kept | {"PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))}


def _kill(process: subprocess.Popen[bytes], directory: Path) -> None:
    """Kill miniwdl's process group, then whatever has left the group: it still carries the marker."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    kill(directory)
