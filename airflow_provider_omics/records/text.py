# SPDX-License-Identifier: Apache-2.0
"""Texts of services and workflows: cut to a length, without control characters, storable by Airflow."""

from __future__ import annotations

import re
from typing import Final

# ECMA-48: control sequences (colours, movements of the cursor), strings for the terminal (titles), all other escapes.
_ESCAPE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]"
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def size(text: str) -> int:
    """Return the bytes of a text in UTF-8."""
    return len(text.encode(errors="replace"))


def clipped(text: str, most: int) -> str:
    """Return a text of at most so many bytes, with … where it was cut."""
    if size(text) <= most:
        return text
    return text.encode(errors="replace")[: most - len("…".encode())].decode(errors="ignore") + "…"


def plain(text: str) -> str:
    """
    Return a text without escape sequences and control characters.

    Of a line that was overwritten, such as a progress bar, the last state is kept.
    """
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in _ESCAPE.sub("", text).split("\n"))
    return _CONTROL.sub("", "\n".join(lines))


def one_line(text: str) -> str:
    """Return a text on one line, without control characters."""
    return " ".join(plain(text).split())


def storable(text: object) -> str:
    """
    Return a text that Airflow can store.

    PostgreSQL cannot store U+0000 in JSON; half a surrogate pair, with which a cut message may end, crashes Airflow 3's
    triggerer.
    """
    return str(text or "").replace("\0", "").encode(errors="replace").decode()
