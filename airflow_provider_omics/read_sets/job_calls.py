# SPDX-License-Identifier: Apache-2.0
"""The calls of HealthOmics about read sets and the jobs that import and activate them."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from airflow_provider_omics.aws.errors import error_code, is_denied
from airflow_provider_omics.aws.run_pages import MAX_CANDIDATES
from airflow_provider_omics.exceptions import (
    OmicsError,
    OmicsRequestError,
    ReadSetJobWaitError,
    StartRunConflictError,
)
from airflow_provider_omics.hooks.omics import VISIBLE_AFTER
from airflow_provider_omics.polling.faults import Faults
from airflow_provider_omics.polling.pacing import interval
from airflow_provider_omics.records.read_set_job import ReadSetJob
from airflow_provider_omics.results.progress import UnknownStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.read_set_job import Kind

log = logging.getLogger(__name__)
# Statuses of read sets that can be read or activated; the others have no reads.
_ACTIVE: Final = ("ACTIVE", "ACTIVATING", "ARCHIVED")


def start_job(hook: OmicsHook, kind: Kind, request: Mapping[str, JsonValue]) -> ReadSetJob:
    """
    Start a job, or return the one that an earlier call with the same clientToken has started.

    :param request: the members of StartReadSetImportJob or StartReadSetActivationJob, by the API's names.
    :raises OmicsRequestError: if HealthOmics rejects the request.
    :raises StartRunConflictError: if HealthOmics answers 409.
    """
    try:
        return ReadSetJob.from_response(kind, getattr(hook.conn, f"start_read_set_{kind}_job")(**request))
    except ClientError as error:
        code, message = error_code(error), error.response.get("Error", {}).get("Message", "")
        if code in ("ValidationException", "ResourceNotFoundException"):
            if code == "ResourceNotFoundException":
                message = f"{message.rstrip('.')}. {hook.where_to_look(error, request)}"
            raise OmicsRequestError(f"HealthOmics rejected the read set {kind} job ({code}): {message}") from error
        if code == "ConflictException":
            token = request.get("clientToken")
            raise StartRunConflictError(f"HealthOmics answered 409 to clientToken {token}: {message}") from error
        if is_denied(error) and "TagResource" in message:
            cure = "Allow omics:TagResource to the caller, or set airflow_tags=False to send no tags."
            raise OmicsError(f"{message} {cure}") from error
        raise


def get_job(hook: OmicsHook, job: ReadSetJob) -> ReadSetJob:
    """
    Return the present job with its sources.

    :param job: the job of Start's or an earlier Get's answer; a new one may not be visible yet.
    :raises OmicsError: if the store has no such job.
    """
    get = getattr(hook.conn, f"get_read_set_{job.kind}_job")
    try:
        return ReadSetJob.from_response(job.kind, get(sequenceStoreId=job.store_id, id=job.id))
    except hook.conn.exceptions.ResourceNotFoundException as error:
        if job.creation_time and time.time() < job.creation_time + VISIBLE_AFTER:
            return job
        where = hook.where_to_look(error, {"jobId": job.id, "sequenceStoreId": job.store_id})
        raise OmicsError(f"There is no {job.name}: {error}. {where}") from error


def list_jobs(hook: OmicsHook, kind: Kind, store_id: str, since: float) -> list[ReadSetJob]:
    """
    Return a store's jobs with their sources, the oldest first, by one Get for each.

    Of very many, only the active ones and then the newest ones are returned.

    :param since: the earliest creation, in epoch seconds.
    """
    asked = {"createdAfter": datetime.fromtimestamp(since, UTC)}
    pages = hook.conn.get_paginator(f"list_read_set_{kind}_jobs").paginate(sequenceStoreId=store_id, filter=asked)
    jobs: list[ReadSetJob] = []
    for page in pages:
        jobs += [ReadSetJob.from_response(kind, item) for item in page.get(f"{kind}Jobs", ())]
    jobs.sort(key=lambda job: (not job.ended, job.creation_time or 0.0))
    if len(jobs) > MAX_CANDIDATES:
        log.warning("Of %s %s jobs of sequence store %s only %s are checked", len(jobs), kind, store_id, MAX_CANDIDATES)
    jobs = sorted(jobs[-MAX_CANDIDATES:], key=lambda job: job.creation_time or 0.0)
    return [get_job(hook, job) for job in jobs]


def read_sets(hook: OmicsHook, store_id: str, ids: list[str]) -> list[dict[str, Any]]:
    """
    Return GetReadSetMetadata's answers for read sets.

    :raises OmicsRequestError: if some do not exist or have no reads; the text names all of them.
    """
    found, wrong = [], []
    for read_set_id in ids:
        try:
            answer = hook.conn.get_read_set_metadata(sequenceStoreId=store_id, id=read_set_id)
        except hook.conn.exceptions.ResourceNotFoundException:
            wrong.append(f"{read_set_id} does not exist")
            continue
        if answer["status"] not in _ACTIVE:
            wrong.append(f"{read_set_id} is {answer['status']}")
        found.append(answer)
    if wrong:
        where = hook.where_to_look(None, {"sequenceStoreId": store_id})
        raise OmicsRequestError(
            f"Read sets of sequence store {store_id} that cannot be activated: {', '.join(wrong)}. {where}"
        )
    return found


def wait_for(
    job: ReadSetJob,
    new_hook: Callable[[], OmicsHook],
    poll_interval: float | None,
    shortest: float,
    deadline: float | None,
) -> ReadSetJob:
    """
    Poll a job, at once and until it has ended or the deadline has passed; transient errors are retried.

    :param new_hook: returns a hook, with new credentials.
    :param poll_interval: seconds between two polls; by default ``shortest``, and longer for an older job.
    :param deadline: until when to wait, in epoch seconds.
    """
    hook, faults, unknown = new_hook(), Faults(f"A poll of {job.name}"), UnknownStatus()
    while True:
        try:
            now = get_job(hook, job)
        except Exception as error:
            if not faults.should_retry(error) and not isinstance(error, OmicsError):
                raise ReadSetJobWaitError.of(job, str(error)) from error
            if faults.note(error):
                hook = new_hook()
        else:
            faults.count = 0
            if now.status != job.status:
                log.info("HealthOmics %s", now)
            if warning := unknown.warning(now, time.time()):
                log.warning("%s", warning)
            job = now
            if job.ended:
                return job
        pause = interval(time.time() - (job.creation_time or 0.0), poll_interval, shortest)
        pause = faults.pause(pause)
        left = pause if deadline is None else deadline - time.time()
        if left <= 0:
            return job
        time.sleep(min(left, pause))
