# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in cancellation/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

DECISION = "cancellation/decision.py"
TRIGGER = "cancellation/cancelling_trigger.py"
FIND = "cancellation/find.py"
CANCELLING = "cancellation/cancel_run.py"
DECISIONS = "tests/cancellation/test_decision.py"
TRIGGERS = "tests/triggers/test_on_kill.py"
KILLS = "tests/operators/test_on_kill.py::"
WAYS = "tests/cancellation/test_cancel_run.py::"
MANY = "tests/cancellation/test_many.py::"
NOTICED = "tests/triggers/test_noticed.py::"
LATE = "tests/operators/test_late.py::"
CANCELS = "tests/operators/cancelling/test_runs.py::"

MUTATIONS = (
    Mutation("a listed run that is not visible yet is waited for", FIND, "found, until, ours=False)", "found, 0.0, ours=False)", "tests/operators/cancelling/test_runs.py::test_a_listed_run_that_is_not_visible_yet_is_waited_for"),
    Mutation("no deferral ends before the scheduler has noticed it", TRIGGER, "            await until_noticed(self, begun)\n", "", NOTICED + "test_in_a_triggerer_an_event_comes_when_the_scheduler_has_noticed"),
    Mutation("a deleted Dag run has no next try", DECISION, "state in {UNKNOWN, REMOVED} or", "state == UNKNOWN or", KILLS + "test_the_deadline_of_a_task_whose_dag_run_was_deleted_cancels"),
    Mutation("an eviction cancels nothing", DECISION, "    return state in _BY_A_PERSON\n", "    return state not in _TO_BE_CONTINUED\n", KILLS + "test_a_machine_that_goes_away_does_not"),
    Mutation("a run that is not found is looked for", FIND, "        if time.monotonic() + _AGAIN >= until:\n            return None", "        return None", CANCELS + "test_a_run_that_is_not_visible_yet_is_waited_for"),
    Mutation("a pushed run that is too new to be seen is not taken for deleted", FIND, "if run.creation_time and time.time() <", "if False and time.time() <", CANCELS + "test_a_run_that_is_too_new_to_be_seen_is_not_taken_for_deleted"),
    Mutation("what a task has pushed is no stranger's", FIND, "if is_denied(error) and not ours:", "if is_denied(error):", CANCELS + "test_a_run_of_this_dag_run_that_may_not_be_looked_at_fails_the_task"),
    Mutation("a run of another Region is not overlooked", FIND, "            hook.check_owner(run)\n", "", CANCELS + "test_runs_of_another_region_are_not_overlooked"),
    Mutation("a task's runs are told by their tags", FIND, 'if not run.ended and wanted(answer.get("tags", {})):', "if not run.ended:", CANCELS + "test_runs_are_cancelled_by_whose_they_are"),
    Mutation("a worker cancels with the credentials that are there then", CANCELLING, "                    hook.renew()\n", "                    pass\n", LATE + "test_credentials_that_are_missing_for_a_moment_leave_no_run"),
    Mutation("a worker that is late tries to cancel once", CANCELLING, "if wait and time.monotonic() + wait", "if time.monotonic() + wait", WAYS + "test_a_worker_that_is_late_tries_once"),
    Mutation("a deferred task's trigger only moves", DECISION, "return not mine", "return True", DECISIONS),
    Mutation("a trigger asks before it cancels", TRIGGER, "meant = self.cancels(state, mine=mine)", "meant = True", TRIGGERS),
    Mutation("a trigger's clean-up cancels nothing", TRIGGER, "if not _HAS_ON_KILL:", "if True:", TRIGGERS),
    Mutation("a person's clear of a deferred task cancels its run", DECISION, "return not mine", "return False", TRIGGERS),
    Mutation("an unknown state cancels nothing", DECISION, '"up_for_reschedule", UNKNOWN}', '"up_for_reschedule"}', DECISIONS),
    Mutation("cancel_on_kill=False leaves the run alone", TRIGGER, "if not self.cancel_on_kill:", "if False:", TRIGGERS),
    Mutation("CancelRun asks first whose the id is", CANCELLING, "    if not known:\n", "    if False:\n", WAYS + "test_a_run_that_was_not_seen_lately_is_looked_at_first"),
    Mutation("a run that was seen lately costs one call", CANCELLING, "    if not known:\n", "    if True:\n", WAYS + "test_one_call_cancels"),
    Mutation("409 and 404 do not settle a cancel", CANCELLING, "cancels=True, pause=pause)) is True:", "cancels=True, pause=pause)) is not None:", WAYS + "test_a_refusal_while_the_run_is_active_is_asked_again"),
    Mutation("what became of a cancelled run is GetRun's word", CANCELLING, '        run, pause = cast("Run", (yield Step(run))), _AGAIN\n', "        return Cancellation(run)\n", WAYS + "test_what_became_of_a_run_is_what_getrun_says"),
    Mutation("CancelRun has a limit of its own", CANCELLING, "limit = hub.cancels if step.cancels else hub.client.limit", "limit = hub.client.limit", WAYS + "test_cancelruns_limit_is_its_own"),
    Mutation("a cancel goes on without its trigger", TRIGGER, "            with suppress(asyncio.CancelledError):\n                await asyncio.wait({ending}, timeout=left)", "            await asyncio.wait({ending}, timeout=left)\n            ending.cancel()", MANY + "test_two_hundred_are_cancelled_by_one_call_each"),
    Mutation("tasks that are ended together are one question", "cancellation/ask_airflow.py", "await asyncio.sleep(_TOGETHER)", "await asyncio.sleep(0)", MANY + "test_two_hundred_are_cancelled_by_one_call_each"),
    Mutation("a triggerer that stops names what it leaves", TRIGGER, 'log.error("This triggerer', 'log.debug("This triggerer', MANY + "test_a_triggerer_that_stops_names_what_it_leaves"),
)  # fmt: skip
