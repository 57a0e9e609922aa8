# SPDX-License-Identifier: Apache-2.0
"""The log lines of a task that waits in its worker."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.aws.hook_params import ONE_ATTEMPT
from airflow_provider_omics.polling.airflow_cfg import heartbeat_interval
from airflow_provider_omics.results.progress import TaskCounts, UnknownStatus, has_tasks, heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.records.run import Run
    from airflow_provider_omics.results.logs import EngineLog

log = logging.getLogger(__name__)
# Options of a client with short time-outs, for calls that only add to the log.
_BRIEF: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 10,
    "retries": {**ONE_ATTEMPT, "total_max_attempts": 2},
}


class RunProgressLogger:
    """
    Logs each change of a run's status, its progress every few minutes and, if wanted, the log of its engine.

    :param hook: returns a new hook with the given options of botocore's.
    :param forward_logs: whether to copy the engine's log.
    """

    def __init__(self, hook: Callable[..., OmicsHook], *, forward_logs: bool) -> None:
        self._hook = hook
        self._forward_logs = forward_logs
        self._heartbeat = heartbeat_interval()
        self._logged = time.monotonic()
        self._may_count = True
        self._unknown = UnknownStatus()
        self._engine_log: EngineLog | None = None

    def repeat(self, said: Iterable[str]) -> None:
        """Log again the lines of the trigger, whose log may be lost."""
        for line in said:
            log.info("While this task was deferred: %s", line)

    def seen(self, before: Run, run: Run) -> None:
        """Log what has changed after a poll."""
        silent = self._heartbeat > 0 and time.monotonic() - self._logged >= self._heartbeat
        if run.status != before.status:
            log.info("HealthOmics %s", run)
        elif silent:
            log.info("HealthOmics %s", heartbeat(run, time.time(), self._counted(run)))
        if warning := self._unknown.warning(run, time.time()):
            log.warning("%s", warning)
        if silent or run.status != before.status:
            self._logged = time.monotonic()
        if not run.ended:
            self.copy_log(run)

    def copy_log(self, run: Run) -> None:
        """Copy the new lines of the engine's log, if ``forward_logs`` is set."""
        if not self._forward_logs:
            return
        if self._engine_log is None:
            from airflow_provider_omics.results.logs import EngineLog  # noqa: PLC0415 - no boto3 in DAG files

            self._engine_log = EngineLog(lambda: self._hook(**_BRIEF), run)
        self._engine_log.copy(run)

    def _counted(self, run: Run) -> TaskCounts | None:
        """Return the run's tasks by status; None if it can have none, or they cannot be listed."""
        if not self._may_count or not has_tasks(run):
            return None
        counts = TaskCounts()
        try:
            hook = self._hook(**_BRIEF)
            for status in counts:
                statuses, more = hook.task_page(run, status)
                counts.add(status, statuses, more=more)
        except Exception as error:  # noqa: BLE001 - the line is logged without the tasks
            from airflow_provider_omics.aws.errors import is_transient  # noqa: PLC0415 - no boto3 in DAG files

            self._may_count = is_transient(error)
            log.warning("The tasks of run %s cannot be counted: %s", run.id, error)
            return None
        return counts
