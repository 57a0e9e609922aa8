# SPDX-License-Identifier: Apache-2.0
"""Workflows, versions, run groups, run caches and configurations, and how anything is found by its id."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from airflow_provider_omics.local.wire.page_tokens import page
from airflow_provider_omics.local.wire.service_error import ServiceError, invalid

if TYPE_CHECKING:
    from airflow_provider_omics.local.wire.caller import Answer, Caller

Item = TypeVar("Item")
Regional = TypeVar("Regional", bound="InRegion")
_MAX_TAGS = 50
# What Create and Update take that Get does not answer as it was given.
_NOT_MEMBERS = (
    "requestId",
    "tags",
    "definitionZip",
    "definitionUri",
    "id",
    "workflowId",
    "readmeMarkdown",
    "readmeUri",
)


@dataclass(slots=True)
class CacheEntries:
    """The entries of one run cache, by what the tasks were and had for inputs; shared by all runs that use it."""

    uri: str
    by_key: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Resource:
    """A workflow, a version of one, a run group or a run cache: its members as Get answers them."""

    id: str
    arn: str
    seq: int
    account: str
    members: Answer
    tags: dict[str, str]
    zip_bytes: bytes | None = None
    # The name of the workflow in its WDL, which may stand before the name of a parameter.
    namespace: str | None = None
    versions: dict[str, Resource] = field(default_factory=dict)
    # Of a run cache.
    entries: CacheEntries | None = None


class InRegion(Protocol):
    """What somebody has made in a Region."""

    caller: Caller


def found(where: dict[str, Item], key: str, what: str) -> Item:
    """Return what has this key, or raise ResourceNotFoundException."""
    try:
        return where[key]
    except KeyError:
        raise ServiceError("ResourceNotFoundException", f"{what} {key} not found") from None


def found_here(where: dict[str, Regional], key: str, what: str, caller: Caller) -> Regional:
    """Return what has this key in the caller's account and Region, or raise ResourceNotFoundException."""
    item = found(where, key, what)
    if item.caller[:2] != caller[:2]:
        raise ServiceError("ResourceNotFoundException", f"{what} {key} not found")
    return item


def found_own(where: dict[str, Resource], key: str, what: str, caller: Caller) -> Resource:
    """Return what has this key in the caller's account, or raise ResourceNotFoundException."""
    return found(owned(where, caller), key, what)


def owned(where: dict[str, Resource], caller: Caller) -> dict[str, Resource]:
    """Return what belongs to the caller's account."""
    return {key: resource for key, resource in where.items() if resource.account == caller.account}


def check_tags(tags: dict[str, str]) -> dict[str, str]:
    """Return a copy of the tags, or raise ValidationException."""
    if len(tags) > _MAX_TAGS:
        raise invalid(f"A resource has at most {_MAX_TAGS} tags, not {len(tags)}")
    if reserved := [key for key in tags if key.lower().startswith("aws:")]:
        raise invalid(f"Tag keys that start with aws: are reserved: {', '.join(reserved)}")
    return dict(tags)


def given(params: Answer) -> Answer:
    """Return what Create or Update is given that Get answers."""
    return {name: value for name, value in params.items() if name not in _NOT_MEMBERS}


def described(resource: Resource) -> Answer:
    """Return what Get answers of a resource."""
    return {**resource.members, "id": resource.id, "arn": resource.arn, "tags": resource.tags}


def listed(resources: dict[str, Resource], params: Answer, id_name: str = "id") -> Answer:
    """Answer a page of resources, the newest first."""
    taken, token = page(reversed(resources.values()), lambda resource: resource.seq, params)
    items = [{**resource.members, id_name: resource.id, "arn": resource.arn} for resource in taken]
    return {"items": items, "nextToken": token}


def update(resource: Resource, params: Answer) -> None:
    """Change the members of a resource that an Update names."""
    resource.members.update(given(params))
    if "readmeMarkdown" in params:
        resource.members["readme"] = params["readmeMarkdown"]
