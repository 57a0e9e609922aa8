# SPDX-License-Identifier: Apache-2.0
"""Backends for miniwdl that need no containers: a task runs on the host, with the tools on PATH.

miniwdl finds them by entry point and imports this module in its own process. ``runtime.docker`` is ignored.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import WDL
from WDL._util import StructuredLogMessage, parse_byte_size
from WDL.runtime.backend.cli_subprocess import SubprocessBase
from WDL.runtime.download import able
from WDL.runtime.error import Terminated

from airflow_provider_omics.local.runs.instance_types import instance_type
from airflow_provider_omics.local.wdl import task_usage
from airflow_provider_omics.local.wdl.download_plugins import fetch_named
from airflow_provider_omics.local.wdl.isolation import BWRAP, ending_with_parent, visible
from airflow_provider_omics.local.wdl.task_progress import ANSWERS, GIB

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from contextlib import ExitStack

_TICK = 0.05
# bubblewrap takes 9,000 arguments, three for each mount; with more inputs than these, a task sees its run's folder.
_MOST_MOUNTS = 1000
# Job control gives the task a process group, which dies with this shell however the task ends.
OWN_GROUP = 'set -m; cd "$0"; "$@" & trap "kill -KILL -- -$!" EXIT; trap "exit 143" TERM INT HUP; wait $!'


class _WithoutContainer(SubprocessBase):
    """What both backends share: paths are the host's own, inputs are links in the task's working directory."""

    @classmethod
    def global_init(cls, cfg: Any, logger: logging.Logger) -> None:  # noqa: ANN401  miniwdl's own type is Any
        """Count CPUs and memory now: miniwdl lets two task threads do it at once, which resets its scheduler."""
        cls.detect_resource_limits(cfg, logger)

    def __init__(self, cfg: Any, run_id: str, host_dir: str) -> None:  # noqa: ANN401  miniwdl's own type is Any
        super().__init__(cfg, run_id, host_dir)
        self.container_dir = self.host_dir

    # miniwdl numbers these paths by attempt and mounts them under one name; without mounts the one name must do.
    def host_work_dir(self) -> str:
        """Give every attempt the same working directory."""
        return os.path.join(self.host_dir, "work")  # noqa: PTH118  miniwdl's paths are strings

    def host_stdout_txt(self) -> str:
        """Give every attempt the same standard output."""
        return os.path.join(self.host_dir, "stdout.txt")  # noqa: PTH118  miniwdl's paths are strings

    def host_stderr_txt(self) -> str:
        """Give every attempt the same standard error."""
        return os.path.join(self.host_dir, "stderr.txt")  # noqa: PTH118  miniwdl's paths are strings

    def host_path(self, container_path: str, inputs_only: bool = False) -> str | None:  # noqa: FBT001, FBT002  miniwdl's signature
        """Let a task's read_lines(), size() and outputs name a URI: its copy is the file."""
        directory = container_path.endswith("/")
        if able(self.cfg, container_path, directory):
            return fetch_named(container_path, directory=directory) + ("/" if directory else "")
        self._keep_linked_input(Path(self.host_work_dir(), container_path))
        path: str | None = super().host_path(container_path, inputs_only)
        return path

    def _keep_linked_input(self, output: Path) -> None:
        """Put the input itself in the place of an output that is a link to it, which miniwdl would refuse."""
        target = output.resolve()
        if output.is_symlink() and target.is_file() and any(map(target.is_relative_to, self.input_path_map)):
            output.unlink()
            os.link(target, output)

    def reset(self, logger: logging.Logger) -> None:
        """Set a failed attempt aside before the next one, and tell where its output is now."""
        for path in (self.host_work_dir(), self.host_stdout_txt(), self.host_stderr_txt()):
            if Path(path).exists():  # a task that did not start has none
                Path(path).rename(f"{path}.{self.try_counter}")
        aside = {name: f"{self.host_dir}/{name}.txt.{self.try_counter}" for name in ("stdout", "stderr")}
        self._tell(logger, "task repeated", **aside)
        super().reset(logger)

    def process_runtime(self, logger: logging.Logger, runtime_eval: dict[str, Any]) -> None:
        """Tell what the task asks for, which miniwdl lowers to what this host has; HealthOmics must have as much."""
        super().process_runtime(logger, runtime_eval)
        asked = {key: value.value for key, value in runtime_eval.items()}
        gpu = asked.get("acceleratorCount", 1) if asked.get("gpu") or "acceleratorCount" in asked else 0
        memory = parse_byte_size(str(asked.get("memory", "1 GiB")))
        cpus = math.ceil(float(asked.get("cpu", 1)))
        self._tell(logger, "task queued", cpus=cpus, memory_bytes=memory, gpus=int(gpu))
        gib = math.ceil(memory / GIB)
        if min(cpus, gib) < 1 or (not gpu and instance_type(cpus, gib) is None):
            setting = "invalid setting of runtime.cpu and runtime.memory"
            raise WDL.Error.RuntimeError(f"{setting}: HealthOmics has no instance of {cpus} vCPUs and {gib} GiB")

    def _run(self, logger: logging.Logger, terminating: Callable[[], bool], command: str) -> int:
        """Wait until the run's group, if it has one, has vCPUs and GPUs for the task."""
        answers = Path(self.cfg["file_io"]["root"], ANSWERS)
        if answers.exists():
            answer = answers / uuid.uuid4().hex
            self._tell(logger, "task waits", answer=str(answer))
            while not answer.exists():
                if terminating():
                    raise Terminated
                time.sleep(_TICK)
            if why_not := answer.read_text():
                raise WDL.Error.RuntimeError(why_not)
        return int(super()._run(logger, terminating, command))

    def _pull(self, logger: logging.Logger, cleanup: ExitStack) -> str:  # noqa: ARG002  miniwdl's signature
        return ""  # no image to pull

    def _run_invocation(self, logger: logging.Logger, cleanup: ExitStack, image: str) -> list[str]:  # noqa: ARG002  miniwdl's signature
        for source, link in self.input_path_map.items():
            path = Path(link)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(source.rstrip("/"))
        for output in (self.host_stdout_txt(), self.host_stderr_txt()):
            Path(output).touch()
        # A signal that our ancestors block is blocked in the task as well, and then nothing but SIGKILL ends it.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        usage = f"{self.host_dir}/usage.json"
        self._tell(logger, "task running", stdout=self.host_stdout_txt(), stderr=self.host_stderr_txt(), usage=usage)
        # It passes the signal on, and tasks end also when miniwdl is killed.
        measured = [*ending_with_parent("TERM"), sys.executable, "-P", task_usage.__file__, usage]
        return [*measured, "env", "--unset=PYTHONPATH", f"HOME={self.host_work_dir()}", *self._isolation()]

    def _isolation(self) -> list[str]:
        raise NotImplementedError

    @staticmethod
    def _tell(logger: logging.Logger, message: str, **facts: object) -> None:
        logger.log(25, StructuredLogMessage(message, **facts))  # 25 is miniwdl's NOTICE


class SandboxContainer(_WithoutContainer):
    """Tasks under bubblewrap: a /tmp and processes of their own, programs and inputs read-only, nothing else."""

    cli_name = "bwrap"

    def _isolation(self) -> list[str]:
        invocation = [*BWRAP, *visible()]
        inputs = [source.rstrip("/") for source in self.input_path_map]
        for path in inputs if len(inputs) <= _MOST_MOUNTS else [self.cfg["file_io"]["root"]]:
            invocation += ["--ro-bind", path, path]
        # What is beside these is read and written by miniwdl and the server, which would follow a link of the task's.
        command = f"{self.host_dir}/command"
        invocation += ["--ro-bind", command, command]
        for path in (self.host_work_dir(), self.host_stdout_txt(), self.host_stderr_txt()):
            invocation += ["--bind", path, path]
        invocation += ["--chdir", self.host_work_dir()]
        # What was made only to mount something in it takes no file, either.
        return [*invocation, "--remount-ro", "/"]


class HostContainer(_WithoutContainer):
    """Tasks as plain processes, each in a process group that ends with it."""

    cli_name = "host"

    def _isolation(self) -> list[str]:
        return ["/bin/bash", "-c", OWN_GROUP, self.host_work_dir()]
