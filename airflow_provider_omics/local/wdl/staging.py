# SPDX-License-Identifier: Apache-2.0
"""A run's definition on its way in, and its outputs on their way out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.workflows.definitions import DefinitionError, main_of, opened
from airflow_provider_omics.local.workflows.definitions import unpack as unzip

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from airflow_provider_omics.local.publishing.publisher import Publisher
    from airflow_provider_omics.local.state.execution import Definition


class RunError(Exception):
    """A run that cannot succeed, and why, in HealthOmics' terms."""

    def __init__(self, failure_reason: str, status_message: str) -> None:
        super().__init__(status_message)
        self.failure_reason = failure_reason
        self.status_message = status_message

    def __reduce__(self) -> tuple[type[RunError], tuple[str, str], dict[str, Any]]:
        return type(self), (self.failure_reason, self.status_message), vars(self)


def unpack(definition: Definition, root: Path) -> str:
    """Unpack a workflow's zip into ``root`` and return the path of its main file in there."""
    try:
        main = main_of(definition.zip_bytes, definition.main, definition.engine)
        with opened(definition.zip_bytes) as archive:
            unzip(archive, root)
    except (DefinitionError, OSError) as error:
        raise RunError("WORKFLOW_RUN_FAILED", str(error)) from error
    path = (root / main).resolve()
    if not (path.is_file() and path.is_relative_to(root)):
        raise RunError(
            "WORKFLOW_RUN_FAILED", f"The definition has no file {main}: name its main file when creating the workflow."
        )
    return main


def upload_outputs(
    outputs: dict[str, Any], directory: Path, uri: str, publisher: Publisher, stop: threading.Event
) -> None:
    """Upload ``directory/out`` and, with every path in it rewritten to its ``s3://…``, ``logs/outputs.json``."""
    out = directory / "out"
    for path in sorted(out.rglob("*")):
        if stop.is_set():
            return
        if path.is_file() and path.name != ".WDL_Directory":  # a note that miniwdl leaves for itself
            upload(path, f"{uri}/out/{path.relative_to(out)}", publisher)
    summary = directory / "outputs.json"
    summary.write_text(json.dumps(_rewrite(outputs, f"{out}/", f"{uri}/out/"), indent=2))
    upload(summary, f"{uri}/logs/outputs.json", publisher)


def upload(path: Path, uri: str, publisher: Publisher) -> None:
    """Upload one file of a run; what goes wrong ends the run as EXPORT_FAILED."""
    try:
        publisher.upload(str(path), uri)
    except Exception as error:
        raise RunError("EXPORT_FAILED", f"Output {uri} could not be exported: {error}.") from error


def _rewrite(value: Any, prefix: str, uri: str) -> Any:  # noqa: ANN401 - outputs are any JSON
    if isinstance(value, dict):
        return {key: _rewrite(item, prefix, uri) for key, item in value.items()}
    if isinstance(value, list):
        return [_rewrite(item, prefix, uri) for item in value]
    if isinstance(value, str) and value.startswith(prefix):
        return uri + value.removeprefix(prefix)
    return value
