# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind: its failed tasks and their logs, its named outputs, its files, its description."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from airflow_provider_omics.aws.errors import error_code
from airflow_provider_omics.core import documents
from airflow_provider_omics.core.failures import MAX_TASKS, FailedTask, LogEnd, engine_stream
from airflow_provider_omics.hooks.logs import RunLog
from airflow_provider_omics.hooks.patience import Faults, patiently

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.core.run import Run
    from airflow_provider_omics.hooks.omics import OmicsHook

log = logging.getLogger(__name__)
# User guide, "Run outputs"; the page on logs and that on outputs name it differently.
_SUMMARIES: Final = ("outputs.json", "output.json")
_LINES: Final = 30
MAX_OUTPUTS: Final = 48_000
# How many faults that pass are borne, in about a minute, by what decides on a retry or would be lost for good.
_MOST_FAULTS: Final = 6


def failed_tasks(hook: OmicsHook, run: Run) -> tuple[list[FailedTask], int]:
    """Return the first failed tasks of a run, and how many of its failed ones there are, 101 standing for more."""
    faults = Faults(f"A look at the failed tasks of run {run.id}")

    def ask(operation: str, **members: Any) -> Any:  # noqa: ANN401 - boto3's
        return patiently(hook, lambda it: getattr(it.conn, operation)(id=run.id, **members), faults, most=_MOST_FAULTS)

    try:
        answer = ask("list_run_tasks", status="FAILED", maxResults=100)
    except Exception as error:  # noqa: BLE001 - whatever it is, how the run failed is what counts
        log.warning("The failed tasks of run %s cannot be listed: %s", run.id, error)
        return [], 0
    items = answer["items"]
    return [_task(ask, run, item) for item in items[:MAX_TASKS]], len(items) + bool(answer.get("nextToken"))


def _task(ask: Callable[..., Any], run: Run, item: dict[str, Any]) -> FailedTask:
    answer: dict[str, Any] = {}
    try:
        answer = ask("get_run_task", taskId=item["taskId"])
    except Exception as error:  # noqa: BLE001 - likewise
        log.warning("Why task %s of run %s failed cannot be asked: %s", item["taskId"], run.id, error)
    return FailedTask(
        str(item["taskId"]),
        str(item.get("name") or "?"),
        answer.get("failureReason"),
        answer.get("statusMessage"),
    )


def log_end(hook: OmicsHook, run: Run, task: FailedTask | None) -> LogEnd | None:
    """
    Return the end of the log that says most of why a run failed; None if no log is there, or may be read.

    :param task: the first failed task; without one, or without a log of it, the engine's log counts, then the run's.
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


def outputs(hook: OmicsHook, run: Run) -> dict[str, Any] | None:
    """
    Return the named outputs of a WDL or CWL run; None, with a warning, if there are none that can be read.

    What is too big for XCom becomes ``{"truncated": why}``.
    """
    try:
        return patiently(
            hook, lambda it: _outputs(it, run), Faults(f"A look at the outputs of run {run.id}"), most=_MOST_FAULTS
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the run has COMPLETED
        log.warning("The outputs of run %s cannot be read: %s", run.id, error)
        return None


def _outputs(hook: OmicsHook, run: Run) -> dict[str, Any] | None:
    bucket, folder = _place(run.output_uri)
    s3 = hook.client_of("s3")
    for name in _SUMMARIES:
        key = f"{folder}logs/{name}"
        try:
            answer = s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                continue
            raise
        size = int(answer["ContentLength"])
        if size > MAX_OUTPUTS:
            return {"truncated": f"{size} bytes are too many for XCom: read s3://{bucket}/{key}"}
        named = _summary(answer["Body"].read(), name)
        return named if isinstance(named, dict) else {"outputs": named}
    log.warning("Run %s has no summary of its outputs in s3://%s/%slogs", run.id, bucket, folder)
    return None


def _summary(text: bytes, name: str) -> Any:  # noqa: ANN401 - any JSON
    """Read a summary; ValueError says what Airflow would refuse in an XCom."""
    # Python reads NaN and Infinity, which are no JSON.
    named = json.loads(text, parse_constant=str)
    if wrong := next(documents.not_json(named, name), None):
        raise ValueError(wrong)
    return named


def _place(output_uri: str) -> tuple[str, str]:
    """Return the bucket of a run's outputs, and their prefix, which is empty or ends with a slash."""
    bucket, _, folder = output_uri.removeprefix("s3://").rstrip("/").partition("/")
    return bucket, f"{folder}/" if folder else ""


def description(hook: OmicsHook, run: Run) -> dict[str, Any]:
    """Return GetRun's answer with the workflow's ``engine``; what cannot be had, for whatever cause, is missing."""
    try:
        answer: dict[str, Any] = hook.conn.get_run(id=run.id)
    except Exception as error:  # noqa: BLE001 - it only adds to what is known without it
        log.info("Run %s is told of without GetRun: %s", run.id, error)
        return {}
    if answer.get("uuid") != run.uuid:
        return {}  # Its id belongs to another run now.
    names = {"id": "workflowId", "type": "workflowType", "workflowOwnerId": "workflowOwnerId"}
    try:
        which = {name: answer[member] for name, member in names.items() if member in answer}
        answer["engine"] = hook.conn.get_workflow(**which)["engine"]
    except Exception as error:  # noqa: BLE001 - likewise
        log.info("Run %s is told of without its workflow's engine: %s", run.id, error)
    return answer
