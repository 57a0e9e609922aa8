# SPDX-License-Identifier: Apache-2.0
"""What keeps a run away from the network and the host: util-linux and bubblewrap, as far as this kernel allows them."""

from __future__ import annotations

import functools
import os
import pwd
import subprocess
import sys
from pathlib import Path

# From the most to the least: some kernels and containers give no network or process namespace.
UNSHARE: tuple[tuple[str, ...], ...] = (
    ("unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"),
    ("unshare", "--map-root-user", "--net"),
    (),
)
# Without capabilities: they would let a task that runs as root make writable what is mounted read-only.
BWRAP = (
    *("bwrap", "--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--cap-drop", "ALL"),
    *("--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"),  # noqa: S108  the task's own /tmp
)
# Where programs are and what they need: nobody's home, and neither /run nor /var, where hosts have their sockets.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store")
_OF_ETC = (
    *("alternatives", "bash.bashrc", "fonts", "group", "host.conf", "hosts", "java-*", "ld.so.*", "localtime", "magic"),
    *("magic.mime", "mime.types", "nsswitch.conf", "passwd", "perl", "protocols", "python3*", "R", "services"),
    *("ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone"),
)
_OF_PROGRAMS = ("bin", "sbin", "shims", "condabin")
# What may be beside them in somebody's home, or in a hidden folder there, such as ~/.local, ~/.cargo or ~/.pyenv.
_BESIDE_PROGRAMS = ("lib", "libexec", "version", "versions")


def ending_with_parent(signal: str = "KILL") -> tuple[str, ...]:
    """Return the command prefix that has a program get a signal when the thread that started it ends, however."""
    prefix = ("setpriv", "--pdeathsig", signal)
    return prefix if _works(prefix) else ()


def namespaces() -> tuple[str, ...]:
    """Return the command prefix that puts a run into namespaces of its own, empty where there are none."""
    return next(prefix for prefix in UNSHARE if not prefix or _works(prefix))


def backend() -> str:
    """Name the miniwdl backend that isolates a task most inside those namespaces."""
    return "omics_sandbox" if _works((*namespaces(), *BWRAP, *visible())) else "omics_host"


def description() -> str:
    """Say in one line what a task can reach."""
    if backend() == "omics_sandbox":
        return (
            "Tasks run in bubblewrap: no network, no process, socket or home of this host; they read its programs and "
            "their inputs, and write in their own folder."
        )
    level = UNSHARE.index(namespaces())
    network = "no network" if level < len(UNSHARE) - 1 else "this host's network"
    processes = "no process" if level == 0 else "the processes"
    return (
        f"Tasks run WITHOUT A SANDBOX: {network}, {processes} of this host, but files and sockets as the user who "
        "serves; bubblewrap, where the kernel allows it, hides them."
    )


def visible() -> tuple[str, ...]:
    """Return bubblewrap's options that show the programs of this host: the system's, and those on PATH."""
    etc = sorted(path for pattern in _OF_ETC for path in Path("/etc").glob(pattern))
    paths = (*map(Path, _SYSTEM), *etc, *sorted(_programs()))
    return tuple(option for path in paths if path.exists() for option in ("--ro-bind", str(path), str(path)))


def _programs() -> set[Path]:
    homes = {Path(entry.pw_dir) for entry in pwd.getpwall()} | {Path.home()}
    found = {Path(sys.prefix), Path(sys.base_prefix)}
    for entry in map(Path, os.environ.get("PATH", os.defpath).split(os.pathsep)):
        prefix = entry.parent
        private = prefix in homes or (prefix.name.startswith(".") and prefix.parent in homes)
        if entry.name in _OF_PROGRAMS and not private:
            found.add(prefix)  # programs have their libraries and data beside bin
        elif entry.is_absolute():
            found |= {entry, *(prefix / name for name in _BESIDE_PROGRAMS)}
    found |= {path.resolve() for path in found}
    return {path for path in found if not any(path.is_relative_to(system) for system in ("/proc", "/dev", *_SYSTEM))}


@functools.cache
def _works(prefix: tuple[str, ...]) -> bool:
    """Whether a program runs under ``prefix``: installed is not enough, the kernel must allow it."""
    try:
        return subprocess.run([*prefix, "true"], capture_output=True, check=False, timeout=60).returncode == 0  # noqa: S603  our own constants
    except (OSError, subprocess.TimeoutExpired):
        return False
