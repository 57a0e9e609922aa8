# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in read_sets/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

MUTATIONS = (
    Mutation("two read sets of the same files are not one", "read_sets/read_set_request.py", "if item != sources[other]:", "if False:", "tests/operators/read_sets/test_arguments.py::test_bad_input_is_refused_when_the_dag_is_parsed"),
)  # fmt: skip
