# SPDX-License-Identifier: Apache-2.0
"""A run's files on their way in and out: the definition unpacked, s3:// files downloaded, outputs uploaded."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import WDL

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_omics.local.records import Definition, Publisher


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
    if definition.engine not in ("WDL", "WDL_LENIENT"):
        raise RunError(
            "WORKFLOW_RUN_FAILED",
            f"Workflow {definition.name or definition.workflow_id} is written for {definition.engine}, and the local "
            "endpoint executes only WDL: serve it with --simulate.",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(definition.zip_bytes)) as archive:
            archive.extractall(root)  # takes ".." and leading slashes out of names, and makes no links
    except (zipfile.BadZipFile, OSError) as error:
        raise RunError("WORKFLOW_RUN_FAILED", f"The definition is no readable zip file: {error}.") from error
    main = definition.main or "main.wdl"
    path = (root / main).resolve()
    if not (path.is_file() and path.is_relative_to(root)):
        raise RunError(
            "WORKFLOW_RUN_FAILED", f"The definition has no file {main}: name its main file when creating the workflow."
        )
    return main


def fetch_inputs(parameters: Any, root: Path, main: str, directory: Path, publisher: Publisher) -> Any:  # noqa: ANN401 - JSON
    """Return ``parameters`` with a downloaded file for every ``s3://…`` that ``root/main`` declares a File."""
    try:
        document = WDL.load(str(root / main), path=[str(root)])
        [target] = [document.workflow] if document.workflow else document.tasks
        values = WDL.values_from_json(parameters, target.available_inputs, namespace=target.name)
    except Exception:  # noqa: BLE001 - whatever it is, miniwdl fails for it as well when it runs, and says where
        return parameters
    local = WDL.Value.rewrite_env_paths(values, lambda value: _local(value.value, directory, publisher))
    return WDL.values_to_json(local)


def _local(uri: str, directory: Path, publisher: Publisher) -> str:
    if uri.startswith("omics://"):
        raise RunError(
            "INPUT_URI_NOT_FOUND",
            f"{uri}: the local endpoint executes with s3:// URIs alone; GetReadSetMetadata tells those of a read set.",
        )
    return _fetch(uri, directory, publisher) if uri.startswith("s3://") else uri


def _fetch(uri: str, directory: Path, publisher: Publisher) -> str:
    # Objects of one prefix share a directory, so that a task finds an index beside its file.
    path = directory / uri.removeprefix("s3://")
    if ".." in path.parts or path == directory:
        raise RunError("INVALID_URI_INPUT", f"{uri} is no object that a run can read.")
    if path.exists():
        return str(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        publisher.download(uri, str(path))
    except FileNotFoundError as error:
        raise RunError("INPUT_URI_NOT_FOUND", f"Input {uri} was not found.") from error
    except Exception as error:
        raise RunError("IMPORT_FAILED", f"Input {uri} could not be imported: {error}.") from error
    return str(path)


def upload_outputs(outputs: dict[str, Any], directory: Path, uri: str, publisher: Publisher) -> None:
    """Upload ``directory/out`` and, with every path in it rewritten to its ``s3://…``, ``logs/outputs.json``."""
    out = directory / "out"
    for path in sorted(out.rglob("*")):
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
