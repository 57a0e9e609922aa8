# SPDX-License-Identifier: Apache-2.0
"""The end of a run that the API no longer has, from its manifest in CloudWatch Logs."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError

from airflow_provider_omics.aws.errors import is_transient
from airflow_provider_omics.records.run import ENDED
from airflow_provider_omics.records.text import storable

if TYPE_CHECKING:
    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)
LOG_GROUP: Final = "/aws/omics/WorkflowLog"


def how_it_ended(logs: Any, run: Run) -> Run | None:  # noqa: ANN401 - boto3 makes its clients at run time
    """
    Return a deleted run with the final status of its manifest; None if there is no manifest.

    :param logs: a client of CloudWatch Logs.
    :param run: the run, with its uuid.
    :raises ClientError: for a transient error of CloudWatch Logs: whether there is a manifest is not known.
    """
    stream = f"manifest/run/{run.id}/{run.uuid}"
    try:
        manifest = json.loads(_first_event(logs, stream)["message"])
    except (ClientError, LookupError, ValueError) as error:
        if is_transient(error):
            raise
        log.info("No manifest of run %s in log stream %s: %s", run.id, stream, error)
        return None
    if not isinstance(manifest, dict) or manifest.get("uuid") != run.uuid or manifest.get("status") not in ENDED:
        return None
    log.info("Run %s is gone from the API; its manifest says %s", run.id, manifest["status"])
    return replace(
        run,
        status=str(manifest["status"]),
        failure_reason=storable(manifest.get("failureReason")) or None,
        status_message=storable(manifest.get("statusMessage")) or None,
        # The times decide whether our own deadline cancelled it, and which lines of a log are its own.
        start_time=_seconds(manifest.get("startTime")) or run.start_time,
        stop_time=_seconds(manifest.get("stopTime")) or run.stop_time,
    )


def _seconds(time: object) -> float | None:
    """Return a time of the manifest in epoch seconds, None if it has none."""
    try:
        moment = datetime.fromisoformat(str(time))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _first_event(logs: Any, stream: str) -> dict[str, Any]:  # noqa: ANN401 - likewise
    """Return the first event of a log stream; an empty page need not be the last one."""
    more: dict[str, str] = {}
    while True:
        answer = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True, limit=1, **more)
        token = answer.get("nextForwardToken")
        if answer["events"] or token in (None, more.get("nextToken")):
            return cast("dict[str, Any]", answer["events"][0])
        more = {"nextToken": token}
