# SPDX-License-Identifier: Apache-2.0
"""The events that HealthOmics sends to EventBridge when something changes its status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_omics.local.state.run import Run
    from airflow_provider_omics.local.state.state import State


def emit(state: State, detail_type: str, arn: str, detail: dict[str, Any], moment: datetime) -> None:
    """Send an event about the resource ``arn``, in the order of these calls; nobody waits, and None is left out."""
    if state.publishing is None or not state.publishing.listening:
        return
    told = {"omicsVersion": "1.0.0", "arn": arn, **{name: it for name, it in detail.items() if it is not None}}
    for _ in range(state.settings.event_copies):
        state.publishing.event(detail_type, told, [arn], moment)


def emit_run(state: State, run: Run, moment: datetime) -> None:
    """Send a run's present status."""
    emit(state, "Run Status Change", run.arn, _run_detail(state, run), moment)


def _run_detail(state: State, run: Run) -> dict[str, Any]:
    request, failed = run.request, run.status == "FAILED"
    workflow = state.workflows.get(request.get("workflowId", ""))
    detail = {
        "runId": run.id,
        "status": run.status,
        "uuid": run.uuid,
        "runOutputUri": run.run_output_uri,
        "failureReason": run.failure_reason if failed else None,
        "statusMessage": run.status_message if failed else None,
        "runName": request.get("name"),
        "workflowId": request.get("workflowId"),
    }
    if request.get("cacheId"):
        detail["runCache"] = f"{run.arn.rpartition(':')[0]}:runCache/{request['cacheId']}"
        detail["runCacheBehavior"] = run.cache_behavior
    if workflow:
        detail |= {"workflowName": workflow.members.get("name"), "workflowUuid": workflow.members["uuid"]}
    return detail
