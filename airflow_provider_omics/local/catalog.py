# SPDX-License-Identifier: Apache-2.0
"""Workflows and their versions, run groups, run caches, and the tags of everything that has an ARN."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.publishing.s3_uri import split
from airflow_provider_omics.local.runs import queueing
from airflow_provider_omics.local.state.resources import CacheEntries, Resource, check_tags, found
from airflow_provider_omics.local.state.run import ACTIVE
from airflow_provider_omics.local.wire.caller import Caller, arn
from airflow_provider_omics.local.wire.page_tokens import page
from airflow_provider_omics.local.wire.service_error import ServiceError, invalid

if TYPE_CHECKING:
    from airflow_provider_omics.local.state.state import State
    from airflow_provider_omics.local.wire.caller import Answer

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
    members = {name: value for name, value in params.items() if name not in _NOT_MEMBERS}
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


def register(state: State, members: Answer) -> str:
    """Keep a workflow as it is given (``id``, ``account``, ``type``, ``name``, …) and return its id."""
    members = dict(members)
    workflow_id = members.pop("id", None) or state.new_id(state.workflows)
    account = members.pop("account", state.settings.account)
    where = arn(Caller("us-east-1", account), f"workflow/{workflow_id}")
    given = {"status": "ACTIVE", "type": "PRIVATE", "engine": "WDL", "uuid": str(uuid.uuid4()), **members}
    given["creationTime"] = state.clock.now()
    state.workflows[workflow_id] = Resource(workflow_id, where, state.next_seq(), account, given, {})
    return str(workflow_id)


def usable_workflow(state: State, request: Answer, caller: Caller) -> Resource:
    """Return the workflow (or its version) that a run asks for, or raise why it cannot be run."""
    workflow = _workflow_of(state, request["workflowId"], request.get("workflowOwnerId"), caller)
    if request.get("workflowType", "PRIVATE") != workflow.members["type"]:
        raise ServiceError("ResourceNotFoundException", f"Workflow {workflow.id} not found")
    if "workflowVersionName" in request:
        workflow = found(workflow.versions, request["workflowVersionName"], f"Workflow {workflow.id} version")
    if workflow.members["status"] != "ACTIVE":
        raise ServiceError("ConflictException", f"Workflow {workflow.id} is {workflow.members['status']}, not ACTIVE")
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
    return {**workflow.members, "id": workflow.id, "arn": workflow.arn, "tags": workflow.tags}


def get_workflow_version(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about a version."""
    workflow = _asked_workflow(state, params, params["workflowId"], caller)
    version = found(workflow.versions, params["versionName"], f"Workflow {workflow.id} version")
    return {**version.members, "workflowId": workflow.id, "arn": version.arn, "tags": version.tags}


def list_workflows(state: State, params: Answer, caller: Caller) -> Answer:
    """List workflows, the newest first."""
    kind, name = params.get("type", "PRIVATE"), params.get("name")
    return _listed(
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
    return _listed(_asked_workflow(state, params, params["workflowId"], caller).versions, params, "workflowId")


def _listed(resources: dict[str, Resource], params: Answer, id_name: str = "id") -> Answer:
    taken, token = page(reversed(resources.values()), lambda resource: resource.seq, params)
    items = [{**resource.members, id_name: resource.id, "arn": resource.arn} for resource in taken]
    return {"items": items, "nextToken": token}


def update_workflow(state: State, params: Answer, caller: Caller) -> Answer:
    """Change a workflow's name, description, storage or readme."""
    _update(_own_workflow(state, params["id"], caller), params)
    return {}


def update_workflow_version(state: State, params: Answer, caller: Caller) -> Answer:
    """Change a version's description, storage or readme."""
    workflow = _own_workflow(state, params["workflowId"], caller)
    _update(found(workflow.versions, params["versionName"], f"Workflow {workflow.id} version"), params)
    return {}


def _update(resource: Resource, params: Answer) -> None:
    resource.members.update({name: value for name, value in params.items() if name not in _NOT_MEMBERS})
    if "readmeMarkdown" in params:
        resource.members["readme"] = params["readmeMarkdown"]


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


def create_run_group(state: State, params: Answer, caller: Caller) -> Answer:
    """Make a run group."""
    return state.once("CreateRunGroup", params, caller, lambda: _make(state, state.groups, "runGroup", params, caller))


def create_run_cache(state: State, params: Answer, caller: Caller) -> Answer:
    """Make a run cache."""
    members = {
        "cacheS3Uri": f"{params['cacheS3Location'].rstrip('/')}/{uuid.uuid4()}/",
        "cacheBehavior": params.get("cacheBehavior", "CACHE_ON_FAILURE"),
        "status": "ACTIVE",
    }
    try:
        split(params["cacheS3Location"], key_needed=False)
    except ValueError as error:
        raise invalid(f"cacheS3Location {error}") from None
    make = lambda: _make(state, state.caches, "runCache", params, caller, **members)  # noqa: E731 - one line, used once
    return state.once("CreateRunCache", params, caller, make)


def _make(
    state: State,
    where: dict[str, Resource],
    kind: str,
    params: Answer,
    caller: Caller,
    **more: Any,  # noqa: ANN401
) -> Answer:
    new = state.new_id(where)
    members = {name: value for name, value in params.items() if name not in _NOT_MEMBERS}
    members |= {"creationTime": state.clock.now(), **more}
    tags = check_tags(params.get("tags", {}))
    where[new] = Resource(new, arn(caller, f"{kind}/{new}"), state.next_seq(), caller.account, members, tags)
    if kind == "runCache":
        where[new].entries = CacheEntries(members["cacheS3Uri"].removesuffix("/"))
    return {"arn": where[new].arn, "id": new, "status": "ACTIVE", "tags": tags}


def _answer(resource: Resource) -> Answer:
    return {**resource.members, "id": resource.id, "arn": resource.arn, "tags": resource.tags}


def get_run_group(state: State, params: Answer, _caller: Caller) -> Answer:
    """Answer all about a run group."""
    return _answer(found(state.groups, params["id"], "Run group"))


def get_run_cache(state: State, params: Answer, _caller: Caller) -> Answer:
    """Answer all about a run cache."""
    return _answer(found(state.caches, params["id"], "Run cache"))


def list_run_groups(state: State, params: Answer, _caller: Caller) -> Answer:
    """List run groups, the newest first."""
    name = params.get("name")
    groups = {key: group for key, group in state.groups.items() if name in (None, group.members.get("name"))}
    return _listed(groups, params)


def list_run_caches(state: State, params: Answer, _caller: Caller) -> Answer:
    """List run caches, the newest first."""
    return _listed(state.caches, params)


def update_run_group(state: State, params: Answer, _caller: Caller) -> Answer:
    """Change a run group's name or limits."""
    _update(found(state.groups, params["id"], "Run group"), params)
    queueing.admit(state, state.clock.now())
    return {}


def update_run_cache(state: State, params: Answer, _caller: Caller) -> Answer:
    """Change a run cache's name, description or behaviour."""
    _update(found(state.caches, params["id"], "Run cache"), params)
    return {}


def delete_run_group(state: State, params: Answer, _caller: Caller) -> Answer:
    """Delete a run group that has no active run."""
    group = found(state.groups, params["id"], "Run group")
    if any(run.request.get("runGroupId") == group.id and run.status in ACTIVE for run in state.runs.values()):
        raise ServiceError("ConflictException", f"Run group {group.id} has active runs")
    del state.groups[group.id]
    return {}


def delete_run_cache(state: State, params: Answer, _caller: Caller) -> Answer:
    """Delete a run cache."""
    del state.caches[found(state.caches, params["id"], "Run cache").id]
    return {}
