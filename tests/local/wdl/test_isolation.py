# SPDX-License-Identifier: Apache-2.0
"""What the endpoint says of isolation, and what it shows of a host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_omics.local.wdl import isolation

SERVE = [sys.executable, "-m", "airflow_provider_omics.local", "serve", "--port", "0"]


@pytest.fixture(autouse=True)
def fresh():
    isolation._works.cache_clear()
    yield
    isolation._works.cache_clear()


@pytest.mark.parametrize(
    ("works", "says"),
    [
        (lambda _prefix: True, "in bubblewrap: no network, no process, socket or home"),
        (lambda prefix: "bwrap" not in prefix, "WITHOUT A SANDBOX: no network, no process of this host, but files"),
        (lambda prefix: "--pid" not in prefix and "bwrap" not in prefix, "no network, the processes of this host"),
        (lambda _prefix: False, "this host's network, the processes of this host"),
    ],
)
def test_what_a_task_can_reach_is_said_in_a_line(works, says, monkeypatch):
    monkeypatch.setattr(isolation, "_works", works)
    assert says in isolation.description()
    assert "\n" not in isolation.description()


def test_a_sandbox_that_is_required_and_not_there_is_refused(tmp_path):
    (tmp_path / "true").symlink_to("/bin/true")
    env = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(  # noqa: S603 - our own command
        [*SERVE, "--require-sandbox"], capture_output=True, text=True, check=False, env=env, timeout=120
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "--require-sandbox: bubblewrap is not installed" in done.stderr


def test_nobodys_home_is_shown_for_programs_in_it(monkeypatch, tmp_path):
    home = tmp_path / "home"
    for folder in (
        "bin",
        "lib",
        "conda/bin",
        "conda/lib",
        ".local/bin",
        ".local/lib",
        ".local/share",
        ".aws",
        ".x/bin",
    ):
        (home / folder).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", ":".join(f"{home}/{folder}" for folder in ("bin", "conda/bin", ".local/bin", ".x/bin")))
    options = isolation.visible()
    shown = {path.removeprefix(f"{home}/") for path in options if path.startswith(str(home))}
    assert shown == {"bin", "lib", "conda", ".local/bin", ".local/lib", ".x/bin"}
    assert not {"/", "/home", "/root", "/run", "/var", "/tmp", "/etc", str(home), str(Path.home())} & set(options)  # noqa: S108
