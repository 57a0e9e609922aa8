# SPDX-License-Identifier: Apache-2.0
"""What each task says while ``dag.test()`` runs one after the other: by its log, by another logger, or by ``print``."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.testing.airflow_home import AIRFLOW_3

if TYPE_CHECKING:
    from collections.abc import Iterator

# What dag.test() logs when it begins with a task, on both lines, with the task's id and map index as arguments.
_BEGINS = "[DAG TEST] starting task_id=%s map_index=%s"


@contextmanager
def task_logs() -> Iterator[dict[tuple[str, int], str]]:
    """Yield what is, in the end, the log of each task by id and map index."""
    recorder = _Recorder()
    root, tasks = logging.getLogger(), logging.getLogger("airflow.task")
    # dag.test() of 2.11 gives the tasks' logger a handler on the stdout of that moment, if it has none, for good.
    quiet = logging.StreamHandler(io.StringIO())
    tasks.addHandler(quiet)
    root.addHandler(recorder)
    _STDOUT.before, _STDOUT.recorder = sys.stdout, recorder
    try:
        with redirect_stdout(_STDOUT):
            yield recorder.logs
    finally:
        _STDOUT.before = _STDOUT.recorder = None
        root.removeHandler(recorder)
        tasks.removeHandler(quiet)


class _Recorder(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s - %(message)s"))
        self.logs: dict[tuple[str, int], str] = {}
        self._task: tuple[str, int] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == _BEGINS and isinstance(record.args, tuple):
            task_id, map_index = record.args
            self._task = str(task_id), int(str(map_index))
        # Airflow 2 prints whatever is logged, 3 what is logged by structlog.
        if AIRFLOW_3:
            self.add(f"{self.format(record)}\n")

    def add(self, text: str) -> None:
        if self._task is not None:
            self.logs[self._task] = self.logs.get(self._task, "") + text


class _Stdout(io.TextIOBase):
    """A stdout that records what is printed; one for all time, as structlog's loggers keep the first that they met."""

    before: Any = None
    recorder: _Recorder | None = None

    def write(self, text: str) -> int:
        if self.recorder is not None:
            self.recorder.add(text)
        return int((self.before or sys.stdout).write(text))

    def flush(self) -> None:
        (self.before or sys.stdout).flush()


_STDOUT = _Stdout()
