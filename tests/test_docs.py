# SPDX-License-Identifier: Apache-2.0
"""What the documentation promises is tested by the test that it names, and the code that it names exists."""

import ast
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

from airflow_provider_omics.local.faults.planned_faults import Kind
from airflow_provider_omics.local.settings import Settings
from airflow_provider_omics.local.state.scripts import Plan
from airflow_provider_omics.results.failures import CLASSES, RETRIED

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "airflow_provider_omics"
DOCS = TESTS.parent / "docs"
PAGE = (DOCS / "what-happens-to-my-run.md").read_text()
TESTING = (DOCS / "testing-dags.md").read_text()


def cells(page, column=1):
    """Return what stands in backquotes in a column of a page's tables."""
    rows = re.findall(r"^\|.*\|$", page, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[column - 1])}


def test_the_reference_of_the_fixtures_has_all_that_can_be_set():
    kinds = set(get_args(Kind))
    settings, plan = ({field.name for field in fields(of)} for of in (Settings, Plan))
    there = cells(TESTING)
    assert settings | kinds | plan - {"resourceDigests"} <= there
    assert f"`{Settings().account}`" in TESTING


def test_the_table_of_failures_has_each_reason_in_its_class():
    table = {}
    for row in re.findall(r"^\| `\w+` \|.*\|$", (DOCS / "what-a-task-says.md").read_text(), re.MULTILINE):
        name, reasons, retried = row.strip("| ").split(" | ")
        table |= dict.fromkeys(re.findall(r"`(\w+)`", reasons), (name.strip("`"), retried))
    assert {reason: kind for reason, (kind, _) in table.items()} == CLASSES
    assert {kind for kind, retried in table.values() if retried == "yes"} == set(RETRIED)


def test_every_row_names_a_test_that_exists():
    row_ends = re.findall(r"^\|.*\| *([^|]*?) *\|$", PAGE, re.MULTILINE)
    named = [cell for cell in row_ends if cell != "test" and set(cell) != {"-"}]
    there = {
        f"`{file.name}::{name}`"
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 20
    assert [cell for cell in named if cell not in there] == []


def names_in(file):
    """Return what a module defines: functions, classes, and the methods of its classes."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, kinds)}


def test_every_module_and_function_that_the_architecture_names_exists():
    page = (DOCS / "architecture.md").read_text()
    packages = "|".join(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
    named = re.findall(rf"(?<![\w/])((?:{packages})/\w+)(?:\.(?!py\b)(\w+))?", page)
    assert len(named) > 40
    there = {module: PACKAGE / f"{module}.py" for module, _ in named if (PACKAGE / f"{module}.py").exists()}
    assert [module for module, _ in named if module not in there] == []
    assert [(module, name) for module, name in named if name and name not in names_in(there[module])] == []
