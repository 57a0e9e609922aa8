# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in request/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

NONE = "tests/operators/test_none.py::"
ARGUMENTS = "tests/operators/test_arguments.py::"

MUTATIONS = (
    Mutation("no text reaches a triggerer that it cannot take", "request/build.py", "        yield from documents.not_json(text, name)\n", "        yield from ()\n", "tests/request/test_documents.py::test_no_text_is_sent_that_airflow_cannot_keep"),
    Mutation("a connection that came out empty is refused", "request/arguments.py", "and not value.strip():", "and False:", ARGUMENTS + "test_what_is_empty_is_refused_before_any_call"),
    Mutation("a time of nothing is refused", "request/arguments.py", "0 < number < _LONGEST or", "0 <= number < _LONGEST or", ARGUMENTS + "test_a_poll_interval_is_a_timedelta_or_seconds"),
    Mutation("a member that came out as None is refused", "request/build.py", "violations = [rendered_to_none(name) for name in refused]", "violations = []", NONE + "test_anything_else_is_refused"),
)  # fmt: skip
