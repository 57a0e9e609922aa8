# SPDX-License-Identifier: Apache-2.0
"""Imports go one way, those of type hints and those in functions included; what is pure stays so."""

import ast
import graphlib
import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "airflow_provider_omics"
# From what users import down to what knows nothing of the others; those of one line do not know each other.
LAYERS = (
    ("get_provider_info",),
    ("operators", "sensors"),
    ("tasks",),
    ("triggers",),
    ("read_sets",),
    ("lifecycle",),
    ("cancellation", "results"),
    ("polling",),
    ("hooks",),
    ("links",),
    ("aws",),
    ("compat",),
    ("request",),
    ("exceptions",),
    ("records",),
)
# What users import has, as everywhere in Airflow, the same name in each of these packages.
PUBLIC = {"operators", "sensors", "triggers", "hooks", "links"}
# The local endpoint is an optional extra: the provider does not know it, nor it the provider. The pytest plugin knows
# the endpoint alone.
LOCAL, TESTING = "local", "testing"
LOCAL_LAYERS = (
    ("__main__",),
    ("seed",),
    ("testing",),
    ("server",),
    ("http",),
    ("examples",),
    ("operations",),
    ("wdl", "sequencestores"),
    ("runs",),
    ("workflows",),
    ("state",),
    ("faults", "publishing"),
    ("wire",),
    ("environment", "settings"),
    ("json_types",),
)


def name_of(file):
    return file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")


MODULES = {name_of(file): ast.parse(file.read_text()) for file in ROOT.rglob("*.py") if file != ROOT / "__init__.py"}


def imported(tree):
    """Yield the modules of the provider that a module imports anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}".partition(f"{ROOT.name}.")
                if whole[0] == "":
                    yield whole[2] if whole[2] in MODULES else whole[2].rpartition(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.removeprefix(f"{ROOT.name}.") for alias in node.names if ROOT.name in alias.name)


IMPORTS = {name: sorted(set(imported(tree)) - {""}) for name, tree in MODULES.items()}
OURS = {name: modules for name, modules in IMPORTS.items() if name.split(".")[0] not in (LOCAL, TESTING)}


def is_package(name):
    return (ROOT / name.replace(".", "/")).is_dir()


# The endpoint's own, by their names below it; what it imports of the provider would be in no layer.
INSIDE = {
    name.removeprefix(f"{LOCAL}."): [other.removeprefix(f"{LOCAL}.") for other in others]
    for name, others in IMPORTS.items()
    if name.startswith(f"{LOCAL}.") and not is_package(name)
}


def layer(package, layers):
    [number] = [number for number, packages in enumerate(layers) if package in packages]
    return number


@pytest.mark.parametrize(("graph", "layers"), [(OURS, LAYERS), (INSIDE, LOCAL_LAYERS)], ids=["provider", LOCAL])
def test_each_package_imports_those_below_it_alone(graph, layers):
    edges = [(name, other) for name, others in graph.items() for other in others]
    packages = {(name.split(".")[0], other.split(".")[0]): f"{name} imports {other}" for name, other in edges}
    back = [edge for (a, b), edge in packages.items() if a != b and layer(b, layers) <= layer(a, layers)]
    assert back == []
    assert {name.split(".")[0] for name in graph} == {package for packages in layers for package in packages}


def test_the_pytest_plugin_imports_the_endpoint_alone_and_nothing_imports_it():
    known = {name: {other.split(".")[0] for other in others} for name, others in IMPORTS.items()}
    inside = {name: packages for name, packages in known.items() if name.split(".")[0] == TESTING}
    assert set().union(*inside.values()) == {LOCAL, TESTING}
    assert [name for name, packages in known.items() if TESTING in packages and name not in inside] == []


def test_no_modules_import_each_other_in_a_circle():
    # A package's own module imports those that it is made of.
    graph = {name: [other for other in others if f"{name}." not in f"{other}."] for name, others in IMPORTS.items()}
    list(graphlib.TopologicalSorter(graph).static_order())


def test_no_two_modules_have_one_name():
    files = [name for name in IMPORTS if not is_package(name) and name.split(".")[0] not in PUBLIC]
    names = Counter(name.rpartition(".")[2] for name in files)
    assert [name for name, count in names.items() if count > 1] == []


def test_what_users_import_is_all_that_its_packages_hold():
    """A class or a function that begins with an underscore, or is of no use to users, is somewhere else."""
    public = {name: MODULES[name] for name in OURS if name.split(".")[0] in PUBLIC and "." in name}
    named = {
        name: [node.name for node in tree.body if isinstance(node, ast.ClassDef) and "Omics" in node.name]
        for name, tree in public.items()
    }
    assert [name for name, classes in named.items() if not classes] == []


@pytest.mark.parametrize(
    ("package", "module"), list(product(["records", "request", "lifecycle.attempt"], ["airflow", "boto3", "botocore"]))
)
def test_what_is_pure_imports_neither_airflow_nor_boto3(package, module):
    names = [name for name in OURS if f"{name}.".startswith(f"{package}.")]
    code = f"import sys, importlib; [importlib.import_module('{ROOT.name}.' + name) for name in {names}]; "
    code += f"sys.exit({module!r} in sys.modules)"
    assert names
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own command
