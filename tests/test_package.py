# SPDX-License-Identifier: Apache-2.0
"""What is built is what is promised: a wheel that needs nothing of the extra, and a complete sdist."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# The packages of the extra `local`, and OpenLineage's, that the provider itself must do without.
REFUSE = """
import importlib.abc, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {"a2wsgi", "flask_cors", "moto", "openlineage", "uvicorn", "WDL"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
sys.path.insert(0, sys.argv.pop(1))
import airflow_provider_omics
assert airflow_provider_omics.__file__.startswith(sys.path[0]), airflow_provider_omics.__file__
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build both distributions without a network, and return their folder."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    return folder


@pytest.fixture(scope="module")
def run_installed(built, tmp_path_factory):
    """Return a function that runs Python code with the wheel's content, and without the extra's packages."""
    [wheel] = built.glob("*.whl")
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)  # noqa: S202 - we have just built it

    def run(code):
        command = [sys.executable, "-c", REFUSE + code, str(site)]
        return subprocess.run(command, cwd=site, capture_output=True, text=True, check=False)  # noqa: S603 - likewise

    return run


def test_the_wheel_holds_the_package_alone(built):
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"airflow_provider_omics"}
    assert "airflow_provider_omics/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_sdist_can_test_itself(built):
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    wanted = {"Makefile", "pyproject.toml", "requirements/airflow3.txt", "demo/germline/main.wdl", "tests/conftest.py"}
    assert wanted <= names
    assert [name for name in names if name.split("/")[0] in {".venv", ".build", "dist"}] == []


@pytest.mark.parametrize(
    "name",
    [
        "operators.run.StartOmicsRunOperator",
        "operators.import_read_sets.ImportOmicsReadSetsOperator",
        "hooks.omics.OmicsHook",
        "triggers.run.OmicsRunTrigger",
        "triggers.events.OmicsEventTrigger",
        "triggers.read_sets.OmicsReadSetJobTrigger",
    ],
)
def test_the_wheel_works_without_the_extra(name, run_installed):
    module, _, attribute = f"airflow_provider_omics.{name}".rpartition(".")
    done = run_installed(f"from {module} import {attribute}; print({attribute}.__name__)")
    assert done.stdout.split()[-1:] == [attribute], done.stderr


def test_omics_local_says_what_it_lacks(run_installed):
    done = run_installed("from airflow_provider_omics.local.__main__ import main; sys.exit(main(['serve']))")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].endswith("pip install 'airflow-provider-omics[local]'")
    assert "Traceback" not in done.stderr


def test_omics_local_tells_the_environment_without_the_extra(run_installed):
    done = run_installed("from airflow_provider_omics.local.__main__ import main; sys.exit(main(['env']))")
    assert "export AIRFLOW_CONN_AWS_DEFAULT=" in done.stdout, done.stderr


def test_the_fixtures_say_what_they_lack(run_installed):
    done = run_installed("from airflow_provider_omics.local.testing import installed_server; installed_server()")
    assert done.stderr.strip().endswith(
        "is not installed; the endpoint needs: pip install 'airflow-provider-omics[local]'"
    )
