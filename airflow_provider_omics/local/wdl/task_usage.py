# SPDX-License-Identifier: Apache-2.0
"""Run a command and write down what it used: ``task_usage.py FILE COMMAND…`` passes on its signals and its status.

A task of an executed run is started so, outside its sandbox. Its processes are looked at a few times a second, at first
more often. The kernel's own count, of CPU seconds and of the largest process, is exact, but ends at a sandbox.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # miniwdl brings it

if TYPE_CHECKING:
    import resource

_TICK, _SAMPLE = 0.02, 0.25
_GIB = 1024**3


@dataclass
class _Samples:
    """What was seen of a process tree while it ran."""

    tree: psutil.Process
    start: float
    time: float
    cpu_seconds: float = 0.0
    # The time and the CPU seconds since when the vCPUs in use are counted: over less they would be rounding errors.
    since: tuple[float, float] = (0.0, 0.0)
    cpus: float = 0.0
    memory: int = 0
    # The memory over time, in byte seconds.
    byte_seconds: float = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time to look again: after a quarter of the task's time, and of a second at most."""
        now = time.monotonic()
        return now - self.time >= min(_SAMPLE, (now - self.start) / 4)

    def take(self) -> None:
        """Look at all processes of the tree; one that is gone meanwhile counts no more."""
        now, cpu_seconds, memory = time.monotonic(), 0.0, 0
        with suppress(psutil.Error):
            for process in (self.tree, *self.tree.children(recursive=True)):
                with suppress(psutil.Error):
                    times = process.cpu_times()
                    cpu_seconds += times.user + times.system + times.children_user + times.children_system
                    memory += process.memory_info().rss
        self.memory = max(self.memory, memory)
        self.byte_seconds += memory * (now - self.time)
        self.time, self.cpu_seconds = now, max(self.cpu_seconds, cpu_seconds)
        if (elapsed := now - max(self.since[0], self.start)) >= _SAMPLE:
            self.cpus = max(self.cpus, (self.cpu_seconds - self.since[1]) / elapsed)
            self.since = now, self.cpu_seconds

    def metrics(self, used: resource.struct_rusage) -> dict[str, float]:
        """Return the manifest's metrics."""
        elapsed = time.monotonic() - self.start
        cpus = max(self.cpu_seconds, used.ru_utime + used.ru_stime) / elapsed
        largest = max(self.memory, used.ru_maxrss * 1024)
        sampled = self.time - self.start
        average = self.byte_seconds / sampled if self.byte_seconds else largest
        return {
            "cpusAverage": round(cpus, 3),
            "cpusMaximum": round(max(self.cpus, cpus), 3),
            "memoryAverageGiB": round(average / _GIB, 6),
            "memoryMaximumGiB": round(largest / _GIB, 6),
        }


def main(file: str, *command: str) -> int:
    """Run the command, write ``file``, and return the command's exit status as a shell tells it."""
    pids: list[int] = []
    early: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if not pids:
            early.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, pass_on)
    process = subprocess.Popen(command)  # noqa: S603  no shell; running what we are given is the purpose
    pids.append(process.pid)
    for missed in early:
        pass_on(missed, None)
    start = time.monotonic()
    samples = _Samples(psutil.Process(process.pid), start, start)
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        if samples.due:
            samples.take()
        time.sleep(_TICK)
    _, status, used = ended
    Path(file).write_text(json.dumps(samples.metrics(used)))
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code  # it is waited for: Popen's end must not look for it again
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
