# SPDX-License-Identifier: Apache-2.0
"""The table of clients in the docs has each client at the version that runs here."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "clients-of-the-local-endpoint.md"


def test_the_docs_have_each_client_at_its_version():
    pinned = set()
    for file in HERE.glob("*.txt"):
        [version] = re.findall(rf"^{file.stem}==(.+)$", file.read_text(), re.MULTILINE)
        pinned.add((file.stem, version))
    assert pinned == set(re.findall(r"^\| (\S+) (\d\S+) ", DOCS.read_text(), re.MULTILINE))
