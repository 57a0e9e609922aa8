# SPDX-License-Identifier: Apache-2.0
"""What keeps a run away from the network and the host: util-linux and bubblewrap, as far as this kernel allows them."""

from __future__ import annotations

import functools
import subprocess

# From the most to the least: some kernels and containers give no network or process namespace.
UNSHARE: tuple[tuple[str, ...], ...] = (
    ("unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"),
    ("unshare", "--map-root-user", "--net"),
    (),
)
BWRAP = (
    *("bwrap", "--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"),  # noqa: S108  the task's own /tmp
)


def ending_with_parent(signal: str = "KILL") -> tuple[str, ...]:
    """Return the command prefix that has a program get a signal when the thread that started it ends, however."""
    prefix = ("setpriv", "--pdeathsig", signal)
    return prefix if _works(prefix) else ()


def namespaces() -> tuple[str, ...]:
    """Return the command prefix that puts a run into namespaces of its own, empty where there are none."""
    return next(prefix for prefix in UNSHARE if not prefix or _works(prefix))


def backend() -> str:
    """Name the miniwdl backend that isolates a task most inside those namespaces."""
    return "omics_sandbox" if _works((*namespaces(), *BWRAP)) else "omics_host"


@functools.cache
def _works(prefix: tuple[str, ...]) -> bool:
    """Whether a program runs under ``prefix``: installed is not enough, the kernel must allow it."""
    try:
        return subprocess.run([*prefix, "true"], capture_output=True, check=False, timeout=60).returncode == 0  # noqa: S603  our own constants
    except (OSError, subprocess.TimeoutExpired):
        return False
