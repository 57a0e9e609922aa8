# SPDX-License-Identifier: Apache-2.0
"""The folder of a server's runs; what a server that was killed has left is swept by the next one."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

# The environment variable that each process of a run carries: the folder of the run.
MARKER = "OMICS_LOCAL_RUN"
_PREFIX = "omics-local-"


class RunFolders:
    """A folder that is locked as long as its server lives."""

    def __init__(self) -> None:
        _sweep()
        # Locked before it has its name, so that no other server takes it for one that is left.
        made = Path(tempfile.mkdtemp(prefix="omics-starting-")).resolve()
        self._lock = (made / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = made.rename(made.with_name(f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"))

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _sweep() -> None:
    """Kill what is left of servers that were killed, and remove their folders."""
    for folder in Path(tempfile.gettempdir()).resolve().glob(f"{_PREFIX}*"):
        with suppress(OSError), (folder / "lock").open("r+") as lock:  # OSError: somebody else's, or of a living server
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            kill(folder)
            shutil.rmtree(folder, ignore_errors=True)
            logger.info("Removed %s, which a server that was killed had left.", folder)


def kill(folder: Path) -> None:
    """Kill whatever carries the marker of a run in this folder, until nothing is left."""
    deadline = time.monotonic() + 60
    while left := _carriers(folder):
        if time.monotonic() > deadline:
            logger.error("Processes %s survive SIGKILL; look for a hung device or file system.", left)
            return
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _carriers(folder: Path) -> list[int]:
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # gone meanwhile, or somebody else's
            if f"{MARKER}={folder}".encode() in environ.read_bytes():
                found.append(int(environ.parent.name))
    return found
