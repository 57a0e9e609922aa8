# SPDX-License-Identifier: Apache-2.0
"""A workflow's definition, a zip: its main file, its engine, and what it unpacks to."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path, PurePosixPath

ENGINES = {".wdl": "WDL", ".nf": "NEXTFLOW", ".cwl": "CWL"}
EXECUTED = ("WDL", "WDL_LENIENT")
# A definition's zip has at most 100 MB by HealthOmics' quotas; what it unpacks to has no published limit.
MOST_UNPACKED = 1024**3
MOST_FILES = 10_000


class DefinitionError(ValueError):
    """A definition that cannot be used, and why."""


def main_of(content: bytes, main: str | None, engine: str | None) -> str:
    """Return a zip's main file: the given one, else the one nearest to the root, or of several there ``main.*``."""
    with opened(content) as archive:
        # Some programs write "./main.wdl".
        names = [str(PurePosixPath(name)) for name in archive.namelist() if not name.endswith("/")]
    if main is not None:
        main = str(PurePosixPath(main))
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
