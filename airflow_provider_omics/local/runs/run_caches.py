# SPDX-License-Identifier: Apache-2.0
"""Run caches: Create, Get, List, Update, Delete."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from airflow_provider_omics.local.publishing.s3_uri import split
from airflow_provider_omics.local.state.resources import (
    CacheEntries,
    Resource,
    check_tags,
    described,
    found_own,
    given,
    listed,
    owned,
    update,
)
from airflow_provider_omics.local.wire.caller import Answer, Caller, arn
from airflow_provider_omics.local.wire.service_error import invalid

if TYPE_CHECKING:
    from airflow_provider_omics.local.state.endpoint_state import State


def create_run_cache(state: State, params: Answer, caller: Caller) -> Answer:
    """Make a run cache."""
    try:
        split(params["cacheS3Location"], key_needed=False)
    except ValueError as error:
        raise invalid(f"cacheS3Location {error}") from None

    def make() -> Answer:
        cache = make_run_cache(state, params, caller)
        return {"arn": cache.arn, "id": cache.id, "status": "ACTIVE", "tags": cache.tags}

    return state.once("CreateRunCache", params, caller, make)


def make_run_cache(state: State, params: Answer, caller: Caller, cache_id: str | None = None) -> Resource:
    """Keep a new run cache, of an id that is given or of any."""
    cache_id, tags = cache_id or state.new_id(state.caches), check_tags(params.get("tags", {}))
    uri = f"{params['cacheS3Location'].rstrip('/')}/{uuid.uuid4()}"
    members = {
        "cacheS3Uri": f"{uri}/",
        "cacheBehavior": "CACHE_ON_FAILURE",
        **given(params),
        "status": "ACTIVE",
        "creationTime": state.clock.now(),
    }
    cache = Resource(cache_id, arn(caller, f"runCache/{cache_id}"), state.next_seq(), caller.account, members, tags)
    cache.entries = CacheEntries(uri)
    state.caches[cache_id] = cache
    return cache


def get_run_cache(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about a run cache."""
    return described(found_own(state.caches, params["id"], "Run cache", caller))


def list_run_caches(state: State, params: Answer, caller: Caller) -> Answer:
    """List run caches, the newest first."""
    return listed(owned(state.caches, caller), params)


def update_run_cache(state: State, params: Answer, caller: Caller) -> Answer:
    """Change a run cache's name, description or behaviour."""
    update(found_own(state.caches, params["id"], "Run cache", caller), params)
    return {}


def delete_run_cache(state: State, params: Answer, caller: Caller) -> Answer:
    """Delete a run cache."""
    del state.caches[found_own(state.caches, params["id"], "Run cache", caller).id]
    return {}
