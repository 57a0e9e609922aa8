# SPDX-License-Identifier: Apache-2.0
"""miniwdl's plugin for run caches, imported in its own process: a task is known by its code and its inputs' content."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import WDL
from WDL._util import StructuredLogMessage
from WDL.runtime.cache import CallCache
from WDL.runtime.download import able

from airflow_provider_omics.local.wdl.cache_export import KNOWN, NEW
from airflow_provider_omics.local.wdl.download_plugins import begin_task, fetch, named

if TYPE_CHECKING:
    from WDL.runtime.cache import CallCacheAddPaths


class RunCache(CallCache):
    """What earlier runs have left, and what this one may leave; the endpoint decides at its end what is kept."""

    def get(
        self, key: str, inputs: WDL.Env.Bindings[WDL.Value.Base], output_types: WDL.Env.Bindings[WDL.Type.Base]
    ) -> WDL.Env.Bindings[WDL.Value.Base] | None:
        """Return the outputs of a task that has run before, unless what it names has changed, or they are deleted."""
        begin_task()
        known = Path(self._cfg["file_io"]["root"]) / KNOWN
        entry = json.loads(known.read_text()).get(self._key(key, inputs)) if known.exists() else None
        if entry is None:
            return None
        outputs = WDL.values_from_json(entry["outputs"], output_types)
        try:
            if any(_digest(fetch(uri, directory=it, needed=False)) != digest for uri, it, digest in entry["named"]):
                return None
            found = WDL.Value.rewrite_env_paths(outputs, functools.partial(self._local, needed=False))
        except WDL.Error.InputError:
            return None
        facts = {name: entry[name] for name in ("uri", "cpus", "memory", "gpus")}
        message = StructuredLogMessage("task found in cache", thread=threading.get_ident(), **facts)
        self._logger.log(25, message)  # 25 is miniwdl's NOTICE
        return found

    def put(
        self,
        key: str,
        outputs: WDL.Env.Bindings[WDL.Value.Base],
        run_dir: str | None = None,
        *,
        inputs: WDL.Env.Bindings[WDL.Value.Base],
        add_paths: CallCacheAddPaths,
    ) -> None:
        """Write down the outputs of a task; HealthOmics caches tasks, not workflows, and those that have outputs."""
        super().put(key, outputs, run_dir, inputs=inputs, add_paths=add_paths)
        new = Path(self._cfg["file_io"]["root"]) / NEW
        said = WDL.values_to_json(outputs)
        if said and run_dir and new.exists() and not Path(run_dir, "workflow.log").exists():
            entry: dict[str, Any] = {"key": self._key(key, inputs), "dir": run_dir.rstrip("/."), "outputs": said}
            entry["named"] = [(uri, it, _digest(fetch(uri, directory=it))) for uri, it in named()]
            (new / f"{uuid.uuid4()}.json").write_text(json.dumps(entry))

    def _key(self, key: str, inputs: WDL.Env.Bindings[WDL.Value.Base]) -> str:
        """Return a key that is the same wherever the inputs' files are."""
        known = WDL.values_to_json(WDL.Value.rewrite_env_paths(inputs, self._content))
        digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
        return f"{key.rpartition('/')[0]}/{digest}"

    def _local(self, value: WDL.Value.File | WDL.Value.Directory, *, needed: bool = True) -> str:
        directory = isinstance(value, WDL.Value.Directory)
        if able(self._cfg, value.value, directory):
            return fetch(value.value, directory=directory, needed=needed)
        return str(value.value)

    def _content(self, value: WDL.Value.File | WDL.Value.Directory) -> str:
        return _digest(self._local(value))


def _digest(file_or_directory: str) -> str:
    path = Path(file_or_directory)
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(f"{os.path.relpath(file, path)}\n".encode())
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return f"{path.name}#{digest.hexdigest()}"
