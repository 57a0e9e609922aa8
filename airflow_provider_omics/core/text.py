# SPDX-License-Identifier: Apache-2.0
"""Text of other people's making, in the room that there is for it."""

from __future__ import annotations


def size(text: str) -> int:
    """Return the bytes of a text in UTF-8."""
    return len(text.encode(errors="replace"))


def clipped(text: str, most: int) -> str:
    """Return a text of at most so many bytes, with … where it was cut."""
    if size(text) <= most:
        return text
    return text.encode(errors="replace")[: most - len("…".encode())].decode(errors="ignore") + "…"


def one_line(text: str) -> str:
    """Return a text without line breaks."""
    return " ".join(text.split())


def storable(text: object) -> str:
    """
    Return a text as Airflow can keep it.

    PostgreSQL has no room in JSON for U+0000; of half a surrogate pair, as a message that was cut may end with, Airflow
    3's triggerer dies with all that it waits for.
    """
    return str(text or "").replace("\0", "").encode(errors="replace").decode()
