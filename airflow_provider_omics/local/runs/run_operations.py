# SPDX-License-Identifier: Apache-2.0
"""StartRun, GetRun, ListRuns, CancelRun, DeleteRun, ListRunTasks and GetRunTask."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from airflow_provider_omics.local.publishing.s3_uri import split
from airflow_provider_omics.local.runs import configurations, new_run, parameters, simulation, statuses
from airflow_provider_omics.local.runs.instance_types import instance_type
from airflow_provider_omics.local.state.clock import later
from airflow_provider_omics.local.state.resources import check_tags, found, found_here, found_own
from airflow_provider_omics.local.state.run_state import ENDED, Run
from airflow_provider_omics.local.wire.caller import arn, log_stream_arn
from airflow_provider_omics.local.wire.page_tokens import page
from airflow_provider_omics.local.wire.service_error import ServiceError, invalid
from airflow_provider_omics.local.workflows import workflow_operations

if TYPE_CHECKING:
    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.state.resources import Resource
    from airflow_provider_omics.local.state.run_state import Task
    from airflow_provider_omics.local.wire.caller import Answer, Caller

# What a duplicate does not take over from its source: who it is, and where it writes.
_NOT_COPIED = ("requestId", "runId", "name", "tags", "outputUri", "roleArn")
_PARAMETERS = ("parameters", "parametersUri")
_COPIED_TO_ANSWER = (
    *("cacheId", "workflowId", "workflowType", "runId", "roleArn", "name", "runGroupId", "priority"),
    *("parameters", "storageCapacity", "outputUri", "workflowOwnerId", "workflowVersionName", "scratchStorageMode"),
    *("engineSettings", "sessionPolicy", "outputUriPrefixMode", "requesterPaysEnabled"),
)
_LISTED = ("workflowId", "name", "priority", "storageCapacity", "workflowVersionName")


def start_run(state: State, params: Answer, caller: Caller) -> Answer:
    """Start a new run, or a duplicate of one."""
    return state.once("StartRun", params, caller, lambda: start_answer(create_run(state, params, caller)))


def start_answer(run: Run) -> Answer:
    """Return StartRun's answer about a run."""
    return {
        "arn": run.arn,
        "id": run.id,
        "status": "PENDING",
        "tags": run.tags,
        "uuid": run.uuid,
        "runOutputUri": run.run_output_uri,
        "configuration": run.configuration,
        "networkingMode": run.request.get("networkingMode", "RESTRICTED"),
    }


def create_run(
    state: State, params: Answer, caller: Caller, *, batch_id: str | None = None, run_id: str | None = None
) -> Run:
    """Check a request for a run against all that there is, and let the run begin."""
    request = _effective_request(state, params, caller)
    workflow = workflow_operations.usable_workflow(state, request, caller)
    _check_request(state, request, workflow, caller)
    run_id = run_id or state.new_run_id()
    base = request["outputUri"]
    overwrite = request.get("outputUriPrefixMode") == "NONE_WITH_OVERWRITE"
    run = Run(
        run_id,
        str(uuid.uuid4()),
        arn(caller, f"run/{run_id}"),
        request,
        base if overwrite else f"{base.rstrip('/')}/{run_id}",
        state.clock.now(),
        batch_id=batch_id,
        tags=check_tags(params.get("tags", {})),
        workflow=_about(workflow, request),
        configuration=configurations.of_run(state, request, caller),
        cache=state.caches[request["cacheId"]].entries if "cacheId" in request else None,
        cache_behavior=_cache_behavior(state, request),
        seq=state.next_seq(),
        caller=caller,
    )
    state.runs[run_id] = run
    new_run.begin(state, run, workflow)
    return run


def _about(workflow: Resource, request: Answer) -> Answer:
    """Return what a run's manifest says of its workflow or version, which may be deleted before the run has ended."""
    base, _, version = workflow.arn.partition("/version/")
    if request.get("workflowType") == "READY2RUN":  # those belong to no account
        parts = base.split(":")
        base = ":".join((*parts[:4], "", *parts[5:]))
    about = {name: workflow.members.get(name) for name in ("digest", "engine", "main")}
    return {"workflow": base, "workflowVersion": workflow.arn if version else None, **about}


def _cache_behavior(state: State, request: Answer) -> str | None:
    cache = state.caches.get(request.get("cacheId", ""))
    return request.get("cacheBehavior", cache.members["cacheBehavior"]) if cache else None


def _effective_request(state: State, params: Answer, caller: Caller) -> Answer:
    """Return what is asked for, with what a duplicate takes over from its source."""
    given = {name: value for name, value in params.items() if name != "tags"}
    if "runId" not in given:
        if "workflowId" not in given:
            raise invalid("A run needs a workflowId, or the runId of the run to duplicate")
        return given
    if "workflowId" in given:
        raise invalid("A run has a workflowId or the runId of the run to duplicate, not both")
    source = found_here(state.runs, given["runId"], "Run", caller).request
    if source.get("workflowOwnerId", caller.account) != caller.account:
        raise invalid(f"Run {given['runId']} is of a shared workflow and cannot be duplicated")
    # Parameters replace the source's in whichever of the two ways each has them.
    replaced = _PARAMETERS if given.keys() & set(_PARAMETERS) else ()
    return {**{name: value for name, value in source.items() if name not in (*_NOT_COPIED, *replaced)}, **given}


def _check_request(state: State, request: Answer, workflow: Resource, caller: Caller) -> None:
    """Check what HealthOmics' user guide says of a run's members beyond the model."""
    try:
        split(request["outputUri"], key_needed=False)
    except ValueError as error:
        raise invalid(f"outputUri {error}") from None
    if "cacheBehavior" in request and "cacheId" not in request:
        raise invalid("cacheBehavior requires cacheId")
    if request.get("networkingMode") == "VPC" and "configurationName" not in request:
        raise invalid("networkingMode VPC requires configurationName")
    if request.get("workflowType") == "READY2RUN" and "cacheId" in request:
        raise invalid("A READY2RUN workflow takes no cacheId")
    if "sessionPolicy" in request:
        try:
            json.loads(request["sessionPolicy"])
        except ValueError as error:
            raise invalid(f"sessionPolicy is not JSON: {error}") from None
    if "cacheId" in request:
        found_own(state.caches, request["cacheId"], "Run cache", caller)
    if "runGroupId" in request:
        found_own(state.groups, request["runGroupId"], "Run group", caller)
    parameters.check_request(request, workflow)


def get_run(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about a run."""
    run = found_here(state.runs, params["id"], "Run", caller)
    if state.clock.now() < later(run.creation_time, state.settings.get_delay):
        raise ServiceError("ResourceNotFoundException", f"Run {run.id} not found")
    request = run.request
    workflow = state.workflows.get(request.get("workflowId", ""))
    stream = f"run/{run.id}"
    answer = {name: request[name] for name in _COPIED_TO_ANSWER if name in request}
    answer |= {
        "arn": run.arn,
        "id": run.id,
        "uuid": run.uuid,
        "status": run.status,
        "batchId": run.batch_id,
        "cacheBehavior": run.cache_behavior,
        "parametersUri": parameters.parameters_uri(state, run),
        "workflowType": request.get("workflowType", "PRIVATE"),
        "logLevel": request.get("logLevel", "ALL"),
        "retentionMode": request.get("retentionMode", "RETAIN"),
        "storageType": request.get("storageType", "STATIC"),
        "networkingMode": request.get("networkingMode", "RESTRICTED"),
        "configuration": run.configuration,
        "vpcConfig": run.configuration["runConfigurations"]["vpcConfig"] if run.configuration else None,
        "runOutputUri": run.run_output_uri,
        "startedBy": f"arn:aws:iam::{run.caller.account}:user/local",
        "creationTime": run.creation_time,
        "startTime": run.start_time,
        "stopTime": run.stop_time,
        "failureReason": run.failure_reason,
        "statusMessage": run.status_message,
        "tags": run.tags,
        "resourceDigests": run.plan.resourceDigests if run.plan else None,
        "logLocation": {
            "engineLogStream": log_stream_arn(run.caller, f"{stream}/engine"),
            "runLogStream": log_stream_arn(run.caller, stream),
        },
    }
    if workflow:
        answer |= {"workflowUuid": workflow.members["uuid"], "digest": run.workflow["digest"]}
        answer["accelerators"] = workflow.members.get("accelerators")
    return answer


def list_runs(state: State, params: Answer, caller: Caller) -> Answer:
    """List the Region's runs, the newest first."""
    newest = later(state.clock.now(), -state.settings.list_delay)
    wanted = [(name, params[name]) for name in ("name", "runGroupId") if name in params]
    status, batch_id = params.get("status"), params.get("batchId")
    runs = (
        run
        for run in reversed(state.runs.values())
        if run.caller[:2] == caller[:2]
        and (status is None or run.status == status)
        and (batch_id is None or run.batch_id == batch_id)
        and all(run.request.get(name) == value for name, value in wanted)
        and run.creation_time <= newest
    )
    taken, token = page(runs, lambda run: run.seq, params)
    return {"items": [_list_item(state, run) for run in taken], "nextToken": token}


def _list_item(state: State, run: Run) -> Answer:
    workflow = state.workflows.get(run.request.get("workflowId", ""))
    return {
        **{name: run.request.get(name) for name in _LISTED},
        "arn": run.arn,
        "id": run.id,
        "status": run.status,
        "batchId": run.batch_id,
        "creationTime": run.creation_time,
        "startTime": run.start_time,
        "stopTime": run.stop_time,
        "storageType": run.request.get("storageType", "STATIC"),
        "workflowName": workflow.members.get("name") if workflow else None,
    }


def cancel_run(state: State, params: Answer, caller: Caller) -> Answer:
    """Cancel a run."""
    run = found_here(state.runs, params["id"], "Run", caller)
    if run.status not in ENDED:
        simulation.cancel(state, run)
    elif state.settings.cancel_ended == "conflict":
        raise ServiceError("ConflictException", f"Run {run.id} is {run.status} and cannot be cancelled")
    return {}


def delete_run(state: State, params: Answer, caller: Caller) -> Answer:
    """Delete a run that has ended."""
    run = found_here(state.runs, params["id"], "Run", caller)
    if run.status not in ENDED:
        raise ServiceError(
            "ConflictException", f"Run {run.id} is {run.status}; only a run that has ended can be deleted"
        )
    state.forget(run)
    statuses.move(state, run, "DELETED", state.clock.now())
    return {}


def list_run_tasks(state: State, params: Answer, caller: Caller) -> Answer:
    """List a run's tasks in the order of their creation."""
    run = found_here(state.runs, params["id"], "Run", caller)
    tasks = [(i, task) for i, task in enumerate(run.tasks) if params.get("status") in (None, task.status)]
    taken, token = page(tasks, lambda task: len(run.tasks) - task[0], params)
    return {"items": [_task_item(task) for _, task in taken], "nextToken": token}


def get_run_task(state: State, params: Answer, caller: Caller) -> Answer:
    """Answer all about a task."""
    run = found_here(state.runs, params["id"], "Run", caller)
    task = found({task.id: task for task in run.tasks}, params["taskId"], "Task")
    return {
        **_task_item(task),
        "failureReason": task.failure_reason,
        "statusMessage": task.status_message,
        "logStream": log_stream_arn(run.caller, f"run/{run.id}/task/{task.id}"),
    }


def _task_item(task: Task) -> Answer:
    return {
        "taskId": task.id,
        "name": task.name,
        "status": task.status,
        "cpus": task.cpus,
        "memory": task.memory,
        "gpus": task.gpus,
        "cacheHit": task.cache_uri is not None,
        "cacheS3Uri": task.cache_uri,
        "instanceType": instance_type(task.cpus, task.memory, task.gpus),
        "creationTime": task.creation_time,
        "startTime": task.start_time,
        "stopTime": task.stop_time,
        "uuid": task.uuid,
    }
