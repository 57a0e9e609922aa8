# SPDX-License-Identifier: Apache-2.0
"""A run's parameters: those of the request, or those of the JSON file in S3 that its ``parametersUri`` names."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.wire.service_error import ServiceError, invalid

if TYPE_CHECKING:
    from airflow_provider_omics.local.publishing.publisher import Publisher
    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.state.resources import Resource
    from airflow_provider_omics.local.state.run_state import Run
    from airflow_provider_omics.local.wire.caller import Answer

_MAX_BYTES = 50_000


def check_request(request: Answer, workflow: Resource) -> None:
    """Check what StartRun is given; the file of a ``parametersUri`` is checked when the run proceeds."""
    if "parametersUri" in request:
        if "parameters" in request:
            raise invalid("A run has parameters or a parametersUri, not both")
        return
    parameters = request.get("parameters", {})
    size = len(json.dumps(parameters, separators=(",", ":"), ensure_ascii=False).encode())
    if size > _MAX_BYTES:
        raise invalid(f"parameters has {size} bytes, more than {_MAX_BYTES}")
    _check(parameters, workflow)


def _check(parameters: Any, workflow: Resource | None) -> None:  # noqa: ANN401 - a JSON document
    if not isinstance(parameters, dict):
        raise invalid("parameters is not a JSON object")
    template = workflow.members.get("parameterTemplate") if workflow else None
    if workflow is None or template is None:
        return
    # HealthOmics user guide, "Namespace definition in input.json": the workflow's name may stand before a parameter's.
    names = [name if name in template else name.removeprefix(f"{workflow.namespace}.") for name in parameters]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise invalid(f"parameters has {', '.join(twice)} twice, with and without the name of the workflow")
    required = {name for name, about in template.items() if not (about or {}).get("optional")}
    if missing := sorted(required.difference(names)):
        raise invalid(f"parameters lacks {', '.join(missing)}, which the workflow's parameter template requires")
    if unknown := sorted(set(names) - template.keys()):
        raise invalid(f"parameters has {', '.join(unknown)}, which the workflow's parameter template does not")


def read(uri: str, workflow: Resource | None, publisher: Publisher) -> Answer | str:
    """Return the parameters that a file in S3 holds, or why a run cannot have them."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "parameters.json")
        try:
            publisher.download(uri, str(path))
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the run
            return f"The parameters file cannot be read: {error}"
        try:
            parameters: Answer = json.loads(path.read_bytes())
            _check(parameters, workflow)
        except ValueError as error:
            return f"The parameters file {uri} is not JSON: {error}"
        except ServiceError as error:
            return f"The parameters file {uri} is not valid: {error}"
    return parameters


def parameters_uri(state: State, run: Run) -> str | None:
    """Return what GetRun says of a ``parametersUri``: a presigned URL once the file is read, the S3 URI before."""
    uri: str | None = run.request.get("parametersUri")
    return state.publishing.publisher.presigned(uri) if uri and run.parameters is not None and state.publishing else uri
