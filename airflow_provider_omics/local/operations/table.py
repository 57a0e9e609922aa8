# SPDX-License-Identifier: Apache-2.0
"""The operations of HealthOmics that this endpoint implements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.operations import tags
from airflow_provider_omics.local.runs import batches, configurations, run_caches, run_groups, run_operations
from airflow_provider_omics.local.sequencestores import jobs, stores
from airflow_provider_omics.local.wire import page_tokens
from airflow_provider_omics.local.wire.service_error import ServiceError
from airflow_provider_omics.local.workflows import workflow_operations

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.wire.caller import Answer, Caller

OPERATIONS: dict[str, Callable[[State, Answer, Caller], Answer]] = {
    "StartRun": run_operations.start_run,
    "GetRun": run_operations.get_run,
    "ListRuns": run_operations.list_runs,
    "CancelRun": run_operations.cancel_run,
    "DeleteRun": run_operations.delete_run,
    "ListRunTasks": run_operations.list_run_tasks,
    "GetRunTask": run_operations.get_run_task,
    "CreateWorkflow": workflow_operations.create_workflow,
    "GetWorkflow": workflow_operations.get_workflow,
    "ListWorkflows": workflow_operations.list_workflows,
    "UpdateWorkflow": workflow_operations.update_workflow,
    "DeleteWorkflow": workflow_operations.delete_workflow,
    "CreateWorkflowVersion": workflow_operations.create_workflow_version,
    "GetWorkflowVersion": workflow_operations.get_workflow_version,
    "ListWorkflowVersions": workflow_operations.list_workflow_versions,
    "UpdateWorkflowVersion": workflow_operations.update_workflow_version,
    "DeleteWorkflowVersion": workflow_operations.delete_workflow_version,
    "CreateRunGroup": run_groups.create_run_group,
    "GetRunGroup": run_groups.get_run_group,
    "ListRunGroups": run_groups.list_run_groups,
    "UpdateRunGroup": run_groups.update_run_group,
    "DeleteRunGroup": run_groups.delete_run_group,
    "CreateRunCache": run_caches.create_run_cache,
    "GetRunCache": run_caches.get_run_cache,
    "ListRunCaches": run_caches.list_run_caches,
    "UpdateRunCache": run_caches.update_run_cache,
    "DeleteRunCache": run_caches.delete_run_cache,
    "CreateConfiguration": configurations.create_configuration,
    "GetConfiguration": configurations.get_configuration,
    "ListConfigurations": configurations.list_configurations,
    "DeleteConfiguration": configurations.delete_configuration,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "ListTagsForResource": tags.list_tags_for_resource,
    "StartRunBatch": batches.start_run_batch,
    "GetBatch": batches.get_batch,
    "ListBatch": batches.list_batch,
    "ListRunsInBatch": batches.list_runs_in_batch,
    "CancelRunBatch": batches.cancel_run_batch,
    "DeleteRunBatch": batches.delete_run_batch,
    "DeleteBatch": batches.delete_batch,
    "CreateSequenceStore": stores.create_sequence_store,
    "GetSequenceStore": stores.get_sequence_store,
    "ListSequenceStores": stores.list_sequence_stores,
    "GetReadSetMetadata": stores.get_read_set_metadata,
    "ListReadSets": stores.list_read_sets,
    "StartReadSetImportJob": jobs.start_import_job,
    "GetReadSetImportJob": jobs.get_import_job,
    "ListReadSetImportJobs": jobs.list_import_jobs,
    "StartReadSetActivationJob": jobs.start_activation_job,
    "GetReadSetActivationJob": jobs.get_activation_job,
    "ListReadSetActivationJobs": jobs.list_activation_jobs,
}

# Actions of the agenda that are done before others get the lock: a batch of 100,000 runs makes none of them wait long.
SLICE = 500


def call(state: State, operation: str, params: dict[str, Any], caller: Caller) -> Answer:
    """Do what is due, a slice of it if it is much, then the operation."""
    with state.lock:
        state.advance(SLICE)
        answer = OPERATIONS[operation](state, page_tokens.opened(operation, params, caller), caller)
        return page_tokens.sealed(operation, params, caller, answer)


def needs_object(operation: str, params: dict[str, Any]) -> str | None:
    """Return the ``s3://`` URI that the operation has to read before it can be done."""
    uri: str | None = None
    if operation in ("CreateWorkflow", "CreateWorkflowVersion"):
        uri = params.get("definitionUri")
    elif operation == "StartRunBatch":
        uri = params["batchRunSettings"].get("s3UriSettings")
    return uri


def not_implemented(operation: str) -> ServiceError:
    """Return the error of an operation that this endpoint does not have."""
    return ServiceError("NotImplementedException", f"The local HealthOmics endpoint does not implement {operation}")
