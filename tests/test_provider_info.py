# SPDX-License-Identifier: Apache-2.0
"""What Airflow's own commands make of the provider's metadata."""

import importlib
import json
import pkgutil
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files

import jsonschema
import pytest

from airflow_provider_omics.get_provider_info import get_provider_info
from airflow_provider_omics.operators.run import StartOmicsRunOperator

INFO = get_provider_info()
LINKS = INFO["extra-links"]


@pytest.fixture(scope="module")
def airflow(airflow_db):  # noqa: ARG001 - the commands open the database
    """Return a function that runs an ``airflow`` command and returns what it prints."""

    def run(*arguments):
        command = [sys.executable, "-m", "airflow", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own command

    return run


def test_it_satisfies_airflows_schema():
    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


@pytest.mark.parametrize("kind", ["operators", "sensors", "hooks", "triggers"])
def test_it_names_every_module(kind):
    named = [name for entry in INFO[kind] for name in entry["python-modules"]]
    package = importlib.import_module(f"airflow_provider_omics.{kind}")
    assert sorted(named) == [f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)]


def test_every_link_of_the_operator_is_registered():
    used = {f"{type(it).__module__}.{type(it).__name__}" for it in StartOmicsRunOperator.operator_extra_links}
    assert used == set(LINKS)


def test_airflow_lists_the_provider(airflow):
    [shown] = json.loads(airflow("providers", "get", "airflow-provider-omics", "--full", "--output", "json"))
    assert shown["versions"] == [version("airflow-provider-omics")]
    # The command takes the description's markup away.
    assert [key for key in INFO if key != "description" and shown[key] != INFO[key]] == []


def test_airflow_knows_the_links(airflow):
    listed = {row["extra_link_class_name"] for row in json.loads(airflow("providers", "links", "--output", "json"))}
    assert listed >= set(LINKS)


def test_airflow_knows_the_config_section(airflow):
    assert airflow("config", "get-value", "omics", "poll_interval").splitlines()[-1] == "30"


def test_it_imports_nothing_heavy():
    check = "import sys, airflow_provider_omics.get_provider_info; print(*{m.split('.')[0] for m in sys.modules})"
    command = [sys.executable, "-c", check]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    loaded = set(done.stdout.split())
    assert "airflow_provider_omics" in loaded
    assert not {"airflow", "boto3", "botocore"} & loaded
