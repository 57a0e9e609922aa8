# SPDX-License-Identifier: Apache-2.0
"""What executed runs find in their run cache, and leave in it: S3 has the files, the endpoint's memory the rest.

HealthOmics user guide, "Call caching for HealthOmics runs": ``<location>/<cache uuid>/<run>/<task>/<entry uuid>/``.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.wdl.staging import upload

if TYPE_CHECKING:
    from airflow_provider_omics.local.publishing.publisher import Publisher
    from airflow_provider_omics.local.state.run_state import Run

# In a run's directory: the folder of entries that it makes, and the file of those that it may use.
NEW, KNOWN = "cache-new", "cache.json"


def prepare(run: Run, directory: Path) -> None:
    """Give a run the entries of its cache, and a place for new ones."""
    if run.cache is not None:
        (directory / NEW).mkdir()
        (directory / KNOWN).write_text(json.dumps(run.cache.by_key))


def keep(run: Run, directory: Path, task_ids: dict[str, str], publisher: Publisher) -> None:
    """Export what a run's completed tasks have made, and let later runs find it."""
    if run.cache is None:
        return
    tasks = {task.id: task for task in run.tasks}
    for file in sorted((directory / NEW).glob("*.json")):
        entry = json.loads(file.read_text())
        task = tasks[task_ids[entry["dir"]]]
        name = str(uuid.uuid4())
        base = f"{run.cache.uri}/{run.id}/{task.id}/{name}"
        outputs = _exported(entry["outputs"], directory, base, publisher)
        known = {"uri": f"{base}/", "outputs": outputs, "named": entry["named"]}
        known |= {"cpus": task.cpus, "memory": task.memory, "gpus": task.gpus}
        file.write_text(json.dumps(known))
        upload(file, f"{base}/{name}.json", publisher)
        run.cache.by_key[entry["key"]] = known


def _exported(value: Any, directory: Path, base: str, publisher: Publisher) -> Any:  # noqa: ANN401 - outputs are any JSON
    """Upload each file and directory of outputs, and return the outputs with their URIs."""
    if isinstance(value, dict):
        return {key: _exported(item, directory, base, publisher) for key, item in value.items()}
    if isinstance(value, list):
        return [_exported(item, directory, base, publisher) for item in value]
    if not (isinstance(value, str) and value.startswith(f"{directory}/")):
        return value
    path, at = Path(value), f"{base}/{Path(value).relative_to(directory)}"
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            upload(file, at if file == path else f"{at}/{file.relative_to(path)}", publisher)
    return f"{at}/" if value.endswith("/") else at
