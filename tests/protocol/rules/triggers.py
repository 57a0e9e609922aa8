# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in triggers/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

WAIT = "triggers/run.py"
IN_TRIGGERER = "tests/operators/in_triggerer/test_start.py::"
NOTICED = "tests/triggers/test_noticed.py::"
FAULTS = "tests/triggers/test_faults.py::"

MUTATIONS = (
    Mutation("that of a read set job neither", "triggers/read_sets.py", '            event = {"version": VERSION}\n        await until_noticed(self, begun)\n', '            event = {"version": VERSION}\n', NOTICED + "test_in_a_triggerer_an_event_comes_when_the_scheduler_has_noticed"),
    Mutation("the deadline cancels in the triggerer, whenever a worker comes", WAIT, "if not self.cancel_on_kill:\n                    what", "if True:\n                    what", "tests/triggers/test_run.py::test_the_deadline_cancels_the_run"),
    Mutation("a waiting trigger has let the request go", "triggers/start_run.py", "self.request, self.record, self._driver = {}, None, None", "pass", IN_TRIGGERER + "test_a_waiting_trigger_has_let_the_request_go"),
    Mutation("the run of a task that does not wait outlives its success", "triggers/start_run.py", '(self.waits or state != "success") and ', "", "tests/operators/in_triggerer/test_taken_over.py::test_the_run_of_a_task_that_has_succeeded_without_waiting_goes_on"),
    Mutation("a job is not waited for beyond its deadline", "triggers/read_sets.py", "None if left is None else max(0.0, left - pause) + _LAST_POLL", "None", FAULTS + "test_a_job_is_not_waited_for_beyond_its_deadline_though_nothing_answers"),
    Mutation("a run that the deadline ended is no run that a person cancelled", "triggers/start_run.py", "if isinstance(verdict, Succeed) else self._ended(verdict.run)", "", "tests/operators/in_triggerer/test_late.py::test_who_takes_its_place_when_the_deadline_has_ended_its_run_says_so"),
    Mutation("who starts a run for a task whose XComs were deleted is awaited", "triggers/start_run.py", "return await ask_airflow(xcoms_deleted, self._task)", "return False", "tests/operators/in_triggerer/test_ended.py::test_a_task_that_has_lost_its_xcoms_keeps_its_run"),
    Mutation("who waits for a task whose XComs were deleted is awaited", WAIT, "return await ask_airflow(xcoms_deleted, TaskKey.of(ti))", "return False", "tests/triggers/test_on_kill.py::test_a_task_that_has_lost_its_xcoms_keeps_its_run"),
)  # fmt: skip
