# SPDX-License-Identifier: Apache-2.0
"""miniwdl's plugins for URIs, imported in its own process: that has no network, and asks the endpoint for each file.

A ``File`` or ``Directory`` may be a URI wherever it comes from: an input, a default, a literal, a row of a table.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import threading
from typing import TYPE_CHECKING, Any, TextIO

import WDL
from WDL.runtime import task as wdl_task
from WDL.runtime._stdlib import WorkflowStdLib
from WDL.runtime.download import able

from airflow_provider_omics.local.wdl.inputs import CONNECTION

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Generator, Iterator

    from WDL.runtime.cache import CallCacheAddPaths
    from WDL.runtime.task_container import TaskContainer

_lock = threading.Lock()


class _Task(threading.local):
    """What the task of a thread names by itself: each URI, and whether it is a Directory."""

    def __init__(self) -> None:
        self.named: list[tuple[str, bool]] = []


_task = _Task()


@functools.cache
def _endpoint() -> TextIO:
    return socket.socket(fileno=int(os.environ[CONNECTION])).makefile("rw")


def fetch(uri: str, *, directory: bool = False, needed: bool = True) -> str:
    """Return the path of the copy that the endpoint makes of an object, or of all objects below a prefix."""
    with _lock:
        _endpoint().write(json.dumps({"uri": uri, "directory": directory, "needed": needed}) + "\n")
        _endpoint().flush()
        answer = json.loads(_endpoint().readline())
    if "error" in answer:
        raise WDL.Error.InputError(answer["error"])
    return str(answer["path"])


def begin_task() -> None:
    """Begin to note what the task of this thread names by itself."""
    _task.named = []


def fetch_named(uri: str, *, directory: bool) -> str:
    """Fetch what a task does not have among its inputs; whether it may be found in a cache depends on that, too."""
    _task.named.append((uri, directory))
    return fetch(uri, directory=directory)


def named() -> list[tuple[str, bool]]:
    """Return what the task of this thread has named, each URI and whether it is a Directory."""
    return list(dict.fromkeys(_task.named))


def download_file(_cfg: Any, _logger: logging.Logger, uri: str, **_: object) -> Iterator[dict[str, Any]]:  # noqa: ANN401  miniwdl's own type is Any
    """Download a File."""
    yield {"outputs": {"file": fetch(uri)}}


def download_directory(_cfg: Any, _logger: logging.Logger, uri: str, **_: object) -> Iterator[dict[str, Any]]:  # noqa: ANN401  likewise
    """Download a Directory, likewise."""
    yield {"outputs": {"directory": fetch(uri, directory=True)}}


def workflow(
    _cfg: Any,  # noqa: ANN401  miniwdl's own type is Any
    _logger: logging.Logger,
    _run_id_stack: list[str],
    _run_dir: str,
    _workflow: WDL.Tree.Workflow,
    **recv: Any,  # noqa: ANN401  miniwdl's own type is Any
) -> Generator[dict[str, Any], dict[str, Any], None]:
    """Do nothing to a workflow: that it is imported is what it is for, before any of it is evaluated."""
    recv = yield recv
    yield recv


def _read(library: WorkflowStdLib, filename: str) -> str:
    """Return the path of what a workflow itself reads or measures, which may be a URI."""
    directory = filename.endswith("/")
    if able(library.cfg, filename, directory):
        return fetch(filename, directory=directory)
    return _devirtualize(library, filename)


def _mounted(
    task: WDL.Tree.Task,
    decl_name: str,
    v: WDL.Value.File | WDL.Value.Directory,
    container: TaskContainer,
    cache_add_paths: CallCacheAddPaths,
) -> str:
    """Return the path that a task sees of what one of its declarations computes, which may be a URI."""
    directory = isinstance(v, WDL.Value.Directory)
    if not able(container.cfg, v.value, directory):
        return _resolve(task, decl_name, v, container, cache_add_paths)
    path = fetch_named(v.value, directory=directory) + ("/" if directory else "")
    container.add_paths({path})
    return container.input_path_map[path]


def _complete(
    decl: WDL.Tree.Decl, value: WDL.Value.Base, resolve_path: Callable[[WDL.Value.File | WDL.Value.Directory], str]
) -> WDL.Value.Base:
    """Return what a task's declaration comes to; a file that is missing deep in it is an error, for miniwdl a null."""
    missing: list[WDL.Error.RuntimeError] = []

    def noted(path: WDL.Value.File | WDL.Value.Directory) -> str:
        try:
            return resolve_path(path)
        except wdl_task._TaskDeclPathMissing as error:  # noqa: SLF001
            missing.append(error.error)
            raise

    complete = _postprocess(decl, value, noted)
    if missing:
        try:
            WDL.Value.from_json(decl.type, complete.json)
        except WDL.Error.InputError:
            raise missing[0] from None
    return complete


# miniwdl downloads the inputs that a workflow or task is given, and has no plugin for what declarations come to.
_resolve = wdl_task._resolve_task_decl_path_into_container  # noqa: SLF001
wdl_task._resolve_task_decl_path_into_container = _mounted  # noqa: SLF001
_postprocess = wdl_task._postprocess_task_decl_paths  # noqa: SLF001
wdl_task._postprocess_task_decl_paths = _complete  # noqa: SLF001
_devirtualize = WorkflowStdLib._devirtualize_filename  # noqa: SLF001
WorkflowStdLib._devirtualize_filename = _read  # type: ignore  # noqa: PGH003, SLF001  mypy adds a second self
