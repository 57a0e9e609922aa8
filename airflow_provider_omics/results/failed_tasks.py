# SPDX-License-Identifier: Apache-2.0
"""Why a run failed: its failed tasks, and the last lines of the most useful log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from airflow_provider_omics.aws.errors import error_code, is_transient
from airflow_provider_omics.polling.faults import MOST_FAULTS, Faults, with_retries
from airflow_provider_omics.results.failures import MAX_TASKS, FailedTask, LogEnd, engine_stream
from airflow_provider_omics.results.logs import RunLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)
_LINES: Final = 30


def failed_tasks(hook: OmicsHook, run: Run) -> tuple[list[FailedTask], int]:
    """Return the first failed tasks of a run, and the number of all of them; 101 means more than 100."""
    faults = Faults(f"ListRunTasks of run {run.id}")

    def ask(operation: str, **members: Any) -> Any:  # noqa: ANN401 - boto3's
        def look(it: OmicsHook) -> Any:  # noqa: ANN401 - likewise
            try:
                return getattr(it.conn, operation)(id=run.id, **members)
            except ClientError as error:
                if not is_transient(error):
                    it.check_owner(run)  # Another account has no such run, or keeps its own to itself.
                raise

        return with_retries(hook, look, faults, most=MOST_FAULTS)

    try:
        answer = ask("list_run_tasks", status="FAILED", maxResults=100)
    except Exception as error:  # noqa: BLE001 - any error: the run's own failure is reported
        log.warning("The failed tasks of run %s cannot be listed: %s", run.id, error)
        return [], 0
    items = answer["items"]
    return [_task(ask, run, item) for item in items[:MAX_TASKS]], len(items) + bool(answer.get("nextToken"))


def _task(ask: Callable[..., Any], run: Run, item: dict[str, Any]) -> FailedTask:
    answer: dict[str, Any] = {}
    try:
        answer = ask("get_run_task", taskId=item["taskId"])
    except Exception as error:  # noqa: BLE001 - likewise
        log.warning("GetRunTask of task %s of run %s failed: %s", item["taskId"], run.id, error)
    return FailedTask(
        str(item["taskId"]),
        str(item.get("name") or "?"),
        answer.get("failureReason"),
        answer.get("statusMessage"),
    )


def log_end(hook: OmicsHook, run: Run, task: FailedTask | None) -> LogEnd | None:
    """
    Return the last lines of the log of the failed task, else of the engine, else of the run; None if none can be read.

    :param task: the first failed task, None if there is none.
    """
    streams = {"engine": engine_stream(run), "run": f"run/{run.id}"}
    if task:
        streams = {"task": f"run/{run.id}/task/{task.id}", **streams}
    for of, stream in streams.items():
        try:
            lines = RunLog(lambda: hook, stream).last(run, _LINES)
        except Exception as error:  # noqa: BLE001 - likewise
            if isinstance(error, ClientError) and error_code(error) == "ResourceNotFoundException":
                continue
            log.warning("Log stream %s of run %s cannot be read: %s", stream, run.id, error)
            return None
        if lines:
            return LogEnd(of, tuple(lines))
    log.info("Run %s has left no lines in its log streams (%s)", run.id, ", ".join(streams.values()))
    return None
