# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in hooks/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

HOOK = "hooks/omics.py"
SCENARIOS = "tests/protocol/test_scenarios.py"
WAITING = "tests/operators/test_waiting.py::"
ACCOUNTS = "tests/hooks/test_identity.py::"
CANCELS = "tests/operators/cancelling/test_runs.py::"

MUTATIONS = (
    Mutation("a reused id is another run", HOOK, "if run.uuid and now.uuid != run.uuid:\n            self.check_owner", "if False:\n            self.check_owner"),
    Mutation("a 404 at once means not yet visible", HOOK, "VISIBLE_AFTER: Final = 15 * 60", "VISIBLE_AFTER: Final = 0"),
    Mutation("a 404 later means gone", HOOK, "if run.creation_time and time.time() < run.creation_time + VISIBLE_AFTER:", "if run.creation_time:", WAITING + "test_a_run_that_is_deleted_while_waited_for"),
    Mutation("a manifest tells how a run ended that is gone", HOOK, 'return how_it_ended(self.logs, run) or run.deleted(f"its', 'return run.deleted(f"its', SCENARIOS),
    Mutation("nobody judges from another account", HOOK, "        except self.conn.exceptions.ResourceNotFoundException:\n            self.check_owner(run)\n", "        except self.conn.exceptions.ResourceNotFoundException:\n", ACCOUNTS + "test_nobody_judges_from_another_account"),
    Mutation("another account's run of the id is nobody's end", HOOK, "            self.check_owner(run)\n            return how_it", "            return how_it", ACCOUNTS + "test_another_accounts_run_of_the_same_id_is_no_end"),
    Mutation("nobody judges by what another account may not look at", HOOK, "self.check_owner(run)  # Credentials", "pass  # Credentials", ACCOUNTS + "test_who_may_not_look_from_another_account_is_told_which"),
    Mutation("nobody cancels in another account", HOOK, "        self.check_owner(run)\n        errors = self", "        errors = self", ACCOUNTS + "test_nobody_cancels_in_another_account"),
    Mutation("DeleteRun asks first whose the id is", HOOK, "            if run.uuid and now.uuid != run.uuid:\n                self", "            if False:\n                self", CANCELS + "test_another_run_that_has_taken_over_the_id_is_left_alone"),
    Mutation("what botocore refuses fails for good", HOOK, "except ParamValidationError as error:", "except ZeroDivisionError as error:", "tests/operators/test_parameters_uri.py::test_a_newer_member_of_a_wrong_type_fails_for_good"),
)  # fmt: skip
