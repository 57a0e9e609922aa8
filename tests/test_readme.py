# SPDX-License-Identifier: Apache-2.0
"""The README says what the code does."""

import re
from pathlib import Path

from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.request.members import MEMBERS, Kind, Member

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def rule(member: Member) -> str:
    if member.choices:
        return " or ".join(f"`{choice}`" for choice in member.choices)
    if member.kind is Kind.INTEGER:
        return f"integer, {member.minimum} to {member.maximum}"
    if member.kind is Kind.TEXT:
        length = f"{member.minimum} to {member.maximum} characters" if member.maximum else "text"
        pattern = f", `{member.pattern}`" if member.pattern and "\\p" not in member.pattern else ""
        return length + pattern
    return {
        Kind.BOOLEAN: "boolean",
        Kind.DOCUMENT: "document",
        Kind.JSON_TEXT: "document, as JSON text",
        Kind.TAGS: "document of strings",
    }[member.kind]


def table() -> str:
    rows = [f"| `{member.argument}` | {rule(member)} | {member.summary} |" for member in MEMBERS]
    return "\n".join(["| argument | takes | meaning |", "| --- | --- | --- |", *rows])


def test_the_argument_table_is_the_codes():
    assert table() in README, f"Put this table into README.md:\n{table()}"


def test_the_first_dag_is_an_example_dag():
    code = (ROOT / "example_dags/first_run.py").read_text().split('"""\n', 1)[1].strip()
    assert f"```python\n{code}\n```" in README


def test_other_arguments_are_told_too():
    own = re.findall(r":param (\w+):", StartOmicsRunOperator.__doc__ or "")
    members = {member.argument for member in MEMBERS}
    assert [argument for argument in own if argument not in members and f"`{argument}`" not in README] == []


def test_every_example_dag_is_named():
    assert [path.name for path in (ROOT / "example_dags").glob("*.py") if path.name not in README] == []


def test_links_to_files_lead_somewhere():
    files = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
    assert [target for target in files if not (ROOT / target).exists()] == []


def test_no_command_to_paste_touches_somebodys_own_airflow():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    blocks = [block for page in pages for block in re.findall(r"```\w*\n(.*?)```", page.read_text(), re.DOTALL)]
    local = [block for block in blocks if re.search(r"airflow (db|dags test|standalone)", block)]
    assert local
    assert [block for block in local if not re.search(r"AIRFLOW_HOME=.*\n(.*\n)*airflow ", block)] == []


def test_what_the_readme_says_of_the_fixtures_is_there():
    from airflow_provider_omics.local.testing import LocalClock, LocalOmics  # noqa: PLC0415 - a page of the README's

    rows = README.partition("| `omics_local` | |")[2].partition("\n\n")[0]
    named = re.findall(r"`\.(\w+)", rows)
    assert len(named) > 8
    assert [
        name for name in named if not (hasattr(LocalOmics, name) or hasattr(LocalClock, name) or name == "clock")
    ] == []
