# SPDX-License-Identifier: Apache-2.0
"""The demos run as they are, in real Airflow, on real data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_omics.testing.airflow_home import AIRFLOW_3

pytest.importorskip("pybwa", reason="the demo's tools are not installed: demo/requirements.txt")
pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not AIRFLOW_3, reason="`make demo` is of Airflow 3, as some examples beside its own are"),
]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param([], "12 of 12 planted variants found", marks=pytest.mark.slow),
        (["--chain"], "kept 12 variants"),
    ],
)
def test_it_ends_with_the_variants(options, told):
    command = [sys.executable, "-m", "demo", *options]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert told in done.stdout
