# SPDX-License-Identifier: Apache-2.0
"""Reading a file that grows, by whole lines and without ever holding much of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# CloudWatch Logs takes events of 256 KB, each with 26 bytes of its own.
LONGEST_LINE = 256 * 1024 - 26


@dataclass
class Tail:
    """A growing file, of which no more is told than some ``most`` bytes, and a line in pieces of ``longest``."""

    path: Path
    offset: int = 0
    most: int | None = None
    longest: int = LONGEST_LINE

    def lines(self, *, end: bool = False) -> Iterator[str]:
        """Yield the lines since the last call, at the end also an unfinished one."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            while self.most is None or self.offset <= self.most:
                file.seek(self.offset)
                new = file.read(self.longest)
                full = len(new) == self.longest
                whole = len(new) if end and not full else new.rfind(b"\n") + 1
                if full and not whole:
                    whole = self.longest
                if not whole:
                    return
                self.offset += whole
                yield from new[:whole].decode(errors="replace").splitlines()
                if self.most is not None and self.offset > self.most:
                    yield f"[The local endpoint keeps no more than {self.most:,} bytes of a task's output.]"
