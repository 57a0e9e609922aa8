# SPDX-License-Identifier: Apache-2.0
"""Configurations: the security groups and subnets that runs with ``networkingMode=VPC`` name.

Nothing is connected to a VPC here. A run keeps what its configuration was when it started.
"""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_omics.local.state.clock import later
from airflow_provider_omics.local.state.resources import Resource, check_tags
from airflow_provider_omics.local.wire.caller import arn
from airflow_provider_omics.local.wire.page_tokens import page
from airflow_provider_omics.local.wire.service_error import ServiceError, invalid

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.wire.caller import Answer, Caller

# Seconds in CREATING; HealthOmics takes up to 15 minutes.
_CREATING = 5.0
_RESERVED = "default"


def create_configuration(state: State, params: Answer, caller: Caller) -> Answer:
    """Keep a configuration; it is ACTIVE a little later."""
    return state.once("CreateConfiguration", params, caller, partial(_create, state, params, caller))


def _create(state: State, params: Answer, caller: Caller) -> Answer:
    name, where = params["name"], arn(caller, f"configuration/{params['name']}")
    vpc = params["runConfigurations"].get("vpcConfig", {})
    if not vpc.get("securityGroupIds") or not vpc.get("subnetIds"):
        raise invalid("runConfigurations needs a vpcConfig with 1 to 5 securityGroupIds and 1 to 16 subnetIds")
    if name == _RESERVED:
        raise invalid(f"The configuration name {name} is reserved")
    if where in state.configurations:
        raise ServiceError("ConflictException", f"There is a configuration {name} already")
    now = state.clock.now()
    members = {
        "name": name,
        "description": params.get("description"),
        "runConfigurations": params["runConfigurations"],
        "status": "CREATING",
        "uuid": str(uuid.uuid4()),
        "creationTime": now,
    }
    tags = check_tags(params.get("tags", {}))
    configuration = Resource(name, where, state.next_seq(), caller.account, members, tags)
    state.configurations[where] = configuration
    state.at(later(now, _CREATING / state.settings.speed), partial(_activate, configuration))
    return _answer(configuration)


def _activate(configuration: Resource, _now: datetime) -> None:
    configuration.members["status"] = "ACTIVE"


def _answer(configuration: Resource) -> Answer:
    return {**configuration.members, "arn": configuration.arn, "tags": configuration.tags}


def get_configuration(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about a configuration."""
    return _answer(_configuration(state, params["name"], caller))


def list_configurations(state: State, params: Answer, caller: Caller) -> Answer:
    """List the Region's configurations, the newest first."""
    prefix = arn(caller, "configuration/")
    here = [it for it in reversed(state.configurations.values()) if it.arn.startswith(prefix)]
    taken, token = page(here, lambda configuration: configuration.seq, {"maxResults": 10, **params})
    return {"items": [_answer(configuration) for configuration in taken], "nextToken": token}


def delete_configuration(state: State, params: Answer, caller: Caller) -> Answer:
    """Delete a configuration; runs keep what it was."""
    del state.configurations[_configuration(state, params["name"], caller).arn]
    return {}


def of_run(state: State, request: Answer, caller: Caller) -> Answer | None:
    """Return the configuration that a run asks for, as GetConfiguration answers it, or raise why it cannot be used."""
    if "configurationName" not in request:
        return None
    configuration = _configuration(state, request["configurationName"], caller)
    if (status := configuration.members["status"]) != "ACTIVE":
        raise ServiceError("ConflictException", f"Configuration {configuration.id} is {status}, not ACTIVE")
    return _answer(configuration)


def _configuration(state: State, name: str, caller: Caller) -> Resource:
    where = arn(caller, f"configuration/{name}")
    if where not in state.configurations:
        raise ServiceError("ResourceNotFoundException", f"Configuration {name} not found")
    return state.configurations[where]
