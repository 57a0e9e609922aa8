# SPDX-License-Identifier: Apache-2.0
"""What CreateWorkflow finds in a definition: its main file, its engine, its parameters, or why it cannot be used."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from airflow_provider_omics.local.isolation import ending_with_parent, namespaces

ENGINES = {".wdl": "WDL", ".nf": "NEXTFLOW", ".cwl": "CWL"}
EXECUTED = ("WDL", "WDL_LENIENT")
# A definition's zip has at most 100 MB by HealthOmics' quotas; what it unpacks to has no published limit.
MOST_UNPACKED = 1024**3
MOST_FILES = 10_000
_SECONDS_TO_PARSE = 60
_CHECKER = "airflow_provider_omics.local.wdl_check"
_LENIENT = " (The local endpoint takes WDL_LENIENT for WDL: what HealthOmics tolerates beyond WDL is not emulated.)"
_MOST_PARSED = 100
_parsed: dict[tuple[object, ...], dict[str, Any]] = {}
_parsing: set[subprocess.Popen[bytes]] = set()


class DefinitionError(ValueError):
    """A definition that cannot be used, and why."""


def examine(content: bytes, main: str | None = None, engine: str | None = None) -> dict[str, Any]:
    """Return the members that a zip gives its workflow: ``engine``, ``parameterTemplate``, or why it has FAILED.

    ``namespace`` is the name that may stand before a parameter's. Takes the time to parse WDL in another process.
    """
    try:
        main = main_of(content, main, engine)
        engine = engine or ENGINES.get(PurePosixPath(main).suffix, "WDL")
        found = parsed(content, main) if engine in EXECUTED else {}
    except DefinitionError as error:
        lenient = _LENIENT if engine == "WDL_LENIENT" else ""
        return {"engine": engine or "WDL", "status": "FAILED", "statusMessage": f"{error}{lenient}"}
    return {"engine": engine, **found}


def main_of(content: bytes, main: str | None, engine: str | None) -> str:
    """Return a zip's main file: the given one, else the one nearest to the root, or of several there ``main.*``."""
    with opened(content) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    if main is not None:
        if main not in names:
            raise DefinitionError(f"The definition has no file {main}, its main; it has {', '.join(names)}.")
        return main
    suffixes = [suffix for suffix, of in ENGINES.items() if engine is None or engine.startswith(of)]
    files = [
        path
        for path in map(PurePosixPath, names)
        if path.suffix in suffixes and not any(part.startswith(".") for part in path.parts)
    ]
    nearest = [path for path in files if len(path.parts) == min(len(file.parts) for file in files)]
    mains = nearest if len(nearest) == 1 else [path for path in nearest if path.stem == "main"]
    if len(mains) != 1:
        found = f"several, none of them main: {', '.join(map(str, nearest))}" if nearest else "none"
        raise DefinitionError(
            f"The main file is not clear: nearest to the root of the zip, of {', '.join(suffixes)} there are {found}. "
            "Name it with main."
        )
    return str(mains[0])


def python_path(*first: Path) -> str:
    """Return a ``PYTHONPATH`` for a process that has to have the same package as this one."""
    return os.pathsep.join(map(str, (*first, Path(__file__).parents[2])))


def opened(content: bytes) -> zipfile.ZipFile:
    """Return the archive that a definition is."""
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise DefinitionError(f"The definition is no readable zip file: {error}.") from None


def unpack(archive: zipfile.ZipFile, directory: Path) -> None:
    """Unpack a definition, unless that takes more of the disk than any has use for."""
    files = archive.infolist()
    size = sum(file.file_size for file in files)  # no more than that is unpacked, whatever the archive holds
    if size > MOST_UNPACKED or len(files) > MOST_FILES:
        raise DefinitionError(
            f"The definition unpacks to {size:,} bytes in {len(files):,} files; the local endpoint takes "
            f"{MOST_UNPACKED:,} bytes in {MOST_FILES:,} files."
        )
    try:
        archive.extractall(directory)  # takes ".." and leading slashes out of names, and makes no links
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise DefinitionError(f"The definition cannot be unpacked: {error}.") from None


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
        [*ending_with_parent(), *namespaces(), sys.executable, "-P", "-m", _CHECKER, str(root), main],
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
