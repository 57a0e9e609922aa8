# SPDX-License-Identifier: Apache-2.0
"""Run batches: StartRunBatch, GetBatch, ListBatch, ListRunsInBatch, CancelRunBatch, DeleteRunBatch, DeleteBatch."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_omics.local.runs import batch_processing
from airflow_provider_omics.local.state.batch import Batch, Submission
from airflow_provider_omics.local.state.resources import check_tags, found_here
from airflow_provider_omics.local.state.run_state import ENDED
from airflow_provider_omics.local.wire.caller import arn
from airflow_provider_omics.local.wire.page_tokens import page
from airflow_provider_omics.local.wire.service_error import ServiceError, invalid
from airflow_provider_omics.local.workflows import workflow_operations

if TYPE_CHECKING:
    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.wire.caller import Answer, Caller
    from airflow_provider_omics.local.wire.service_model import Service

_MAX_SETTINGS = 100_000
_CANCELLABLE = ("PENDING", "SUBMITTING", "INPROGRESS")
_RUNS_DELETABLE = ("PROCESSED", "CANCELLED")
_DELETABLE = ("PROCESSED", "FAILED", "CANCELLED", "RUNS_DELETE_FAILED", "RUNS_DELETED")


def start_run_batch(state: State, params: Answer, caller: Caller) -> Answer:
    """Start many runs with one call; they are submitted bit by bit."""
    return state.once("StartRunBatch", params, caller, partial(_create, state, params, caller))


def _create(state: State, params: Answer, caller: Caller) -> Answer:
    default = params["defaultRunSetting"]
    if default.get("workflowType") == "READY2RUN":
        raise invalid("A batch takes no READY2RUN workflow")
    workflow_operations.usable_workflow(state, default, caller)
    settings = params["batchRunSettings"].get("inlineSettings")
    if settings is None:
        settings = caller.settings or []
    batch_id, now = state.new_id(state.batches), state.clock.now()
    batch = Batch(
        batch_id,
        str(uuid.uuid4()),
        arn(caller, f"runBatch/{batch_id}"),
        state.next_seq(),
        caller._replace(settings=None),
        params,
        now,
        check_tags(params.get("tags", {})),
        [Submission(setting["runSettingId"], setting) for setting in settings],
    )
    state.batches[batch_id] = batch
    batch_processing.begin(state, batch, now)
    return {"id": batch_id, "arn": batch.arn, "status": "CREATING", "uuid": batch.uuid, "tags": batch.tags}


def settings_from(content: bytes, service: Service) -> list[Answer]:
    """Return the run settings in an S3 object, a JSON array; each entry is checked as an inline one is."""
    try:
        settings = json.loads(content)
    except ValueError as error:
        raise invalid(f"s3UriSettings does not hold JSON: {error}") from None
    if not isinstance(settings, list) or not 1 <= len(settings) <= _MAX_SETTINGS:
        raise invalid(f"s3UriSettings does not hold an array of 1 to {_MAX_SETTINGS} run settings")
    where = "batchRunSettings.inlineSettings"
    return [service.entry("StartRunBatch", where, f"s3UriSettings.{i}.member", it) for i, it in enumerate(settings, 1)]


def get_batch(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about a batch."""
    batch = found_here(state.batches, params["batchId"], "Run batch", caller)
    submitted = Counter(submission.status or "PENDING" for submission in batch.submissions)
    started = submitted.total() - submitted["PENDING"] - submitted["FAILED"]
    statuses = Counter(submission.run.status for submission in batch.submissions if submission.run)
    return {
        "id": batch.id,
        "arn": batch.arn,
        "uuid": batch.uuid,
        "name": batch.request.get("batchName"),
        "status": batch.status,
        "tags": batch.tags,
        "totalRuns": len(batch.submissions),
        "defaultRunSetting": batch.request["defaultRunSetting"],
        "submissionSummary": {
            "successfulStartSubmissionCount": started,
            "failedStartSubmissionCount": submitted["FAILED"],
            "pendingStartSubmissionCount": submitted["PENDING"],
            "successfulCancelSubmissionCount": submitted["CANCEL_SUCCESS"],
            "failedCancelSubmissionCount": submitted["CANCEL_FAILED"],
            "successfulDeleteSubmissionCount": submitted["DELETE_SUCCESS"],
            "failedDeleteSubmissionCount": submitted["DELETE_FAILED"],
        },
        "runSummary": {
            f"{status.lower()}RunCount": statuses[status]
            for status in ("PENDING", "STARTING", "RUNNING", "STOPPING", *ENDED)
        },
        "creationTime": batch.creation_time,
        "submittedTime": batch.submitted_time,
        "processedTime": batch.processed_time,
        "failedTime": batch.failed_time,
        "failureReason": batch.failure_reason,
    }


def list_batch(state: State, params: Answer, caller: Caller) -> Answer:
    """List the Region's batches, the newest first."""
    _at_most_one(params, ("status", "name", "runGroupId"))
    batches = (
        batch
        for batch in reversed(state.batches.values())
        if batch.caller[:2] == caller[:2]
        and params.get("status") in (None, batch.status)
        and params.get("name") in (None, batch.request.get("batchName"))
        and params.get("runGroupId") in (None, batch.request["defaultRunSetting"].get("runGroupId"))
    )
    taken, token = page(batches, lambda batch: batch.seq, params, size="maxItems")
    items = [
        {
            "id": batch.id,
            "name": batch.request.get("batchName"),
            "status": batch.status,
            "createdAt": batch.creation_time,
            "totalRuns": len(batch.submissions),
            "workflowId": batch.request["defaultRunSetting"]["workflowId"],
        }
        for batch in taken
    ]
    return {"items": items, "nextToken": token}


def list_runs_in_batch(state: State, params: Answer, caller: Caller) -> Answer:
    """List what became of a batch's run settings, those that were submitted."""
    _at_most_one(params, ("submissionStatus", "runSettingId", "runId"))
    batch = found_here(state.batches, params["batchId"], "Run batch", caller)
    submissions = (
        (len(batch.submissions) - i, submission)
        for i, submission in enumerate(batch.submissions)
        if submission.status
        and params.get("submissionStatus") in (None, submission.status)
        and params.get("runSettingId") in (None, submission.setting_id)
        and params.get("runId") in (None, submission.run.id if submission.run else "")
    )
    taken, token = page(submissions, lambda place: place[0], params, size="maxItems")
    return {"runs": [_run_item(submission) for _, submission in taken], "nextToken": token}


def _run_item(submission: Submission) -> Answer:
    run, failure = submission.run, submission.failure
    return {
        "runSettingId": submission.setting_id,
        "submissionStatus": submission.status,
        "runId": run.id if run else None,
        "runInternalUuid": run.uuid if run else None,
        "runArn": run.arn if run else None,
        "submissionFailureReason": failure.code if failure else None,
        "submissionFailureMessage": failure.message if failure else None,
    }


def _at_most_one(params: Answer, filters: tuple[str, ...]) -> None:
    if sum(name in params for name in filters) > 1:
        raise invalid(f"Only one filter of {', '.join(filters)} may be given")


def cancel_run_batch(state: State, params: Answer, caller: Caller) -> Answer:
    """Cancel a batch's runs."""
    batch = _batch_in(state, params["batchId"], caller, _CANCELLABLE, "cancelled")
    batch_processing.cancel(state, batch)
    return {}


def delete_run_batch(state: State, params: Answer, caller: Caller) -> Answer:
    """Delete a batch's runs."""
    batch = _batch_in(state, params["batchId"], caller, _RUNS_DELETABLE, "deleted")
    batch_processing.delete_runs(state, batch)
    return {}


def delete_batch(state: State, params: Answer, caller: Caller) -> Answer:
    """Delete what is known of a batch; its runs stay."""
    del state.batches[_batch_in(state, params["batchId"], caller, _DELETABLE, "deleted").id]
    return {}


def _batch_in(state: State, batch_id: str, caller: Caller, statuses: tuple[str, ...], verb: str) -> Batch:
    batch: Batch = found_here(state.batches, batch_id, "Run batch", caller)
    if batch.status not in statuses:
        raise ServiceError("ConflictException", f"Run batch {batch_id} is {batch.status} and cannot be {verb}")
    return batch
