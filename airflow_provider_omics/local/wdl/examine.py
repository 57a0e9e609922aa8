# SPDX-License-Identifier: Apache-2.0
"""What CreateWorkflow finds in a definition: its engine, its parameters, or why it cannot be used."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from airflow_provider_omics.local.wdl.entry_points import python_path
from airflow_provider_omics.local.wdl.isolation import ending_with_parent, namespaces
from airflow_provider_omics.local.workflows.definitions import (
    ENGINES,
    EXECUTED,
    DefinitionError,
    main_of,
    opened,
    unpack,
)

_SECONDS_TO_PARSE = 60
_PARSER = "airflow_provider_omics.local.wdl.parser"
LENIENT = " (The local endpoint takes WDL_LENIENT for WDL: what HealthOmics tolerates beyond WDL is not emulated.)"
_MOST_PARSED = 100
_parsed: dict[tuple[object, ...], dict[str, Any]] = {}
_parsing: set[subprocess.Popen[bytes]] = set()


def examine(content: bytes, main: str | None = None, engine: str | None = None) -> dict[str, Any]:
    """Return the members that a zip gives its workflow: ``engine``, ``parameterTemplate``, or why it has FAILED.

    ``namespace`` is the name that may stand before a parameter's. Takes the time to parse WDL in another process.
    """
    try:
        main = main_of(content, main, engine)
        engine = engine or ENGINES.get(PurePosixPath(main).suffix, "WDL")
        found = parsed(content, main) if engine in EXECUTED else {}
    except DefinitionError as error:
        lenient = LENIENT if engine == "WDL_LENIENT" else ""
        return {"engine": engine or "WDL", "status": "FAILED", "statusMessage": f"{error}{lenient}"}
    return {"engine": engine, **found}


def parsed(content: bytes, main: str) -> dict[str, Any]:
    """Return what miniwdl finds in a WDL definition; it reads nothing outside of it, and not in this process."""
    if importlib.util.find_spec("WDL") is None:  # simulation does without
        return {}
    with opened(content) as archive:
        # The same files in another zip: a suite of tests creates its workflow again and again.
        key = main, *((info.filename, info.CRC, info.file_size) for info in archive.infolist())
        found = _parsed.get(key)
        if found is None:
            with tempfile.TemporaryDirectory(prefix="omics-definition-") as directory:
                unpack(archive, Path(directory))
                found = _checked(Path(directory).resolve(), main)
            if len(_parsed) >= _MOST_PARSED:
                _parsed.clear()
            _parsed[key] = found
    if "error" in found:
        raise DefinitionError(found["error"])
    return dict(found)


def stop() -> None:
    """Kill what still parses: a server that is stopped does not wait for it."""
    for process in list(_parsing):
        process.kill()


def _checked(root: Path, main: str) -> dict[str, Any]:
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH") if key in os.environ}
    with subprocess.Popen(  # noqa: S603  no shell, and the command is our own
        [*ending_with_parent(), *namespaces(), sys.executable, "-P", "-m", _PARSER, str(root), main],
        cwd=root,
        env={**kept, "PYTHONPATH": python_path()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        _parsing.add(process)
        try:
            answer, said = process.communicate(timeout=_SECONDS_TO_PARSE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise DefinitionError(f"{main} could not be parsed in {_SECONDS_TO_PARSE} seconds.") from None
        finally:
            _parsing.discard(process)
    if process.returncode:
        raise DefinitionError(f"{main} could not be parsed: {said.decode(errors='replace')[-500:].strip()}")
    found: dict[str, Any] = json.loads(answer)
    return found
