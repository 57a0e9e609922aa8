# SPDX-License-Identifier: Apache-2.0
"""What the documentation promises is tested by the test that it names."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs/what-happens-to-my-run.md").read_text()


def test_every_row_names_a_test_that_exists():
    cells = re.findall(r"^\|.*\| *([^|]*?) *\|$", PAGE, re.MULTILINE)
    named = [cell for cell in cells if cell != "test" and set(cell) != {"-"}]
    there = {
        f"`{file.name}::{name}`"
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 20
    assert [cell for cell in named if cell not in there] == []
