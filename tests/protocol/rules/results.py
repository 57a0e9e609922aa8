# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in results/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

TOLD = "results/outlets.py"
LOGS = "results/logs.py"
OUTLETS = "tests/operators/test_outlets.py"
ENGINE_LOG = "tests/operators/progress/test_engine_log.py::"

MUTATIONS = (
    Mutation("no failure is judged from another account", "results/failed_tasks.py", "it.check_owner(run)", "pass", "tests/operators/test_run_end.py::test_no_failure_is_judged_from_another_account"),
    Mutation("no outputs are lost to another account", "results/outputs.py", "hook.check_owner(run)", "pass", "tests/operators/test_run_end.py::test_no_outputs_are_lost_that_another_account_may_not_read"),
    Mutation("what Airflow's server refuses is no asset", TOLD, "if not uri.isascii():", "if False:", OUTLETS),
    Mutation("an object's name stays whole in its asset", TOLD, "if _SPECIAL.search(uri):", "if False:", OUTLETS),
    Mutation("an outlet without an event fails no completed run", TOLD, "except Exception as error:", "except KeyError as error:", OUTLETS + "::test_an_outlet_that_airflow_refuses_fails_no_completed_run"),
    Mutation("the slack of a log's end", LOGS, "(run.stop_time + _SLACK_SECONDS)", "run.stop_time", ENGINE_LOG + "test_lines_by_a_clock_that_is_a_little_wrong_are_copied"),
    Mutation("the slack of a log's beginning", LOGS, "(run.creation_time or 0) - _SLACK_SECONDS", "(run.creation_time or 0)", ENGINE_LOG + "test_lines_by_a_clock_that_is_a_little_wrong_are_copied"),
    Mutation("lines after a run's end are not its own", LOGS, 'if until is None or event["timestamp"] < until]', "]", ENGINE_LOG + "test_lines_of_other_runs_of_the_same_id_are_not_copied"),
    Mutation("without a failed task the engine's log is shown", "results/failed_tasks.py", '{"engine": engine_stream(run), "run"', '{"run"', "tests/operators/test_run_end.py"),
    Mutation("a fault that passes makes no failure for good", "results/failed_tasks.py", "faults, most=MOST_FAULTS", "faults, most=0", "tests/operators/test_left_behind.py::test_a_fault_that_passes_makes_no_failure_for_good"),
    Mutation("a fault that passes loses no outputs", "results/outputs.py", 'run {run.id}"), most=MOST_FAULTS', 'run {run.id}"), most=0', "tests/operators/test_left_behind.py::test_a_fault_that_passes_loses_no_outputs"),
    Mutation("keys that are replaced do not end the copying of a log", LOGS, "            if is_stale(error):\n", "            if False:\n", ENGINE_LOG + "test_keys_that_are_replaced_do_not_end_the_copying"),
)  # fmt: skip
