# SPDX-License-Identifier: Apache-2.0
"""A run's parameters: those of the request, or those of the JSON file in S3 that its ``parametersUri`` names."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.protocol import ServiceError
from airflow_provider_omics.local.state import invalid

if TYPE_CHECKING:
    from airflow_provider_omics.local.records import Publisher
    from airflow_provider_omics.local.state import Answer, Record, State

_MAX_BYTES = 50_000


def check_request(request: Answer, template: Answer | None) -> None:
    """Check what StartRun is given; the file of a ``parametersUri`` is checked when the run proceeds."""
    if "parametersUri" in request:
        if "parameters" in request:
            raise invalid("A run has parameters or a parametersUri, not both")
        return
    parameters = request.get("parameters", {})
    size = len(json.dumps(parameters, separators=(",", ":"), ensure_ascii=False).encode())
    if size > _MAX_BYTES:
        raise invalid(f"parameters has {size} bytes, more than {_MAX_BYTES}")
    _check(parameters, template)


def _check(parameters: Any, template: Answer | None) -> None:  # noqa: ANN401 - a JSON document
    if not isinstance(parameters, dict):
        raise invalid("parameters is not a JSON object")
    if template is None:
        return
    required = {name for name, about in template.items() if not (about or {}).get("optional")}
    if missing := sorted(required - parameters.keys()):
        raise invalid(f"parameters lacks {', '.join(missing)}, which the workflow's parameter template requires")
    if unknown := sorted(parameters.keys() - template.keys()):
        raise invalid(f"parameters has {', '.join(unknown)}, which the workflow's parameter template does not")


def read(uri: str, template: Answer | None, publisher: Publisher) -> Answer | str:
    """Return the parameters that a file in S3 holds, or why a run cannot have them."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "parameters.json")
        try:
            publisher.download(uri, str(path))
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the run
            return f"The parameters file cannot be read: {error}"
        try:
            parameters: Answer = json.loads(path.read_bytes())
            _check(parameters, template)
        except ValueError as error:
            return f"The parameters file {uri} is not JSON: {error}"
        except ServiceError as error:
            return f"The parameters file {uri} is not valid: {error}"
    return parameters


def parameters_uri(state: State, run: Record) -> str | None:
    """Return what GetRun says of a ``parametersUri``: a presigned URL once the file is read, the S3 URI before."""
    uri: str | None = run.request.get("parametersUri")
    return state.traces.publisher.presigned(uri) if uri and run.parameters is not None and state.traces else uri
