# SPDX-License-Identifier: Apache-2.0
"""TagResource, UntagResource and ListTagsForResource, of everything that has an ARN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.state.resources import check_tags
from airflow_provider_omics.local.wire.service_error import ServiceError

if TYPE_CHECKING:
    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.wire.caller import Answer, Caller

_REGIONAL = ("run", "runBatch", "sequenceStore")


def tag_resource(state: State, params: Answer, caller: Caller) -> Answer:
    """Add tags to a resource."""
    tags = _tags(state, params["resourceArn"], caller)
    tags.update(check_tags({**tags, **params["tags"]}))
    return {}


def untag_resource(state: State, params: Answer, caller: Caller) -> Answer:
    """Take tags from a resource."""
    tags = _tags(state, params["resourceArn"], caller)
    for key in params["tagKeys"]:
        tags.pop(key, None)
    return {}


def list_tags_for_resource(state: State, params: Answer, caller: Caller) -> Answer:
    """List a resource's tags."""
    return {"tags": _tags(state, params["resourceArn"], caller)}


def _tags(state: State, resource_arn: str, caller: Caller) -> dict[str, str]:
    """Return the tags of what has this ARN in the caller's account, of runs, batches and stores also its Region."""
    kind, _, rest = resource_arn.rpartition(":")[2].partition("/")
    resource_id, *below = rest.split("/")
    kinds: dict[str, dict[str, Any]] = {
        "run": state.runs,
        "workflow": state.workflows,
        "runGroup": state.groups,
        "runCache": state.caches,
        "runBatch": state.batches,
        "configuration": {resource_id: state.configurations.get(resource_arn)},
        "sequenceStore": state.stores,
    }
    resource = kinds.get(kind, {}).get(resource_id)
    elsewhere = kind in _REGIONAL and resource is not None and resource.caller[:2] != caller[:2]
    elsewhere = elsewhere or resource_arn.split(":")[4:5] != [caller.account]
    if resource is not None and below:
        parts = {"workflow": "versions", "sequenceStore": "read_sets"}
        resource = getattr(resource, parts[kind]).get(below[-1]) if kind in parts else None
    if resource is None or resource.arn != resource_arn or elsewhere:
        raise ServiceError("ResourceNotFoundException", f"{resource_arn} not found")
    tags: dict[str, str] = resource.tags
    return tags
