# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in compat/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

NONE = "tests/operators/test_none.py::"
LOOPS = "tests/operators/test_loops.py"

MUTATIONS = (
    Mutation("a region outside loops is no part", "compat/context.py", '("loop")\n    if loop is None:', '("loop") or type("Loop", (), {"index": 0})\n    if False:', LOOPS),
    Mutation("nobody waits for an earlier try's run in a pass", "compat/task_states.py", 'if "A loop producer requires" not in str(error):', "if True:", LOOPS),
    Mutation("an answer that fails is no answer", "compat/task_states.py", 'if "A loop producer requires" not in str(error):', "if False:", LOOPS),
    Mutation("a mapped task is not taken for one of its name", "compat/task_states.py", "        if not clash and fits:", "        if fits:", "tests/cancellation/test_task_states.py"),
    Mutation("a question has room for so many ids", "compat/task_states.py", "        if not clash and fits:", "        if not clash:", "tests/cancellation/test_task_states.py::test_a_question_has_room_for_so_many_ids"),
    Mutation("None from upstream is rendered, in a mapped task too", "compat/context.py", 'hasattr(values, "resolve")}', "False}", NONE + "test_a_policy_of_none_from_upstream_is_refused"),
    Mutation("None that is written means not given, in a mapped task too", "compat/context.py", 'if hasattr(values, "resolve")}', "if True}", NONE + "test_what_is_written_into_expand_may_be_none"),
)  # fmt: skip
