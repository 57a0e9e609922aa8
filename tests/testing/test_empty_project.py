# SPDX-License-Identifier: Apache-2.0
"""README's "Test your own DAGs", by who has the built wheel, an empty folder and nothing else of this project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_omics.testing.airflow_home import AIRFLOW

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DAG, TESTS = (
    re.search(rf"```python\n({first}.*?)```", README, re.DOTALL).group(1) for first in ("import pendulum", "def test_")
)
PAGE = (ROOT / "docs/testing-dags.md").read_text()
WDL, WORKFLOW_TEST = (re.search(rf"```{block}(.*?)```", PAGE, re.DOTALL).group(1) for block in ("wdl\n", "python\n"))
# What the documented test says if the DAG is broken.
BROKEN = DAG.replace('workflow_id="1234567"', 'workflow_id="7654321"')
# Neither this project's settings nor its folder.
OURS = ("AIRFLOW", "AWS_", "PYTEST", "PYTHON")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture
def project(tmp_path):
    """Make the documented project, with its DAG once right and once wrong."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "dags/first_run.py").write_text(DAG)
    (tmp_path / "dags/broken.py").write_text(BROKEN)
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/main.wdl").write_text(WDL)
    (tmp_path / "tests/test_first_run.py").write_text(TESTS)
    (tmp_path / "tests/test_workflow.py").write_text(WORKFLOW_TEST)
    (tmp_path / "tests/test_broken.py").write_text(TESTS.replace("first_run.py", "broken.py"))
    return tmp_path


def check(python, project, environment):
    """Run the documented command, and see that it fails for the broken DAG alone."""
    done = subprocess.run(  # noqa: S603 - our own command
        [python, "-m", "pytest", "-rA", "--color=no"],
        cwd=project,
        env={**CLEAN, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    results = set(re.findall(r"^(PASSED|FAILED|ERROR) tests/(\w+)\.py::(\w+)", done.stdout, re.MULTILINE))
    assert results == {
        ("PASSED", "test_first_run", "test_a_lost_answer_starts_no_second_run"),
        ("PASSED", "test_first_run", "test_a_run_without_memory_fails_the_dag"),
        ("PASSED", "test_workflow", "test_the_workflow_counts_the_bytes"),
        ("FAILED", "test_broken", "test_a_lost_answer_starts_no_second_run"),
        ("FAILED", "test_broken", "test_a_run_without_memory_fails_the_dag"),
    }, done.stdout + done.stderr
    assert "call_variants: failed, try 1" in done.stdout
    assert "Workflow 7654321 not found" in done.stdout


@pytest.mark.usefixtures("airflow_db")
def test_the_documented_test_passes_and_a_broken_dag_fails_it(wheel, project, tmp_path_factory, request):
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--no-index", "--target", site, wheel]
    subprocess.run(command, check=True)  # noqa: S603 - our own command
    # Airflow's database takes long to make.
    cache = project / ".pytest_cache/d/airflow-provider-omics"
    cache.mkdir(parents=True)
    shutil.copy(request.config.cache.mkdir("airflow-provider-omics") / f"airflow-{AIRFLOW}.db", cache)
    check(sys.executable, project, {"PYTHONPATH": str(site)})


def interpreter(version):
    """Return the path of a Python of that version, or skip."""
    asks = (
        ["uv", "python", "find", "--system", "--no-python-downloads", version],
        [f"python{version}", "-c", "import sys; print(sys.executable)"],
    )
    for command in asks:
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
            if done.returncode == 0:
                return done.stdout.strip()
    return pytest.skip(f"there is no Python {version} here")


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_it_does_from_an_empty_environment(version, tool, wheel, project):
    """Resolves and installs what there is today, which takes minutes."""
    home = project / ".venv"
    python, ours = interpreter(version), home / "bin/python"
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    if tool == "uv":
        venv, install = ["uv", "venv", "-q", "--python", python, home], ["uv", "pip", "install", "-q", "--python", ours]
    else:
        venv, install = [python, "-m", "venv", home], [ours, "-m", "pip", "install", "-qq"]
    for command in (venv, [*install, f"{wheel}[local]", "pytest"]):
        subprocess.run(command, check=True, env=CLEAN)  # noqa: S603 - our own command
    check(ours, project, {})
