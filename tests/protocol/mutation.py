# SPDX-License-Identifier: Apache-2.0
"""A rule of the protocol, and how it is broken; those of each package are in tests/protocol/rules/."""

from __future__ import annotations

from typing import NamedTuple

MACHINE = "tests/protocol/test_machine.py::test_a_few_hundred_schedules"


class Mutation(NamedTuple):
    """A rule, how it is broken, and the test that must fail then."""

    rule: str
    file: str
    old: str
    new: str
    test: str = MACHINE
