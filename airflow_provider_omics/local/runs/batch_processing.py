# SPDX-License-Identifier: Apache-2.0
"""How a run batch lives: its runs are submitted, cancelled or deleted one by one, and it ends when they have ended."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_omics.local.runs import run_operations, simulation
from airflow_provider_omics.local.state.clock import later
from airflow_provider_omics.local.state.run_state import ENDED
from airflow_provider_omics.local.wire.service_error import ServiceError, invalid

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_omics.local.state.batch import Batch, Submission
    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.state.run_state import Run
    from airflow_provider_omics.local.wire.caller import Answer

    Step = Callable[[State, "Batch", datetime], None]

log = logging.getLogger(__name__)
# Seconds in CREATING, PENDING and SUBMITTING.
_STEP = 1.0
_BATCH_ONLY = ("runTags", "outputBucketOwnerId")


def begin(state: State, batch: Batch, now: datetime) -> None:
    """Let a new batch live."""
    _then(state, batch, now, "CREATING", _pending)


def cancel(state: State, batch: Batch) -> None:
    """Cancel its runs; CANCELLED comes when they have stopped."""
    batch.status = "STOPPING"
    _one_by_one(state, batch, state.clock.now(), _cancel, lambda state, batch, _now: _check_processed(state, batch))


def delete_runs(state: State, batch: Batch) -> None:
    """Delete its runs."""
    batch.status = "RUNS_DELETING"
    _one_by_one(state, batch, state.clock.now(), _delete, _deleted)


def _then(state: State, batch: Batch, now: datetime, status: str, step: Step) -> None:
    """Go on with ``step`` if the batch is still in ``status`` then."""

    def action(now: datetime) -> None:
        if batch.status == status:
            step(state, batch, now)

    state.at(later(now, _STEP / state.settings.speed), action)


def _pending(state: State, batch: Batch, now: datetime) -> None:
    unique = len({submission.setting_id for submission in batch.submissions})
    if unique == len(batch.submissions):
        batch.status = "PENDING"
        _then(state, batch, now, "PENDING", _submitting)
        return
    batch.status, batch.failed_time = "FAILED", now
    batch.failure_reason = f"Expected {len(batch.submissions)} unique runSettingIds but there were {unique}"


def _submitting(state: State, batch: Batch, now: datetime) -> None:
    batch.status = "SUBMITTING"
    _then(state, batch, now, "SUBMITTING", _submit)


def _one_by_one(
    state: State, batch: Batch, now: datetime, do: Callable[[State, Batch, Submission], None], then: Step
) -> None:
    """Do something with each submission while the batch stays in its status, each by an action: others get through."""
    status, waiting = batch.status, iter(batch.submissions)

    def action(now: datetime) -> None:
        if batch.status != status:
            return
        submission = next(waiting, None)
        if submission is None:
            then(state, batch, now)
            return
        state.at(now, action)
        do(state, batch, submission)

    state.at(now, action)


def _submit(state: State, batch: Batch, now: datetime) -> None:
    _one_by_one(state, batch, now, _start, _submitted)


def _start(state: State, batch: Batch, submission: Submission) -> None:
    try:
        run = run_operations.create_run(state, _run_params(batch, submission), batch.caller, batch_id=batch.id)
    except ServiceError as error:
        submission.status, submission.failure = "FAILED", error
    except Exception as error:
        log.exception("Run setting %s of batch %s could not be started", submission.setting_id, batch.id)
        failure = ServiceError("InternalServerException", f"The local endpoint failed: {error!r}")
        submission.status, submission.failure = "FAILED", failure
    else:
        submission.run, submission.status = run, "SUCCESS"
        if run.status not in ENDED:
            batch.active.add(run.id)


def _submitted(state: State, batch: Batch, now: datetime) -> None:
    batch.status, batch.submitted_time = "INPROGRESS", now
    _check_processed(state, batch)


def _run_params(batch: Batch, submission: Submission) -> Answer:
    """Return StartRun's input: the run's own settings win, parameters and tags are merged."""
    default, own = batch.request["defaultRunSetting"], submission.setting
    params = {**default, **own}
    if not all(isinstance(setting.get("parameters", {}), dict) for setting in (default, own)):
        raise invalid("parameters is not a JSON object")
    params["parameters"] = {**default.get("parameters", {}), **own.get("parameters", {})}
    params["tags"] = {**default.get("runTags", {}), **own.get("runTags", {})}
    if "outputUri" not in params:
        raise invalid("A run needs an outputUri, of its own or the batch's")
    return {name: value for name, value in params.items() if name not in (*_BATCH_ONLY, "runSettingId")}


def run_ended(state: State, run: Run) -> None:
    """See whether the batch of a run that has ended is done."""
    batch = state.batches.get(run.batch_id or "")
    if batch:
        batch.active.discard(run.id)
        _check_processed(state, batch)


def _check_processed(state: State, batch: Batch) -> None:
    following = {"INPROGRESS": "PROCESSED", "STOPPING": "CANCELLED"}
    if batch.status in following and not batch.active:
        batch.status, batch.processed_time = following[batch.status], state.clock.now()


def _cancel(state: State, _batch: Batch, submission: Submission) -> None:
    if submission.run:
        ended = submission.run.status in ENDED
        submission.status = "CANCEL_FAILED" if ended else "CANCEL_SUCCESS"
        if not ended:
            simulation.cancel(state, submission.run)


def _delete(state: State, batch: Batch, submission: Submission) -> None:
    run = submission.run
    if run:
        if state.runs.get(run.id) is run:
            run_operations.delete_run(state, {"id": run.id}, batch.caller)
        submission.status = "DELETE_SUCCESS"


def _deleted(state: State, batch: Batch, now: datetime) -> None:
    _then(state, batch, now, "RUNS_DELETING", _runs_deleted)


def _runs_deleted(_state: State, batch: Batch, _now: datetime) -> None:
    batch.status = "RUNS_DELETED"
