# SPDX-License-Identifier: Apache-2.0
"""
Each rule of the protocol, broken in turn: a named test has to notice.

``python -m tests.protocol.mutations`` tries them all, or those whose names contain one of the arguments; each is made
in a copy of the project, in which its test runs. The rules are in tests/protocol/rules/, a module for each package.
"""

from __future__ import annotations

import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tests.protocol import rules

if TYPE_CHECKING:
    from tests.protocol.mutation import Mutation

ROOT = Path(__file__).parents[2]
PACKAGE = "airflow_provider_omics"
_ONE_TEST_FAILED = 1
_SECONDS = 300
# Errors of the broken code, which notice nothing of the rule.
_NO_CODE = re.compile(r"\b(NameError|UnboundLocalError|ImportError|SyntaxError|IndentationError)\b")

RULES = tuple(import_module(f"{rules.__name__}.{module.name}") for module in pkgutil.iter_modules(rules.__path__))
MUTATIONS = tuple(mutation for module in RULES for mutation in module.MUTATIONS)


def survives(mutation: Mutation) -> str | None:
    """Return why a mutation does not count as noticed, None if its test fails as it must."""
    with tempfile.TemporaryDirectory() as directory:
        for name in (PACKAGE, "tests", "demo"):
            shutil.copytree(ROOT / name, Path(directory, name), ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", directory)
        file = Path(directory, PACKAGE, mutation.file)
        text = file.read_text()
        if text.count(mutation.old) != 1:
            return f"{mutation.file} has {mutation.old!r} {text.count(mutation.old)} times, not once"
        file.write_text(text.replace(mutation.old, mutation.new))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "--tb=line",
            "--timeout=150",
            mutation.test,
        ]
        environment = {**os.environ, "PYTHONPATH": directory, "OMICS_SHRINK": "no"}
        try:
            done = subprocess.run(  # noqa: S603 - the command is our own
                command, cwd=directory, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"{mutation.test} does not end"
        if broken := _NO_CODE.search(done.stdout):
            return f"it is no working code: {broken.group()} in {mutation.test}"
        if done.returncode != _ONE_TEST_FAILED:
            return f"{mutation.test} ends with {done.returncode}: {done.stdout[-300:]}"
    return None


def main(names: list[str]) -> int:
    """Try the mutations and say what became of each."""
    unnoticed = 0
    for mutation in MUTATIONS:
        if names and not any(name in mutation.rule for name in names):
            continue
        why = survives(mutation)
        unnoticed += why is not None
        print(f"{'noticed' if why is None else 'SURVIVES'}  {mutation.rule}" + (f": {why}" if why else ""), flush=True)  # noqa: T201 - it speaks to who started it
    return min(unnoticed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
