# SPDX-License-Identifier: Apache-2.0
"""Text of other people's making, in the room that there is for it."""

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
    Return a text as a reader without a terminal wants it: without escape sequences and control characters.

    Of a line that was written over, as progress bars are, the last state stays.
    """
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in _ESCAPE.sub("", text).split("\n"))
    return _CONTROL.sub("", "\n".join(lines))


def one_line(text: str) -> str:
    """Return a text in plain words on one line."""
    return " ".join(plain(text).split())


def storable(text: object) -> str:
    """
    Return a text as Airflow can keep it.

    PostgreSQL has no room in JSON for U+0000; of half a surrogate pair, as a message that was cut may end with, Airflow
    3's triggerer dies with all that it waits for.
    """
    return str(text or "").replace("\0", "").encode(errors="replace").decode()
