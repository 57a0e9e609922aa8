# SPDX-License-Identifier: Apache-2.0
"""Jobs of a sequence store: read sets imported from S3, and archived ones activated; each with Start, Get and List."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_omics.local.sequencestores import stores
from airflow_provider_omics.local.state.clock import later
from airflow_provider_omics.local.state.resources import check_tags, found
from airflow_provider_omics.local.state.sequence_store import Job, Source
from airflow_provider_omics.local.wire.page_tokens import page
from airflow_provider_omics.local.wire.service_error import ServiceError, invalid

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_omics.local.publishing.publisher import Publisher
    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.state.sequence_store import ReadSet
    from airflow_provider_omics.local.wire.caller import Answer, Caller

    Step = Callable[[State, "Job", datetime], None]
    # Of each source, the files that were imported (name, URI, size), or why they were not.
    Imported = list["list[tuple[str, str, int]] | str"]

# Seconds in SUBMITTED and in IN_PROGRESS.
_SUBMITTED = 5.0
_IN_PROGRESS = 30.0
ENDED = ("COMPLETED", "COMPLETED_WITH_FAILURES", "FAILED", "CANCELLED")
STATUSES = ("SUBMITTED", "IN_PROGRESS", "CANCELLING", *ENDED)


def start_import_job(state: State, params: Answer, caller: Caller) -> Answer:
    """Import read sets from S3."""
    for source in params["sources"]:
        check_tags(source.get("tags", {}))
    return _start(state, "import", params, caller)


def start_activation_job(state: State, params: Answer, caller: Caller) -> Answer:
    """Activate archived read sets."""
    store = stores.store_of(state, params["sequenceStoreId"], caller)
    for source in params["sources"]:
        found(store.read_sets, source["readSetId"], "Read set")
    return _start(state, "activation", params, caller)


def _start(state: State, kind: str, params: Answer, caller: Caller) -> Answer:
    store = stores.store_of(state, params["sequenceStoreId"], caller)
    if kind == "import" and state.publishing is None:
        raise invalid("This endpoint has no S3 to import from")

    def make() -> Answer:
        now = state.clock.now()
        sources = [Source(source) for source in params["sources"]]
        job_id = state.new_id(store.jobs, stores.DIGITS)
        job = Job(kind, job_id, state.next_seq(), store, params, now, sources)
        store.jobs[job_id] = job
        stores.move(state, job, now, "SUBMITTED", job.status_message)
        _then(state, job, now, _SUBMITTED, _begin)
        return job.about()

    return state.once(f"{kind} {store.id}", params, caller, make, by="clientToken")


def get_import_job(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about an import job."""
    return _get(state, "import", params, caller)


def get_activation_job(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about an activation job."""
    return _get(state, "activation", params, caller)


def _get(state: State, kind: str, params: Answer, caller: Caller) -> Answer:
    store = stores.store_of(state, params["sequenceStoreId"], caller)
    job = store.jobs.get(params["id"])
    hidden = job is None or state.clock.now() < later(job.creation_time, state.settings.get_delay)
    if job is None or hidden or job.kind != kind:
        raise ServiceError("ResourceNotFoundException", f"Read set {kind} job {params['id']} not found")
    sources = [
        {
            **source.request,
            "readSetId": source.request.get("readSetId", source.read_set_id),
            "status": source.status,
            "statusMessage": source.status_message,
        }
        for source in job.sources
    ]
    return {**job.about(), "statusMessage": job.status_message, "sources": sources}


def list_import_jobs(state: State, params: Answer, caller: Caller) -> Answer:
    """List a store's import jobs, the newest first."""
    return _list(state, "import", params, caller)


def list_activation_jobs(state: State, params: Answer, caller: Caller) -> Answer:
    """List a store's activation jobs, the newest first."""
    return _list(state, "activation", params, caller)


def _list(state: State, kind: str, params: Answer, caller: Caller) -> Answer:
    store = stores.store_of(state, params["sequenceStoreId"], caller)
    asked, newest = params.get("filter", {}), later(state.clock.now(), -state.settings.list_delay)
    jobs = (
        job
        for job in reversed(store.jobs.values())
        if job.kind == kind
        and asked.get("status") in (None, job.status)
        and stores.within(job.creation_time, asked)
        and job.creation_time <= newest
    )
    taken, token = page(jobs, lambda job: job.seq, params, start="nextToken")
    return {f"{kind}Jobs": [job.about() for job in taken], "nextToken": token}


def force(state: State, job: Job, status: str, message: str | None, *, unknown: bool = False) -> None:
    """Put a job into a status at once; it stays there if it has ended so."""
    if status not in STATUSES and not unknown:
        raise ValueError(f"A job has no status {status!r}; it has {', '.join(STATUSES)}.")
    stores.move(state, job, state.clock.now(), status, message)


# --- how a job lives ---


def _then(state: State, job: Job, now: datetime, seconds: float, step: Step) -> None:
    """Go on with ``step``, unless the job was put into another status by then."""
    status = job.status

    def action(now: datetime) -> None:
        if job.status == status:
            step(state, job, now)

    state.at(later(now, seconds / state.settings.speed), action)


def _begin(state: State, job: Job, now: datetime) -> None:
    stores.move(state, job, now, "IN_PROGRESS", "The job is in progress.")
    for source in job.sources:
        source.status, source.status_message = "IN_PROGRESS", "The source is being processed."
        if job.kind == "activation":
            read_set = _read_set(job, source)
            if read_set.status == "ARCHIVED":
                stores.move(state, read_set, now, "ACTIVATING")
    _then(state, job, now, _IN_PROGRESS, _import if job.kind == "import" else _activate)


def _activate(state: State, job: Job, now: datetime) -> None:
    for source in job.sources:
        read_set = _read_set(job, source)
        if read_set.status == "ACTIVATING":
            stores.move(state, read_set, now, "ACTIVE")
        why = None if read_set.status == "ACTIVE" else f"Read set {read_set.id} is {read_set.status}"
        source.end(read_set.id, why)
    _end(state, job, now)


def _read_set(job: Job, source: Source) -> ReadSet:
    return job.store.read_sets[source.request["readSetId"]]


def _import(state: State, job: Job, now: datetime) -> None:
    """Copy the objects into the store, which takes a thread, and go on when they are there, as if it took no time."""
    ids = [state.new_id(job.store.read_sets, stores.DIGITS) for _ in job.sources]
    names = [source.request["sourceFiles"] for source in job.sources]
    wanted = [
        [(name, uri, job.store.uri(read_set_id, uri)) for name, uri in sorted(files.items())]
        for read_set_id, files in zip(ids, names, strict=True)
    ]

    def done(imported: Imported) -> None:
        if job.status != "IN_PROGRESS":
            return
        for source, files in zip(job.sources, imported, strict=True):
            if isinstance(files, str):
                source.end(None, files)
            else:
                source.end(stores.add_read_set(state, job, source.request, files, now).id, None)
        _end(state, job, now)

    if state.publishing:
        state.publishing.work(lambda publisher: _copied(publisher, job.store.bucket, wanted), done)


def _copied(publisher: Publisher, bucket: str, wanted: list[list[tuple[str, str, str]]]) -> Imported:
    imported: Imported = []
    for files in wanted:
        try:
            publisher.make_buckets([bucket])
            copied = [(name, to, publisher.copy(uri, to)) for name, uri, to in files]
        except Exception as error:  # noqa: BLE001 - whatever it is, the source has failed and the job ends
            imported.append(str(error))
            continue
        empty = [uri for (_, uri, _), (_, _, size) in zip(files, copied, strict=True) if not size]
        imported.append(f"{empty[0]} is empty" if empty else copied)
    return imported


def _end(state: State, job: Job, now: datetime) -> None:
    failed = sum(source.status == "FAILED" for source in job.sources)
    if not failed:
        stores.move(state, job, now, "COMPLETED", "The job was completed successfully.")
    elif failed < len(job.sources):
        stores.move(state, job, now, "COMPLETED_WITH_FAILURES", "Some of the sources failed.")
    else:
        stores.move(state, job, now, "FAILED", "All of the sources failed.")
