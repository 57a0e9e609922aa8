# SPDX-License-Identifier: Apache-2.0
"""``export=["DEFINITION"]``: the URL by which a workflow's zip can be read, from S3 as at HealthOmics."""

from __future__ import annotations

import hashlib
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_omics.local.publishing.publisher import Publisher
    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.wire.caller import Answer, Caller

BUCKET = "omics-local-definitions"


def definition_of(state: State, operation: str, params: dict[str, Any], caller: Caller) -> bytes | None:
    """Return the zip that a Get is asked to export; that of a workflow that another account shares is not."""
    if "DEFINITION" not in params.get("export", ()):
        return None
    with state.lock:
        request: Answer = {}
        if operation == "GetRun" and params["id"] in state.runs:
            request = state.runs[params["id"]].request
        elif operation == "GetWorkflow":
            request = {"workflowId": params["id"], "workflowType": params.get("type", "PRIVATE")}
        elif operation == "GetWorkflowVersion":
            request = {"workflowId": params["workflowId"], "workflowVersionName": params["versionName"]}
        workflow = state.workflows.get(request.get("workflowId", ""))
        if workflow is None or workflow.account != caller.account:
            return None
        return workflow.versions.get(request.get("workflowVersionName", ""), workflow).zip_bytes


def url(content: bytes, publisher: Publisher) -> str:
    """Put a zip into the endpoint's own S3 and return its presigned URL."""
    uri = f"s3://{BUCKET}/{hashlib.sha256(content).hexdigest()}.zip"
    publisher.make_buckets([BUCKET])
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        publisher.upload(file.name, uri)
    return publisher.presigned(uri)
