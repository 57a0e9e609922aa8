# SPDX-License-Identifier: Apache-2.0
"""Sequence stores and their read sets: Create, Get and List of stores, GetReadSetMetadata, ListReadSets."""

from __future__ import annotations

import math
import secrets
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.state.resources import check_tags, found, found_here
from airflow_provider_omics.local.state.sequence_store import ReadSet, Store
from airflow_provider_omics.local.wire.caller import arn
from airflow_provider_omics.local.wire.page_tokens import page

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.state.sequence_store import Job
    from airflow_provider_omics.local.wire.caller import Answer, Caller

# The model asks for ids of ten digits at the least.
DIGITS = 10
STATUSES = ("ARCHIVED", "ACTIVATING", "ACTIVE", "DELETING", "DELETED", "PROCESSING_UPLOAD", "UPLOAD_FAILED")
_PART = 100 * 1024 * 1024
_DESCRIBED = ("subjectId", "sampleId", "name", "description", "referenceArn")
_FILTERED = ("name", "referenceArn", "sampleId", "subjectId", "generatedFrom")


def create_sequence_store(state: State, params: Answer, caller: Caller) -> Answer:
    """Make a sequence store."""

    def make() -> Answer:
        members = {name: value for name, value in params.items() if name not in ("clientToken", "tags")}
        store = make_store(state, members, caller, check_tags(params.get("tags", {})))
        return {**_about(store), "s3Access": store.s3_access()}

    return state.once("CreateSequenceStore", params, caller, make, by="clientToken")


def make_store(
    state: State, members: Answer, caller: Caller, tags: dict[str, str] | None = None, store_id: str | None = None
) -> Store:
    """Keep a new sequence store, of an id that is given or of any."""
    store_id = store_id or state.new_id(state.stores, DIGITS)
    store = Store(
        store_id,
        arn(caller, f"sequenceStore/{store_id}"),
        state.next_seq(),
        caller,
        {**members, "status": "ACTIVE", "creationTime": state.clock.now()},
        tags or {},
        f"{caller.account}-{store_id[:7]}-{secrets.token_hex(8)}-s3alias",
    )
    state.stores[store_id] = store
    return store


def get_sequence_store(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about a sequence store."""
    store = store_of(state, params["id"], caller)
    return {**_about(store), "s3Access": store.s3_access(), "updateTime": store.members["creationTime"]}


def list_sequence_stores(state: State, params: Answer, caller: Caller) -> Answer:
    """List the Region's sequence stores, the newest first."""
    asked = params.get("filter", {})
    stores = (
        store
        for store in reversed(state.stores.values())
        if store.caller[:2] == caller[:2]
        and asked.get("name") in (None, store.members["name"])
        and asked.get("status") in (None, store.members["status"])
        and within(store.members["creationTime"], asked)
        and within(store.members["creationTime"], asked, "updated")
    )
    taken, token = page(stores, lambda store: store.seq, params, start="nextToken")
    return {"sequenceStores": [_about(store) for store in taken], "nextToken": token}


def _about(store: Store) -> Answer:
    return {**store.members, "id": store.id, "arn": store.arn}


def store_of(state: State, store_id: str, caller: Caller) -> Store:
    """Return a sequence store of the caller's Region, or raise ResourceNotFoundException."""
    store: Store = found_here(state.stores, store_id, "Sequence store", caller)
    return store


def within(moment: datetime, asked: Answer, what: str = "created") -> bool:
    """Tell whether a time lies between a filter's ``createdAfter`` and ``createdBefore``."""
    after, before = asked.get(f"{what}After"), asked.get(f"{what}Before")
    return (after is None or moment > after) and (before is None or moment < before)


def move(state: State, thing: ReadSet | Job, now: datetime, status: str, message: str | None = None) -> None:
    """Put a read set or a job into a status; every change of one passes here and is an event."""
    thing.status, thing.status_message = status, message
    if hasattr(thing, "completion_time"):  # a job; one that is forced back has none
        ended = status in ("COMPLETED", "COMPLETED_WITH_FAILURES", "FAILED", "CANCELLED")
        thing.completion_time = now if ended else None
    state.emit(*thing.event(), now)


def add_read_set(state: State, job: Job, source: Answer, files: list[tuple[str, str, int]], now: datetime) -> ReadSet:
    """Keep the read set that a job has imported from a source, of files by their names, URIs and sizes."""
    read_set_id = files[0][1].split("/")[-2]
    read_set = ReadSet(
        read_set_id,
        f"{job.store.arn}/readSet/{read_set_id}",
        state.next_seq(),
        source,
        {name: (uri, size) for name, uri, size in files},
        now,
        job.id,
        dict(source.get("tags", {})),
    )
    job.store.read_sets[read_set_id] = read_set
    move(state, read_set, now, "ACTIVE")
    return read_set


def get_read_set_metadata(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about a read set."""
    store = store_of(state, params["sequenceStoreId"], caller)
    read_set = found(store.read_sets, params["id"], "Read set")
    files = {
        name: {
            "totalParts": math.ceil(size / _PART),
            "partSize": _PART,
            "contentLength": size,
            "s3Access": {"s3Uri": uri},
        }
        for name, (uri, size) in read_set.files.items()
    }
    return {**_described(store, read_set), "files": files, "creationJobId": read_set.job_id}


def list_read_sets(state: State, params: Answer, caller: Caller) -> Answer:
    """List a store's read sets, the newest first."""
    store = store_of(state, params["sequenceStoreId"], caller)
    asked = params.get("filter", {})
    read_sets = (
        read_set
        for read_set in reversed(store.read_sets.values())
        if asked.get("status") in (None, read_set.status)
        and asked.get("creationType") in (None, "IMPORT")
        and all(asked[name] == read_set.source.get(name) for name in _FILTERED if asked.get(name) is not None)
        and within(read_set.creation_time, asked)
    )
    taken, token = page(read_sets, lambda read_set: read_set.seq, params, start="nextToken")
    return {"readSets": [_described(store, read_set) for read_set in taken], "nextToken": token}


def _described(store: Store, read_set: ReadSet) -> Answer:
    source: dict[str, Any] = read_set.source
    aligned = source["sourceFileType"] in ("BAM", "CRAM")
    return {
        **{name: source.get(name) for name in _DESCRIBED},
        "id": read_set.id,
        "arn": read_set.arn,
        "sequenceStoreId": store.id,
        "status": read_set.status,
        "statusMessage": read_set.status_message,
        "fileType": source["sourceFileType"],
        "sequenceInformation": {
            "generatedFrom": source.get("generatedFrom"),
            "alignment": "ALIGNED" if aligned else "UNALIGNED",
        },
        "creationTime": read_set.creation_time,
        "creationType": "IMPORT",
    }
