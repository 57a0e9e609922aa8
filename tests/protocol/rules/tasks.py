# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in tasks/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

END = "tasks/attempt_end.py"
TASK = "tasks/worker_attempt.py"
DEFERRAL = "tasks/deferral.py"
BASE = "tasks/base.py"
RUN = "tasks/start_run_task.py"
OPERATOR = "tests/operators/test_run.py::"
RETRIES = "tests/operators/test_retries.py::"
WAITING = "tests/operators/test_waiting.py::"
KILLS = "tests/operators/test_on_kill.py::"
NONE = "tests/operators/test_none.py::"
ARGUMENTS = "tests/operators/test_arguments.py::"
IN_TRIGGERER = "tests/operators/in_triggerer/test_start.py::"
SENSORS = "tests/operators/test_sensor_limits.py::"
UPGRADES = "tests/operators/test_upgrades.py::"
LOOPS = "tests/operators/test_loops.py"
LATE = "tests/operators/test_late.py::"
CANCELLED_BY = "tests/operators/cancelling/test_arguments.py::"

MUTATIONS = (
    Mutation("the try number is no part", TASK, "max_tries=ti.max_tries", "max_tries=ti.max_tries + ti.try_number"),
    Mutation("the pass of a loop is a part", TASK, "        **loop_pass(context),\n", "", LOOPS),
    Mutation("the run that a try waits for is its only one", RUN, 'run = pushed(context["ti"]) if mine else None', "run = None", WAITING + "test_a_run_that_failed_is_the_tries_own_whatever_the_trigger_said"),
    Mutation("an event of another try is not believed", RUN, 'if try_number is not None and try_number != context["ti"].try_number:', "if False:", WAITING + "test_an_event_of_another_try_is_not_believed"),
    Mutation("a run that was dying is followed by the next, deferred too", DEFERRAL, '"dying": waiting.dying', '"dying": False', RETRIES + "test_a_dying_run_is_waited_out_and_followed_by_the_next"),
    Mutation("an upgrade leaves the deadline as it is", RUN, "retry=True, deadline=deadline if mine else None)", "retry=True)", UPGRADES + "test_arguments_that_cannot_be_read_send_the_task_back_to_its_worker"),
    Mutation("a sensor's fault at the first look passes", "tasks/sensor_base.py", "            self._faults.note(error)\n", "            raise\n", SENSORS + "test_a_fault_at_the_first_look_passes"),
    Mutation("silent_fail is for polls, not for the end", "tasks/sensor_base.py", "            self.silent_fail = False", "            pass", SENSORS + "test_silent_fail_does_not_wait_for_the_success_of_what_has_failed"),
    Mutation("execution_timeout holds while a sensor is deferred", "tasks/sensor_base.py", "min(until, deadline) if deadline else until", "until", SENSORS + "test_execution_timeout_holds_while_deferred_and_may_be_tried_again"),
    Mutation("a sensor's deadline outlives an event that is not believed", "tasks/sensor_base.py", "return self._wait(context, until, deadline)", "return self._wait(context, None, None)", SENSORS + "test_an_event_of_another_release_changes_no_limit"),
    Mutation("a deferred sensor waits in its worker's Region", "tasks/sensor_base.py", "region_name=region)", "region_name=self.region_name)", SENSORS + "test_the_triggerer_waits_in_the_region_of_the_worker"),
    Mutation("the deadline cancels", END, "done = cancel(hook, run, known=False, until=time.monotonic() + _CANCEL_SECONDS)\n    except RunNot", "raise RunTimeoutError(late)\n    except RunNot", WAITING + "test_the_deadline_cancels_the_run"),
    Mutation("Airflow's own time-out of a deferral cancels", RUN, "cancels = is_deferral_timeout(next_method, next_kwargs) and self", "cancels = self", WAITING + "test_airflows_own_time_out_cancels_and_a_lost_trigger_does_not"),
    Mutation("a task whose trigger is lost names the run that goes on", RUN, "if is_failed_deferral(next_method) and not cancels else None", "if False else None", WAITING + "test_a_task_whose_trigger_is_lost_names_the_run_that_goes_on"),
    Mutation("a task whose trigger is lost names the job that goes on", "tasks/read_set_task.py", "            if is_failed_deferral(next_method):\n", "            if False:\n", "tests/operators/read_sets/test_importing.py::test_a_task_whose_trigger_is_lost_names_the_job_that_goes_on"),
    Mutation("a time-out is recognised as one", END, "past_deadline = late or (attempt.deadline is not None and time.time() >= attempt.deadline)", "past_deadline = late", KILLS + "test_a_kill_past_the_deadline_cancels"),
    Mutation("so is one that comes before our deadline", END, "past_deadline = late or (", "past_deadline = (", KILLS + "test_airflows_time_out_is_one_whatever_our_clock_says"),
    Mutation("a worker that stood still asks before its deadline cancels", END, "            if may_cancel_late(ti, state_of(ti)):", "            if True:", KILLS + "test_a_worker_that_stood_still_leaves_the_run_to_the_next_try"),
    Mutation("a StartRun that answers after the kill is settled", RUN, "        if self.killed:\n            #", "        if False:\n            #", KILLS + "test_a_start_that_answers_when_the_kill_has_given_up_is_settled_too"),
    Mutation("an older run is not the one under way", END, "newest.submission >= (asked or 0)", "True", KILLS + "test_a_start_that_never_answers_is_not_taken_for_an_older_one"),
    Mutation("an id whose uuid is lost may be another run's", "tasks/runs_to_end.py", "if has_uuid and is_nothing(uuid):", "if False:", CANCELLED_BY + "test_a_uuid_that_renders_to_nothing_protects_no_run"),
    Mutation("a run whose start was never answered does not outlive the deadline", RUN, "                attempt_end.give_up(attempt)\n", "                pass\n", LATE + "test_a_run_whose_start_was_never_answered_does_not_outlive_the_deadline"),
    Mutation("the task's state decides whether to cancel", END, "else worker_cancels(state)", "else True", KILLS + "test_a_machine_that_goes_away_does_not"),
    Mutation("a StartRun under way is looked up", END, "return newest.run", "return None", KILLS + "test_a_start_that_never_answers_is_looked_up"),
    Mutation("XComs that came late are pushed over", RUN, '(read.shown and attempt_end.is_shown(context["ti"], read.run))', "read.shown", OPERATOR + "test_what_an_earlier_try_has_pushed_too_late_is_pushed_over"),
    Mutation("an execution_timeout of zero cancels nothing", BASE, "if not self.execution_timeout:", "if self.execution_timeout is None:", LATE + "test_a_time_out_of_zero_is_none_as_for_airflow"),
    Mutation("the Region that is called is the run's", RUN, "region_name=hook.region)", "region_name=self.region_name or hook.region)", IN_TRIGGERER + "test_a_region_of_botocores_own_options_holds_in_worker_and_triggerer"),
    Mutation("a retry that is killed before it has looked leaves no run", END, 'looks_back = attempt.context["ti"].try_number > 1 or "requestId" in request', "looks_back = False", "tests/operators/test_on_kill.py::test_a_retry_that_is_killed_before_it_has_looked_knows_of_the_run"),
    Mutation("what a task is deferred with is stored before StartRun", RUN, '            self.check_deferral(**deferral.until_end(attempt, self.hook_params, Wait(Run("0"))))\n', "", ARGUMENTS + "test_what_airflow_cannot_store_is_refused_before_any_call"),
    Mutation("so is a request that the triggerer is to start", DEFERRAL, "    check(deferral)\n    #", "    #", IN_TRIGGERER + "test_what_airflow_cannot_store_is_refused"),
    Mutation("connection arguments of a wrong type fail the parse", BASE, "        self.botocore_config = botocore_config\n        self._check_connection()\n", "        self.botocore_config = botocore_config\n", ARGUMENTS + "test_a_wrong_type_fails_the_parse"),
    Mutation("a switch is no template", BASE, "if not isinstance(value := getattr(self, name), bool)", "if (value := getattr(self, name)) is None", ARGUMENTS + "test_a_switch_is_no_template"),
    Mutation("Airflow's own time-out leaves no run of an unanswered StartRun", "tasks/attempt_end.py", "until, asked=marker.submission)", "until)", "tests/operators/in_triggerer/test_ended.py::test_airflows_own_time_out_before_the_trigger_has_cancelled_leaves_no_run"),
    Mutation("connection arguments are checked when they are rendered", BASE, "        if parent is self:\n            self._check_connection()\n", "", ARGUMENTS + "test_what_was_rendered_to_a_wrong_type_is_refused_before_any_call"),
    Mutation("a path for verify is text to Airflow", BASE, "self.verify = verify_of(verify)", "self.verify = verify", ARGUMENTS + "test_a_path_and_a_template_are_taken_for_verify"),
    Mutation("a template may switch off verify", BASE, "verify_of(self.verify)", "self.verify", ARGUMENTS + "test_a_template_may_render_to_true_or_false_for_verify"),
    Mutation("what a template prints for None is None", BASE, 'value.strip() == "None"', "False", NONE + "test_what_is_harmless_is_left_out_with_a_line_in_the_log"),
    Mutation("a connection that came out as None is refused", BASE, "if name in none]\n        broken +=", "if False]\n        broken +=", NONE + "test_a_connection_argument_is_refused_too"),
)  # fmt: skip
