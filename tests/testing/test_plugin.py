# SPDX-License-Identifier: Apache-2.0
"""The plugin costs a project that does not use it nothing, and changes nothing there."""

from __future__ import annotations

import os
import subprocess
import sys

PLUGIN = "airflow_provider_omics.testing.plugin"
UNUSED = """
import os
import sys

HEAVY = {"airflow", "boto3", "botocore", "moto", "uvicorn", "WDL", "yaml", "sqlite3"}


def test_nothing_is_imported_and_nothing_changed():
    assert "airflow_provider_omics.testing.plugin" in sys.modules
    assert {name.split(".")[0] for name in sys.modules} & HEAVY == set()
    assert (os.environ["AIRFLOW_HOME"], os.environ["AWS_PROFILE"]) == ("/somebody/airflow", "somebody")


def test_a_fixture_of_the_same_name_is_the_projects_own(run_dag):
    assert run_dag == "ours"
"""
CONFTEST = """
import pytest


@pytest.fixture
def run_dag():
    return "ours"
"""


def test_a_project_that_does_not_use_it_is_as_it_was(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_unused.py").write_text(UNUSED)
    # Of the environment here only what leads to this package, and none of its other plugins.
    env = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    env |= {"AIRFLOW_HOME": "/somebody/airflow", "AWS_PROFILE": "somebody"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, "-p", "no:cacheprovider", "--strict-config"]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_it_may_be_named_beside_its_entry_point(tmp_path):
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = [{PLUGIN!r}]\n")
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, "-p", "no:cacheprovider"]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
