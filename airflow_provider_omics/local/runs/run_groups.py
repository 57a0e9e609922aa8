# SPDX-License-Identifier: Apache-2.0
"""Run groups: Create, Get, List, Update, Delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_omics.local.runs import queueing
from airflow_provider_omics.local.state.resources import (
    Resource,
    check_tags,
    described,
    found_own,
    given,
    listed,
    owned,
    update,
)
from airflow_provider_omics.local.state.run_state import ACTIVE
from airflow_provider_omics.local.wire.caller import Answer, Caller, arn
from airflow_provider_omics.local.wire.service_error import ServiceError

if TYPE_CHECKING:
    from airflow_provider_omics.local.state.endpoint_state import State


def create_run_group(state: State, params: Answer, caller: Caller) -> Answer:
    """Make a run group."""

    def make() -> Answer:
        group_id, tags = state.new_id(state.groups), check_tags(params.get("tags", {}))
        where, members = arn(caller, f"runGroup/{group_id}"), {**given(params), "creationTime": state.clock.now()}
        state.groups[group_id] = Resource(group_id, where, state.next_seq(), caller.account, members, tags)
        return {"arn": where, "id": group_id, "tags": tags}

    return state.once("CreateRunGroup", params, caller, make)


def get_run_group(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about a run group."""
    return described(found_own(state.groups, params["id"], "Run group", caller))


def list_run_groups(state: State, params: Answer, caller: Caller) -> Answer:
    """List run groups, the newest first."""
    name = params.get("name")
    groups = {
        key: group for key, group in owned(state.groups, caller).items() if name in (None, group.members.get("name"))
    }
    return listed(groups, params)


def update_run_group(state: State, params: Answer, caller: Caller) -> Answer:
    """Change a run group's name or limits."""
    update(found_own(state.groups, params["id"], "Run group", caller), params)
    queueing.admit(state, state.clock.now())
    return {}


def delete_run_group(state: State, params: Answer, caller: Caller) -> Answer:
    """Delete a run group that has no active run."""
    group = found_own(state.groups, params["id"], "Run group", caller)
    if any(run.request.get("runGroupId") == group.id and run.status in ACTIVE for run in state.runs.values()):
        raise ServiceError("ConflictException", f"Run group {group.id} has active runs")
    del state.groups[group.id]
    return {}
