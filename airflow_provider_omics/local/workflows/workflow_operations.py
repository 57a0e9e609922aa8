# SPDX-License-Identifier: Apache-2.0
"""Workflows and their versions: Create, Get, List, Update, Delete."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING

from airflow_provider_omics.local.state.resources import (
    Resource,
    check_tags,
    described,
    found,
    given,
    listed,
    update,
)
from airflow_provider_omics.local.wire.caller import Caller, arn
from airflow_provider_omics.local.wire.service_error import ServiceError, invalid

if TYPE_CHECKING:
    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.wire.caller import Answer

_DEFINITIONS = ("definitionZip", "definitionUri", "definitionRepository")


def create_workflow(state: State, params: Answer, caller: Caller) -> Answer:
    """Register a workflow from a zip, or from one in S3."""

    def make() -> Answer:
        workflow_id = state.new_id(state.workflows)
        workflow = _workflow(state, params, caller, workflow_id, arn(caller, f"workflow/{workflow_id}"))
        state.workflows[workflow_id] = workflow
        return _created(workflow, id=workflow_id)

    return state.once("CreateWorkflow", params, caller, make)


def create_workflow_version(state: State, params: Answer, caller: Caller) -> Answer:
    """Register a version of a workflow."""
    workflow = _own_workflow(state, params["workflowId"], caller)
    name = params["versionName"]

    def make() -> Answer:
        if name in workflow.versions:
            raise ServiceError("ConflictException", f"Workflow {workflow.id} has a version {name} already")
        version = _workflow(state, params, caller, workflow.id, f"{workflow.arn}/version/{name}")
        workflow.versions[name] = version
        return _created(version, workflowId=workflow.id, versionName=name)

    return state.once(f"CreateWorkflowVersion {workflow.id}", params, caller, make)


def _created(workflow: Resource, **ids: str) -> Answer:
    return {
        "arn": workflow.arn,
        "uuid": workflow.members["uuid"],
        "status": "CREATING",
        "tags": workflow.tags,
        **ids,
    }


def _workflow(state: State, params: Answer, caller: Caller, workflow_id: str, where: str) -> Resource:
    if sum(name in params for name in _DEFINITIONS) != 1:
        raise invalid(f"A workflow has exactly one of {', '.join(_DEFINITIONS)}")
    content = params.get("definitionZip", caller.fetched)
    members = given(params)
    members |= {
        "status": "ACTIVE",
        "type": "PRIVATE",
        "uuid": str(uuid.uuid4()),
        "creationTime": state.clock.now(),
        "readme": params.get("readmeMarkdown"),
    }
    found_in_it = dict(caller.definition or {})
    namespace = found_in_it.pop("namespace", None)
    if "parameterTemplate" in params:  # it counts more than the definition's
        found_in_it.pop("parameterTemplate", None)
    members |= found_in_it
    if content is not None:
        members["digest"] = f"sha256:{hashlib.sha256(content).hexdigest()}"[:64]
    members.setdefault("engine", "WDL")
    tags = check_tags(params.get("tags", {}))
    return Resource(workflow_id, where, state.next_seq(), caller.account, members, tags, content, namespace)


def register(state: State, members: Answer, content: bytes | None = None, namespace: str | None = None) -> str:
    """Keep a workflow as it is given (``id``, ``account``, ``type``, ``name``, …) and return its id."""
    members = dict(members)
    workflow_id = members.pop("id", None) or state.new_id(state.workflows)
    account = members.pop("account", state.settings.account)
    where = arn(Caller("us-east-1", account), f"workflow/{workflow_id}")
    given = {"status": "ACTIVE", "type": "PRIVATE", "engine": "WDL", "uuid": str(uuid.uuid4()), **members}
    given["creationTime"] = state.clock.now()
    tags = given.pop("tags", {})
    resource = Resource(workflow_id, where, state.next_seq(), account, given, tags, content, namespace)
    state.workflows[workflow_id] = resource
    return str(workflow_id)


def usable_workflow(state: State, request: Answer, caller: Caller) -> Resource:
    """Return the workflow (or its version) that a run asks for, or raise why it cannot be run."""
    workflow = _workflow_of(state, request["workflowId"], request.get("workflowOwnerId"), caller)
    if request.get("workflowType", "PRIVATE") != workflow.members["type"]:
        raise ServiceError("ResourceNotFoundException", f"Workflow {workflow.id} not found")
    if "workflowVersionName" in request:
        workflow = found(workflow.versions, request["workflowVersionName"], f"Workflow {workflow.id} version")
    if workflow.members["status"] != "ACTIVE":
        why = f": {message}" if (message := workflow.members.get("statusMessage")) else ""
        status = workflow.members["status"]
        raise ServiceError("ConflictException", f"Workflow {workflow.id} is {status}, not ACTIVE{why}")
    return workflow


def _workflow_of(state: State, workflow_id: str, owner: str | None, caller: Caller) -> Resource:
    workflow = found(state.workflows, workflow_id, "Workflow")
    if workflow.members["type"] == "PRIVATE" and workflow.account != (owner or caller.account):
        raise ServiceError("ResourceNotFoundException", f"Workflow {workflow_id} not found")
    return workflow


def _own_workflow(state: State, workflow_id: str, caller: Caller) -> Resource:
    return _workflow_of(state, workflow_id, None, caller)


def _asked_workflow(state: State, params: Answer, workflow_id: str, caller: Caller) -> Resource:
    workflow = _workflow_of(state, workflow_id, params.get("workflowOwnerId"), caller)
    if params.get("type", "PRIVATE") != workflow.members["type"]:
        raise ServiceError("ResourceNotFoundException", f"Workflow {workflow_id} not found")
    return workflow


def get_workflow(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about a workflow."""
    workflow = _asked_workflow(state, params, params["id"], caller)
    return described(workflow)


def get_workflow_version(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about a version."""
    workflow = _asked_workflow(state, params, params["workflowId"], caller)
    version = found(workflow.versions, params["versionName"], f"Workflow {workflow.id} version")
    return {**version.members, "workflowId": workflow.id, "arn": version.arn, "tags": version.tags}


def list_workflows(state: State, params: Answer, caller: Caller) -> Answer:
    """List workflows, the newest first."""
    kind, name = params.get("type", "PRIVATE"), params.get("name")
    return listed(
        {
            key: workflow
            for key, workflow in state.workflows.items()
            if workflow.members["type"] == kind
            and (kind == "READY2RUN" or workflow.account == caller.account)
            and name in (None, workflow.members.get("name"))
        },
        params,
        "id",
    )


def list_workflow_versions(state: State, params: Answer, caller: Caller) -> Answer:
    """List a workflow's versions, the newest first."""
    return listed(_asked_workflow(state, params, params["workflowId"], caller).versions, params, "workflowId")


def update_workflow(state: State, params: Answer, caller: Caller) -> Answer:
    """Change a workflow's name, description, storage or readme."""
    update(_own_workflow(state, params["id"], caller), params)
    return {}


def update_workflow_version(state: State, params: Answer, caller: Caller) -> Answer:
    """Change a version's description, storage or readme."""
    workflow = _own_workflow(state, params["workflowId"], caller)
    update(found(workflow.versions, params["versionName"], f"Workflow {workflow.id} version"), params)
    return {}


def delete_workflow(state: State, params: Answer, caller: Caller) -> Answer:
    """Delete a workflow; its runs stay."""
    del state.workflows[_own_workflow(state, params["id"], caller).id]
    return {}


def delete_workflow_version(state: State, params: Answer, caller: Caller) -> Answer:
    """Delete a version."""
    workflow = _own_workflow(state, params["workflowId"], caller)
    found(workflow.versions, params["versionName"], f"Workflow {workflow.id} version")
    del workflow.versions[params["versionName"]]
    return {}
