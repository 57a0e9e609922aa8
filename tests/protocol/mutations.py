# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""
Each rule of the protocol, broken in turn: a named test has to notice.

``python -m tests.protocol.mutations`` tries them all, or those whose names contain one of the arguments; each is made
in a copy of the project, in which its test runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = "airflow_provider_omics"
_ONE_TEST_FAILED = 1
_SECONDS = 300

MACHINE = "tests/protocol/test_machine.py::test_a_few_hundred_schedules"
SCENARIOS = "tests/protocol/test_scenarios.py"
STEPS, CARRIED = "tests/lifecycle/test_protocol.py", "tests/lifecycle/test_attempt.py"
DECISIONS, TRIGGERS = "tests/cancellation/test_decision.py", "tests/triggers/test_on_kill.py"
OPERATOR, RETRIES, WAITING, KILLS = (
    "tests/operators/test_run.py::",
    "tests/operators/test_retries.py::",
    "tests/operators/test_waiting.py::",
    "tests/operators/test_on_kill.py::",
)
PROTOCOL, ATTEMPT, INTENTION = "lifecycle/protocol.py", "lifecycle/attempt.py", "lifecycle/intention.py"
DECISION, SERVICE, HOOK, TASK = (
    "cancellation/decision.py",
    "lifecycle/run_submissions.py",
    "hooks/omics.py",
    "tasks/worker_attempt.py",
)
NONE = "tests/operators/test_none.py::"
INPUTS, DEFINITIONS = "tests/local/execute/test_inputs.py::", "tests/local/test_definitions.py::"
GROUPS, CACHES = "tests/local/test_run_groups.py::", "tests/local/execute/test_run_caches.py::"
SECURITY, SWITCHES = "tests/local/test_security.py::", "tests/local/test_switches.py::"
BATCHES, PROCESSES = "tests/local/test_batches.py::", "tests/local/execute/test_processes.py::"
ARGUMENTS = "tests/operators/test_arguments.py::"
DEFERRAL, BASE = "tasks/deferral.py", "tasks/base.py"
GUARDED, RUN, CANCEL = "cancellation/guarded_trigger.py", "tasks/start_run_task.py", "operators/cancel.py"
FIND = "cancellation/find.py"
CANCELLING, WAYS, MANY = (
    "cancellation/cancel_run.py",
    "tests/cancellation/test_cancel_run.py::",
    "tests/cancellation/test_many.py::",
)
WAIT, SUBMISSIONS = "triggers/run.py", "lifecycle/submissions.py"
POLLS, LISTING, LIMIT = "polling/poller.py", "polling/listing.py", "polling/rate_limit.py"
HUB_DRIVER, CLAIM, WORKER_DRIVER = "lifecycle/in_hub.py", "lifecycle/claim.py", "lifecycle/in_worker.py"
IN_TRIGGERER, TAKEN_OVER, ENDED = (
    "tests/operators/in_triggerer/test_start.py::",
    "tests/operators/in_triggerer/test_taken_over.py::",
    "tests/operators/in_triggerer/test_ended.py::",
)
SENSORS = "tests/operators/test_sensor_limits.py::"
NOTICED = "tests/triggers/test_noticed.py::"
UPGRADES = "tests/operators/test_upgrades.py::"
POLICY = "lifecycle/retry_policy.py"
TOLD, OUTLETS = "results/outlets.py", "tests/operators/test_outlets.py"
LOGS, NEWS = "results/logs.py", "tests/operators/test_progress_log.py::"
LOOPS = "tests/operators/test_loops.py"
LATE = "tests/operators/test_late.py::"
STRANGE = "tests/operators/test_too_new.py::"
OWN, ACCOUNTS = "tests/operators/test_own_names.py::", "tests/hooks/test_identity.py::"
PACE, QUEUE, PLACE, ROOM = (
    "polling/start_pace.py",
    "polling/start_queue.py",
    "polling/start_place.py",
    "polling/account_room.py",
)
PACES, STARTS, REFUSALS, STARTED = (
    "tests/polling/test_start_pace.py",
    "tests/polling/test_start_queue.py::",
    "tests/polling/test_start_refusals.py::",
    "tests/triggers/test_start_calls.py::",
)
PACING, ERRORS, CLIENT = "polling/pacing.py", "aws/errors.py", "polling/client.py"
FAULTS, BORNE = "tests/triggers/test_faults.py::", "tests/operators/test_faults.py::"
CANCELS, CANCELLED_BY, REFUSED, HUB, HUB_CALLS = (
    "tests/operators/cancelling/test_runs.py::",
    "tests/operators/cancelling/test_arguments.py::",
    "tests/operators/test_refused.py::",
    "tests/triggers/test_hub.py::",
    "tests/triggers/test_hub_calls.py::",
)


class Mutation(NamedTuple):
    """A rule, how it is broken, and the test that must fail then."""

    rule: str
    file: str
    old: str
    new: str
    test: str = MACHINE


MUTATIONS = (
    # --- the intention ---
    Mutation("the try number is no part", TASK, "max_tries=ti.max_tries", "max_tries=ti.max_tries + ti.try_number"),
    Mutation("max_tries is a part", INTENTION, "start, self.max_tries]", "start]"),
    Mutation("the Dag run's start is a part", INTENTION, "start, self.max", "self.max", "tests/lifecycle/test_intention.py"),
    Mutation("the map index is a part", INTENTION, "self.map_index, start", "start", "tests/lifecycle/test_intention.py"),
    Mutation("the pass of a loop is a part", TASK, "        **loop_pass(context),\n", "", LOOPS),
    Mutation("its region is what tells it apart", INTENTION, "else [self.region_id, self.region_index]", "else []", "tests/lifecycle/test_intention.py"),
    Mutation("a region outside loops is no part", "compat/context.py", '("loop")\n    if loop is None:', '("loop") or type("Loop", (), {"index": 0})\n    if False:', LOOPS),
    Mutation("nobody waits for an earlier try's run in a pass", "compat/task_states.py", 'if "A loop producer requires" not in str(error):', "if True:", LOOPS),
    Mutation("an answer that fails is no answer", "compat/task_states.py", 'if "A loop producer requires" not in str(error):', "if False:", LOOPS),
    Mutation("no try changes the payload", SERVICE, "{**self.intention.tags(request_id),", '{"try": str(self._try_number), **self.intention.tags(request_id),', RETRIES + "test_a_look_up_that_is_denied_relies_on_the_request_id"),
    Mutation("a caller's requestId is sent verbatim", SUBMISSIONS, "self._own_request_id or self.intention", "self.intention"),
    # --- starting ---
    Mutation("what is about to be started is written down first", ATTEMPT, "    answer = yield Write(Record(submission, since=known.since))\n", "    answer = None\n", CARRIED),
    Mutation("a run is shown before anything more is asked", ATTEMPT, "    yield Show(run)\n    if known.retry:", "    if known.retry:", RETRIES + "test_a_run_is_shown_before_anything_more_is_asked"),
    Mutation("StartRun's answer to a retry may be of long ago", ATTEMPT, "    if known.retry:  # It may be an older", "    if False:  # It may be an older", CARRIED),
    # --- looking ---
    Mutation("a retry looks before it asks", PROTOCOL, "    if not known.looked_up:\n        return LookUp()\n    why", "    why", STEPS),
    Mutation("the tag tells whose a run is", SERVICE, "            if submission is not None:", "            submission = submission or 0\n            if True:"),
    Mutation("a caller's requestId is compared as the tag has it", SERVICE, "request_id == tag_value(str(self._own_request_id))", "request_id == self._own_request_id", OWN + "test_a_request_id_is_known_by_its_tag"),
    Mutation("what lives is asked about before what has ended", SERVICE, '(item["status"] in ENDED, item["status"] != "COMPLETED")', '(item["status"] not in ENDED,)', OWN + "test_a_run_that_lives_is_found_among_any_number_that_have_ended"),
    Mutation("what has succeeded is asked about before what has failed", SERVICE, '(item["status"] in ENDED, item["status"] != "COMPLETED")', 'item["status"] in ENDED', OWN + "test_a_success_is_found_among_any_number_that_have_failed"),
    Mutation("among too many active runs nothing is started", SERVICE, 'if items[MAX_CANDIDATES]["status"] not in ENDED and not self._own_request_id:', "if False:", OWN + "test_among_too_many_runs_that_live_none_is_started_until_some_have_ended"),
    Mutation("names are compared exactly", "aws/run_pages.py", 'item.get("name") == name', 'str(item.get("name"))[:6] == name[:6]'),
    Mutation("a name of one's own tells nothing without tags", SERVICE, 'if self._request["name"] != self._name or not', "if not"),
    Mutation("a run without a uuid is not adopted", SERVICE, "if not run.uuid:", "if False:", SCENARIOS),
    Mutation("a caller's requestId is looked for by every try", ATTEMPT, "if known.own_request_id:", "if False:", CARRIED),
    Mutation("a look-up that is denied is no failure", SUBMISSIONS, '                if not is_denied(error):\n                    raise\n                log.warning("The look-up', '                raise\n                log.warning("The look-up', RETRIES + "test_a_look_up_that_is_denied_relies_on_the_request_id"),
    # --- judging ---
    Mutation("a bad end of before is followed by the next run", PROTOCOL, "if seen.here or known.own_request_id:", "if True:"),
    Mutation("a FAILED run is no success", PROTOCOL, "if run.succeeded or not", "if run.ended or not"),
    Mutation("COMPLETED is a success", PROTOCOL, "if run.succeeded or not", "if not"),
    Mutation("without waiting any run will do", PROTOCOL, "if run.succeeded or not known.waits:", "if run.succeeded:"),
    Mutation("a run that lives is waited for", PROTOCOL, "if not run.ended:", 'if run.status == "RUNNING":'),
    Mutation("STOPPING is not ended", "records/run.py", '"CANCELLED", "DELETED"}', '"CANCELLED", "DELETED", "STOPPING"}'),
    Mutation("a dying run's end is not the try's", PROTOCOL, 'dying=run.status == "STOPPING" and not seen.here', "dying=False"),
    Mutation("the end of its own run ends the try", PROTOCOL, "if seen.here or known", "if known", SCENARIOS),
    Mutation("a run of before is not its own", PROTOCOL, " and run.creation_time >= since)", ")"),
    Mutation("a caller's requestId has one run", PROTOCOL, "if seen.here or known.own_request_id:", "if seen.here:", STEPS),
    Mutation("the submission rises over an ended run", PROTOCOL, "known.seen.submission + 1", "known.seen.submission", STEPS),
    Mutation("without tags the runs of the default name are counted", SERVICE, "else len(items) - 1)", "else 0)"),
    # --- the state store ---
    Mutation("a record of another intention counts for nothing", SERVICE, 'and value.get("intention") == self.intention.digest', ""),
    Mutation("a record is believed when GetRun says so", PROTOCOL, "return LookAt(known.record.run, known.record.submission)", "return Wait(known.record.run)"),
    Mutation("a recorded run that ended is no reason not to look", PROTOCOL, "    if not known.looked_up:\n        return LookUp()  #", "    if False:\n        return LookUp()  #", STEPS),
    Mutation("a record of a submission under way counts", PROTOCOL, "max(known.record.submission if known.record else 0, known.asked or 0)", "known.asked or 0", STEPS),
    Mutation("a store that takes nothing fails no task", SERVICE, "        except Exception as error:  # noqa: BLE001 - the look-up finds what is not", "        except KeyError as error:  # the look-up finds what is not"),
    Mutation("a store that gives nothing fails no task", SERVICE, "        except Exception as error:  # noqa: BLE001 - the look-up finds what cannot", "        except KeyError as error:  # the look-up finds what cannot"),
    # --- 409 ---
    Mutation("a run whose answer was lost is the attempt's own", ATTEMPT, "retry=True, asked=submission, looked_up=False", "retry=True, looked_up=False", "tests/lifecycle/test_attempt.py::test_its_run_is_the_attempts_own_if_it_is_found"),
    Mutation("the run that a try waits for is its only one", RUN, 'run = pushed(context["ti"]) if mine else None', "run = None", WAITING + "test_a_run_that_failed_is_the_tries_own_whatever_the_trigger_said"),
    Mutation("who takes an attempt's place knows what it has asked for", HUB_DRIVER, "retry=True, asked=marker.submission, since=marker.since, record=record)", "retry=True, record=record)", TAKEN_OVER + "test_who_takes_its_place_goes_on_with_its_run"),
    Mutation("409 is no failure", WORKER_DRIVER, "                return NoRun.CONFLICT\n", "                raise\n", RETRIES + "test_a_409_is_answered_by_a_look_up"),
    Mutation("409 is answered by looking for as long as a run may take to be listed", SUBMISSIONS, "if looked >= until:", "if True:"),
    Mutation("after 409 an older run is not the answer", SUBMISSIONS, "found.newest.submission >= at_least", "True"),
    Mutation("409 asks for a look-up though there was one", ATTEMPT, "conflict=submission, looked_up=False", "conflict=submission"),
    Mutation("what a look-up finds is no news if a later run is known", ATTEMPT, "known.seen.submission > newest.submission", "False", CARRIED),
    Mutation("409 and nothing found starts nothing else", PROTOCOL, "return GiveUp(known.conflict) if", "return Start(known.conflict + 1) if", STEPS),
    # --- gone ---
    Mutation("a reused id is another run", HOOK, "if run.uuid and now.uuid != run.uuid:\n            self.check_owner", "if False:\n            self.check_owner"),
    Mutation("a 404 at once means not yet visible", HOOK, "VISIBLE_AFTER: Final = 15 * 60", "VISIBLE_AFTER: Final = 0"),
    Mutation("a 404 later means gone", HOOK, "if run.creation_time and time.time() < run.creation_time + VISIBLE_AFTER:", "if run.creation_time:", WAITING + "test_a_run_that_is_deleted_while_waited_for"),
    Mutation("a manifest tells how a run ended that is gone", HOOK, 'return how_it_ended(self.logs, run) or run.deleted(f"its', 'return run.deleted(f"its', SCENARIOS),
    # --- deferring ---
    Mutation("an event of another try is not believed", RUN, 'if try_number is not None and try_number != context["ti"].try_number:', "if False:", WAITING + "test_an_event_of_another_try_is_not_believed"),
    Mutation("a run that was dying is followed by the next, deferred too", DEFERRAL, '"dying": waiting.dying', '"dying": False', RETRIES + "test_a_dying_run_is_waited_out_and_followed_by_the_next"),
    Mutation("an upgrade leaves the deadline as it is", RUN, "retry=True, deadline=deadline if mine else None)", "retry=True)", UPGRADES + "test_arguments_that_cannot_be_read_send_the_task_back_to_its_worker"),
    Mutation("what a newer release says besides is ignored", "records/versioned.py", "for name, value in members.items() if name in known}", "for name, value in members.items()}", UPGRADES + "test_an_event_of_any_version_is_read"),
    Mutation("another major version is not read", "records/versioned.py", "    if version is not None and str", "    if False and str", UPGRADES + "test_only_another_major_version_is_refused"),
    Mutation("a sensor's fault at the first look passes", "tasks/sensor_base.py", "            self._faults.note(error)\n", "            raise\n", SENSORS + "test_a_fault_at_the_first_look_passes"),
    Mutation("execution_timeout holds while a sensor is deferred", "tasks/sensor_base.py", "min(until, deadline) if deadline else until", "until", SENSORS + "test_execution_timeout_holds_while_deferred_and_may_be_tried_again"),
    Mutation("a sensor's deadline outlives an event that is not believed", "tasks/sensor_base.py", "return self._wait(context, until, deadline)", "return self._wait(context, None, None)", SENSORS + "test_an_event_of_another_release_changes_no_limit"),
    Mutation("a deferred sensor waits in its worker's Region", "tasks/sensor_base.py", "region_name=region)", "region_name=self.region_name)", SENSORS + "test_the_triggerer_waits_in_the_region_of_the_worker"),
    Mutation("no deferral ends before the scheduler has noticed it", GUARDED, "            await until_noticed(self, begun)\n", "", NOTICED + "test_in_a_triggerer_an_event_comes_when_the_scheduler_has_noticed"),
    Mutation("that of a read set job neither", "triggers/read_sets.py", '            event = {"version": VERSION}\n        await until_noticed(self, begun)\n', '            event = {"version": VERSION}\n', NOTICED + "test_in_a_triggerer_an_event_comes_when_the_scheduler_has_noticed"),
    Mutation("a run that was looked at a moment ago is no reason to list", "polling/watch.py", "return min(1.0, (now - self.planned) / max(self.due - self.planned, 1e-9))", "return 1.0", "tests/triggers/test_listing_pays.py::test_a_run_that_comes_costs_one_look_however_many_wait"),
    # --- cancelling ---
    Mutation("the deadline cancels", "tasks/attempt_end.py", "done = cancel(hook, run, known=False, until=time.monotonic() + _CANCEL_SECONDS)\n        except", "raise RunTimeoutError(late)\n        except", WAITING + "test_the_deadline_cancels_the_run"),
    Mutation("Airflow's own time-out of a deferral cancels", RUN, "if is_deferral_timeout(next_method, next_kwargs) and self", "if self", WAITING + "test_airflows_own_time_out_cancels_and_a_lost_trigger_does_not"),
    Mutation("a time-out is recognised as one", "tasks/attempt_end.py", "past_deadline = late or (self.deadline is not None and time.time() >= self.deadline)", "past_deadline = late", KILLS + "test_a_kill_past_the_deadline_cancels"),
    Mutation("so is one that comes before our deadline", "tasks/attempt_end.py", "past_deadline = late or (", "past_deadline = (", KILLS + "test_airflows_time_out_is_one_whatever_our_clock_says"),
    Mutation("a worker that stood still asks before its deadline cancels", TASK, "                if may_cancel_late(ti, state_of(ti)):", "                if True:", KILLS + "test_a_worker_that_stood_still_leaves_the_run_to_the_next_try"),
    Mutation("a deleted Dag run has no next try", DECISION, "state in {UNKNOWN, REMOVED} or", "state == UNKNOWN or", KILLS + "test_the_deadline_of_a_task_whose_dag_run_was_deleted_cancels"),
    Mutation("an eviction cancels nothing", DECISION, "    return state in _BY_A_PERSON\n", "    return state not in _TO_BE_CONTINUED\n", KILLS + "test_a_machine_that_goes_away_does_not"),
    Mutation("a StartRun that answers after the kill is settled", TASK, "        if self._is_killed():\n            #", "        if False:\n            #", KILLS + "test_a_start_that_answers_when_the_kill_has_given_up_is_settled_too"),
    Mutation("an older run is not the one under way", TASK, "newest.submission >= (asked or 0)", "True", KILLS + "test_a_start_that_never_answers_is_not_taken_for_an_older_one"),
    Mutation("an id that comes out as nothing cancels nothing", CANCEL, 'if "run_id" in self.given else', "if self.run_id else", CANCELLED_BY + "test_an_id_that_renders_to_nothing_cancels_nothing"),
    Mutation("a Dag run that comes out as nothing is not this one", CANCEL, 'self.airflow_run_id if "airflow_run_id" in self.given else', "self.airflow_run_id or", CANCELLED_BY + "test_an_argument_that_comes_out_as_nothing_cancels_nothing"),
    Mutation("a run that is not cancelled does not stand in the way of others", CANCEL, "        except Exception as error:  # noqa: BLE001 - the others", "        except KeyError as error:  # the others", CANCELS + "test_what_could_not_be_cancelled_fails_the_task_after_all_else_is_done"),
    Mutation("what is not cancelled fails the task", CANCEL, "        if problems:\n", "        if False:\n", CANCELS + "test_what_could_not_be_cancelled_fails_the_task_after_all_else_is_done"),
    Mutation("a run that is not found is looked for", FIND, "        if time.monotonic() + _AGAIN >= until:\n            return None", "        return None", CANCELS + "test_a_run_that_is_not_visible_yet_is_waited_for"),
    Mutation("a run too new to be listed is known by its XCom", CANCEL, "pushed_runs(context, tasks) if here else ()", "()", CANCELS + "test_a_run_that_is_too_new_to_be_listed_is_known_by_its_tasks_xcom"),
    Mutation("a uuid alone is not all runs", CANCEL, 'if "uuid" in self.given and', 'if "x" in self.given and', CANCELLED_BY + "test_a_uuid_alone_is_not_all_runs"),
    Mutation("an id whose uuid is lost may be another run's", "tasks/runs_to_end.py", "if has_uuid and is_nothing(uuid):", "if False:", CANCELLED_BY + "test_a_uuid_that_renders_to_nothing_protects_no_run"),
    Mutation("a task id that the DAG does not have is no success", CANCEL, "if dag and task not in dag.task_dict]", "if False]", CANCELLED_BY + "test_a_task_id_that_the_dag_does_not_have_is_told_after_all_else_is_done"),
    Mutation("a pushed run that is too new to be seen is not taken for deleted", FIND, "if run.creation_time and time.time() <", "if False and time.time() <", CANCELS + "test_a_run_that_is_too_new_to_be_seen_is_not_taken_for_deleted"),
    Mutation("what a task has pushed is no stranger's", FIND, "if is_denied(error) and not until:", "if is_denied(error):", CANCELS + "test_a_run_of_this_dag_run_that_may_not_be_looked_at_fails_the_task"),
    Mutation("a run of another Region is not overlooked", FIND, "            hook.check_owner(run)\n", "", CANCELS + "test_runs_of_another_region_are_not_overlooked"),
    Mutation("a task's runs are told by their tags", FIND, 'if not run.ended and wanted(answer.get("tags", {})):', "if not run.ended:", CANCELS + "test_runs_are_cancelled_by_whose_they_are"),
    Mutation("a status that is not known is of a run that lives", "records/run.py", "return self.status in ENDED\n", "return self.status not in ACTIVE\n", STRANGE + "test_a_worker_waits_for_a_run_whatever_its_status"),
    Mutation("what a sensor looks for may be too new to be visible", "sensors/run.py", "creation_time=self.first_look", "creation_time=None", STRANGE + "test_a_sensor_gives_a_run_a_quarter_of_an_hour_to_be_visible"),
    Mutation("nobody judges from another account", HOOK, "        except self.conn.exceptions.ResourceNotFoundException:\n            self.check_owner(run)\n", "        except self.conn.exceptions.ResourceNotFoundException:\n", ACCOUNTS + "test_nobody_judges_from_another_account"),
    Mutation("another account's run of the id is nobody's end", HOOK, "            self.check_owner(run)\n            return how_it", "            return how_it", ACCOUNTS + "test_another_accounts_run_of_the_same_id_is_no_end"),
    Mutation("nobody judges by what another account may not look at", HOOK, "self.check_owner(run)  # Credentials", "pass  # Credentials", ACCOUNTS + "test_who_may_not_look_from_another_account_is_told_which"),
    Mutation("a run whose start was never answered does not outlive the deadline", RUN, "                attempt.give_up()\n", "                pass\n", LATE + "test_a_run_whose_start_was_never_answered_does_not_outlive_the_deadline"),
    Mutation("a worker cancels with the credentials that are there then", CANCELLING, "                    hook.renew()\n", "                    pass\n", LATE + "test_credentials_that_are_missing_for_a_moment_leave_no_run"),
    Mutation("a connection that is missing for a moment ends no cancel", ERRORS, "return (is_wrong_connection(error) and faults < _MAX_CONNECTION_ERRORS) or is_transient(error)", "return is_transient(error)", LATE + "test_a_connection_that_is_missing_for_a_moment_leaves_no_run"),
    Mutation("a run that is not visible yet is cancelled after Airflow's time-out", "tasks/attempt_end.py", "replace(run, creation_time=time.time())", "run", LATE + "test_a_run_that_is_not_visible_yet_when_airflow_ends_the_deferral_is_cancelled"),
    Mutation("nobody cancels in another account", HOOK, "        self.check_owner(run)\n        errors = self", "        errors = self", ACCOUNTS + "test_nobody_cancels_in_another_account"),
    Mutation("a hook of another account is not used again", ERRORS, "return is_stale(error) or is_wrong_connection(error)", "return is_stale(error)", ACCOUNTS + "test_a_triggerer_that_missed_its_connection_once_finds_it_again"),
    Mutation("a manifest that cannot be read for now says nothing", "aws/manifest.py", "if is_transient(error):", "if False:", ACCOUNTS + "test_a_manifest_that_cannot_be_read_for_now_is_asked_for_again"),
    Mutation("a page without events is not the end of a manifest", "aws/manifest.py", 'if answer["events"] or token in (None, more.get("nextToken")):', "if True:", ACCOUNTS + "test_a_page_without_events_is_not_the_end_of_a_manifest"),
    Mutation("a worker that is late tries to cancel once", CANCELLING, "if wait and time.monotonic() + wait", "if time.monotonic() + wait", WAYS + "test_a_worker_that_is_late_tries_once"),
    Mutation("DeleteRun asks first whose the id is", HOOK, "            if run.uuid and now.uuid != run.uuid:\n                self", "            if False:\n                self", CANCELS + "test_another_run_that_has_taken_over_the_id_is_left_alone"),
    Mutation("the task's state decides whether to cancel", "tasks/attempt_end.py", "else worker_cancels(state)", "else True", KILLS + "test_a_machine_that_goes_away_does_not"),
    Mutation("a deferred task's trigger only moves", DECISION, "return not mine", "return True", DECISIONS),
    Mutation("a trigger asks before it cancels", GUARDED, "meant = self.cancels(state, mine=mine)", "meant = True", TRIGGERS),
    Mutation("a trigger's clean-up cancels nothing", GUARDED, "if not _HAS_ON_KILL:", "if True:", TRIGGERS),
    Mutation("a person's clear of a deferred task cancels its run", DECISION, "return not mine", "return False", TRIGGERS),
    Mutation("an unknown state cancels nothing", DECISION, '"up_for_reschedule", UNKNOWN}', '"up_for_reschedule"}', DECISIONS),
    Mutation("cancel_on_kill=False leaves the run alone", GUARDED, "if not self.cancel_on_kill:", "if False:", TRIGGERS),
    Mutation("nothing starts after a kill", WORKER_DRIVER, "if self._is_killed():", "if False:", KILLS + "test_nothing_starts_after_a_kill"),
    Mutation("a StartRun under way is looked up", TASK, "return newest.run", "return None", KILLS + "test_a_start_that_never_answers_is_looked_up"),
    Mutation("CancelRun asks first whose the id is", CANCELLING, "    if not known:\n", "    if False:\n", WAYS + "test_a_run_that_was_not_seen_lately_is_looked_at_first"),
    Mutation("a run that was seen lately costs one call", CANCELLING, "    if not known:\n", "    if True:\n", WAYS + "test_one_call_cancels"),
    Mutation("409 and 404 do not settle a cancel", CANCELLING, "cancels=True, pause=pause)) is True:", "cancels=True, pause=pause)) is not None:", WAYS + "test_a_refusal_while_the_run_is_active_is_asked_again"),
    Mutation("what became of a cancelled run is GetRun's word", CANCELLING, '        run, pause = cast("Run", (yield Step(run))), _AGAIN\n', "        return Cancellation(run)\n", WAYS + "test_what_became_of_a_run_is_what_getrun_says"),
    Mutation("CancelRun has a limit of its own", CANCELLING, "limit = hub.cancels if step.cancels else hub.client.limit", "limit = hub.client.limit", WAYS + "test_cancelruns_limit_is_its_own"),
    Mutation("a dead endpoint gets few CancelRun", CANCELLING, "await hub.client.call(call, limit=limit)", "await hub.client.call(call)", WAYS + "test_a_dead_endpoint_is_asked_one_call_at_a_time"),
    Mutation("a throttled CancelRun slows the next ones down", CANCELLING, "limit.budget.throttled(asyncio", "id(asyncio", WAYS + "test_cancelruns_limit_is_its_own"),
    Mutation("a cancel goes on without its trigger", GUARDED, "            with suppress(asyncio.CancelledError):\n                await asyncio.wait({ending}, timeout=left)", "            await asyncio.wait({ending}, timeout=left)\n            ending.cancel()", MANY + "test_two_hundred_are_cancelled_by_one_call_each"),
    Mutation("a mapped task is not taken for one of its name", "compat/task_states.py", "        if not clash and fits:", "        if fits:", "tests/cancellation/test_task_states.py"),
    Mutation("a question has room for so many ids", "compat/task_states.py", "        if not clash and fits:", "        if not clash:", "tests/cancellation/test_task_states.py::test_a_question_has_room_for_so_many_ids"),
    Mutation("tasks that are ended together are one question", "cancellation/ask_airflow.py", "await asyncio.sleep(_TOGETHER)", "await asyncio.sleep(0)", MANY + "test_two_hundred_are_cancelled_by_one_call_each"),
    Mutation("a triggerer that stops names what it leaves", GUARDED, 'log.error("This triggerer', 'log.debug("This triggerer', MANY + "test_a_triggerer_that_stops_names_what_it_leaves"),
    # --- waiting, and being refused ---
    Mutation("the deadline cancels in the triggerer, whenever a worker comes", WAIT, "if not self.cancel_on_kill:\n                    what", "if True:\n                    what", "tests/triggers/test_run.py::test_the_deadline_cancels_the_run"),
    Mutation("a run that the pages do not show is confirmed", POLLS, "            self._missing.append(watch)\n", '            self._saw(watch, replace(watch.run, status="COMPLETED"))\n', HUB_CALLS + "test_runs_that_are_not_listed_yet_are_confirmed_and_not_given_up"),
    Mutation("a listed run of another time is another run", LISTING, "_SAME_CREATION: Final = 300.0", "_SAME_CREATION: Final = 3e9", HUB_CALLS + "test_a_listed_run_of_another_time_is_not_taken_for_ours"),
    Mutation("one member's trouble is its own", POLLS, "Exception):\n            _fail(watch, error)", "Exception):\n            for other in self._watches:\n                _fail(other, error)", HUB + "test_one_member_without_permission_fails_alone"),
    Mutation("deadlines that come together keep within the budget", CANCELLING, "        await limit.spend()\n", "", "tests/triggers/test_run.py::test_many_deadlines_that_come_together_are_cancelled_within_the_quota"),
    Mutation("a connection that is throttled slows down alone", LIMIT, "self.budget = Budget(shared.budget.limit)", "self.budget = shared.budget", HUB + "test_a_connection_that_is_throttled_does_not_hold_up_another"),
    Mutation("all connections share one budget", LIMIT, "self._shared.budget.spend(loop.time())", "pass", HUB + "test_the_budget_is_that_of_all_connections"),
    Mutation("a burst of throttles counts once", PACING, "if now - self._slowed >= 1:", "if True:", "tests/polling/test_pacing.py"),
    Mutation("calls that were under way together count once", PACING, "if begun >= self._failed:", "if True:", "tests/polling/test_pacing.py"),
    Mutation("what is away is asked by one call at a time", CLIENT, "limit.unanswered(begun)", "pass", FAULTS + "test_what_is_away_is_asked_by_one_call_at_a_time"),
    Mutation("a probe that failed wakes who waits for it", LIMIT, "asyncio.get_running_loop().time())\n        self._told.set()", "asyncio.get_running_loop().time())", WAYS + "test_a_dead_endpoint_is_asked_one_call_at_a_time"),
    Mutation("a mended connection is read anew", CLIENT, "anew = anew or limit.budget.faults >= READ_ANEW", "pass", FAULTS + "test_a_mended_connection_is_read_anew"),
    Mutation("keys that are replaced fail nobody", ERRORS, "error_code(error) in _REPLACED | _EXPIRED", "error_code(error) in _EXPIRED", FAULTS + "test_an_answer_that_passes_fails_nobody"),
    Mutation("what is configured wrongly does not pass", ERRORS, "return isinstance(why, TypeError) or", "return", "tests/aws/test_errors.py"),
    Mutation("a certificate that is not trusted does not pass", ERRORS, "if isinstance(error, SSLError):", "if False:", "tests/aws/test_errors.py"),
    Mutation("a connection that a task names has to be there", HOOK, "            if conn_id == cls.default_conn_name:\n                raise\n", "            raise\n", BORNE + "test_a_connection_that_is_not_there_is_an_error_before_any_call"),
    Mutation("a fault of ours leaves nobody waiting", POLLS, "if not task.cancelled() and isinstance(error := task.exception(), Exception):", "if False:", HUB + "test_a_look_that_breaks_by_our_own_fault_leaves_nobody_waiting"),
    Mutation("the missing and the due take turns", POLLS, "(first is None or self._missing_next or self._owed > 0)", "True", HUB_CALLS + "test_a_new_run_is_seen_while_a_crowd_of_ends_is_drained"),
    Mutation("a refusal is told as one", POLICY, "        if is_refused(error):", "        if False:", REFUSED + "test_it_ends_with_the_submit_timeout"),
    # --- starting in the triggerer ---
    Mutation("a task that is not deferred any more starts nothing", CLAIM, 'if state != "deferred":', "if False:", TAKEN_OVER + "test_a_task_that_is_not_deferred_any_more_starts_nothing"),
    Mutation("where Airflow does not answer nothing is started", CLAIM, 'raise NotNowError(f"Airflow does not return whether the task is still deferred: {error}") from error', "return", TAKEN_OVER + "test_where_airflow_does_not_answer_nothing_is_started"),
    Mutation("who stood still while it wrote its marker looks first", "lifecycle/marker.py", "return marker if time.monotonic() - read_at <= FRESH_SECONDS else None", "return marker", "tests/lifecycle/test_claim.py::test_a_process_that_stood_still_while_it_wrote_looks_first"),
    Mutation("XComs that came late are pushed over", RUN, '(read.shown and is_shown(context["ti"], read.run))', "read.shown", OPERATOR + "test_what_an_earlier_try_has_pushed_too_late_is_pushed_over"),
    Mutation("a trigger that was taken over starts nothing", CLAIM, "        if marker != self._marker:\n            self._marker, self", "        if False:\n            self._marker, self", TAKEN_OVER + "test_a_trigger_that_was_taken_over_in_the_queue_starts_nothing"),
    Mutation("a triggerer of another account asks nothing", "aws/identity.py", "if region in (None, own_region) and own in (None, account):", "if True:", IN_TRIGGERER + "test_a_triggerer_of_another_account_asks_nothing"),
    Mutation("who ends a task waits for a StartRun that is under way", "lifecycle/start_calls.py", "return await asyncio.shield(asyncio.wrap_future(self._under_way))", "return None", ENDED + "test_who_ends_a_task_while_start_run_is_under_way_ends_its_run"),
    Mutation("the end of an adopted run is that of who takes its place, too", ATTEMPT, "                    yield Write(Record(known.seen.submission, run, adopted=True))\n", "                    pass\n", TAKEN_OVER + "test_the_end_of_an_adopted_run_is_the_tries_also_for_who_takes_its_place"),
    Mutation("a waiting trigger has let the request go", "triggers/start_run.py", "self.request, self.record, self._driver = {}, None, None", "pass", IN_TRIGGERER + "test_a_waiting_trigger_has_let_the_request_go"),
    Mutation("a lost answer is looked for before StartRun is called again", ATTEMPT, "replace(known, retry=True, asked=submission, looked_up=False)", "replace(known, asked=submission)", CARRIED),
    Mutation("however short the time is, one call is made", HUB_DRIVER, "return max(self._until, self._first_call_until)", "return self._until", "tests/operators/in_triggerer/test_late.py::test_however_short_the_time_is_the_first_call_is_made"),
    Mutation("that call is not made after the deadline", HUB_DRIVER, "self._first_call_until = self._by_deadline(until - submit_seconds + _FIRST_CALL_SECONDS)", "self._first_call_until = until - submit_seconds + _FIRST_CALL_SECONDS", "tests/operators/in_triggerer/test_late.py::test_the_first_call_is_not_made_after_the_deadline"),
    Mutation("no refusal is waited out beyond the time", HUB_DRIVER, "            limit.reschedule(loop.time() + self._until - time.time())\n", "", "tests/operators/in_triggerer/test_late.py::test_no_refusal_of_it_is_waited_out"),
    Mutation("an execution_timeout of zero cancels nothing", BASE, "if not self.execution_timeout:", "if self.execution_timeout is None:", LATE + "test_a_time_out_of_zero_is_none_as_for_airflow"),
    Mutation("a uuid in capitals is the run's", "records/run.py", "return str(value).strip().lower()", "return str(value)", CANCELLED_BY + "test_a_uuid_is_the_runs_however_it_is_written"),
    Mutation("the Region that is called is the run's", RUN, "region_name=hook.region)", "region_name=self.region_name or hook.region)", IN_TRIGGERER + "test_a_region_of_botocores_own_options_holds_in_worker_and_triggerer"),
    Mutation("no text reaches a triggerer that it cannot take", "request/build.py", "        yield from documents.not_json(text, name)\n", "        yield from ()\n", "tests/request/test_build.py::test_no_text_is_sent_that_airflow_cannot_keep"),
    Mutation("a key with a line break is no fault that passes", ERRORS, 'or (isinstance(why, ValueError) and "Invalid header" in str(why))', "", "tests/aws/test_errors.py::test_a_key_with_a_line_break_does_not_pass"),
    Mutation("two read sets of the same files are not one", "read_sets/read_set_request.py", "if item != sources[other]:", "if False:", "tests/operators/read_sets/test_arguments.py::test_bad_input_is_refused_when_the_dag_is_parsed"),
    Mutation("no failure is judged from another account", "results/failed_tasks.py", "it.check_owner(run)", "pass", "tests/operators/test_run_end.py::test_no_failure_is_judged_from_another_account"),
    Mutation("no outputs are lost to another account", "results/outputs.py", "hook.check_owner(run)", "pass", "tests/operators/test_run_end.py::test_no_outputs_are_lost_that_another_account_may_not_read"),
    Mutation("what botocore refuses fails for good", HOOK, "except ParamValidationError as error:", "except ZeroDivisionError as error:", "tests/operators/test_parameters_uri.py::test_a_newer_member_of_a_wrong_type_fails_for_good"),
    Mutation("a task that is ended in the queue is looked up", HUB_DRIVER, "return newest.run\n            if starts.asked", 'return ""\n            if starts.asked', ENDED + "test_a_person_ends_the_run_of_an_answer_that_was_lost"),
    Mutation("a retry that is killed before it has looked leaves no run", TASK, 'looks_back = self.context["ti"].try_number > 1 or "requestId" in request', "looks_back = False", "tests/operators/test_on_kill.py::test_a_retry_that_is_killed_before_it_has_looked_knows_of_the_run"),
    Mutation("the run of a task that does not wait outlives its success", "triggers/start_run.py", '(self.waits or state != "success") and ', "", "tests/operators/in_triggerer/test_taken_over.py::test_the_run_of_a_task_that_has_succeeded_without_waiting_goes_on"),
    Mutation("spaces around an id of Airflow's cancel no less", CANCEL, "str(dag_id).strip(), str(run_id).strip()", "str(dag_id), str(run_id)", "tests/operators/cancelling/test_runs.py::test_runs_are_cancelled_by_whose_they_are"),
    # --- the start queue ---
    Mutation("a refusal makes a pause", PACE, "self._next = pause if alone", "self._next = now if alone", PACES),
    Mutation("refusals in a row make it longer", PACE, "_PAUSE * 2 ** min(self._row - 1, 10)", "_PAUSE", PACES),
    Mutation("refusals of calls that were under way together count once", PACE, "if call.number <= self._known:\n            return\n", "", PACES),
    Mutation("a quota that grows is found", PACE, "self._step = min(_MOST_STEP, self._step * _FASTER)", "pass", PACES),
    Mutation("the period is measured from refusal to refusal", PACE, "        self._mark = mark\n", "", PACES),
    Mutation("the answer after a refusal is not waited for very long", PACE, "max(self.gap, _ANSWER) if self._row", "60 if self._row", PACES),
    Mutation("calls that are seldom say nothing", PACE, "elif not self._row and not call.idle:", "elif not self._row:", PACES),
    Mutation("requests start in the order of asking", QUEUE, "elif fresh and not before and not due:", "elif fresh and not due:", STARTS + "test_a_caller_is_asked_again_when_its_turn_comes_late"),
    Mutation("who is refused is next again", QUEUE, "self._inside.append(place)\n        self._wake()", "place.number = next(self._numbers)\n            self._inside.append(place)\n        self._wake()", REFUSALS + "test_who_is_refused_is_asked_again_first"),
    Mutation("each refusal is told", QUEUE, "                refused(error)\n            else:", "                pass\n            else:", REFUSALS + "test_who_is_refused_is_asked_again_first"),
    Mutation("callers are asked ahead of their turn", QUEUE, "return max(0.0, due - now - self._lead - _MARGIN)", "return max(0.0, due - now)", STARTS + "test_five_a_second_start_though_each_caller_takes_its_time"),
    Mutation("a caller is asked just before its call", QUEUE, "elif seconds := self._until_asked(before, now):", "elif seconds := 0.0:", REFUSALS + "test_a_caller_is_asked_just_before_each_call_however_long_the_pause"),
    Mutation("only a few are near their turn", QUEUE, "_MOST_NEAR: Final = 12", "_MOST_NEAR: Final = 1000", STARTS + "test_few_of_many_are_looked_at"),
    Mutation("a caller is asked again when its call comes late", PLACE, "return max(0.0, max(self._asked + _FRESH, self._ready + _JUST_ENDED) - now)", "return 1.0", STARTS + "test_a_caller_is_asked_again_when_its_turn_comes_late"),
    Mutation("a caller that does not answer is passed by", PLACE, "now - self._asked > _PATIENCE", "False", STARTS + "test_a_caller_that_does_not_answer_holds_up_the_others_for_a_second"),
    Mutation("a process that stood still sends nothing", PLACE, "time.monotonic() - self._caller_ready > _STOOD_STILL", "False", STARTS + "test_a_call_is_not_sent_by_a_process_that_stood_still"),
    Mutation("who is cancelled sends nothing any more", PLACE, "self._taken_back = True\n", "", STARTS + "test_a_call_of_one_that_is_cancelled_is_not_sent_any_more"),
    Mutation("an answer that comes after a cancellation is told", QUEUE, 'left(cast("asyncio.Task[T]", task))', "pass", STARTS + "test_who_is_cancelled_while_its_call_is_under_way_can_have_the_answer"),
    Mutation("a call outlives its caller", QUEUE, "await asyncio.shield(task)", "await task", STARTS + "test_who_is_cancelled_while_its_call_is_under_way_can_have_the_answer"),
    Mutation("a refusal of one that has left leaves no place behind", QUEUE, "if again and not place.given_up:", "if again:", REFUSALS + "test_a_refusal_of_one_that_has_left_is_nobodys"),
    Mutation("what a call logs is its caller's", PLACE, "self._context.run(self._call, hook)", "self._call(hook)", STARTS + "test_each_caller_is_asked_and_called_in_its_own_context"),
    Mutation("a request without room waits a minute", QUEUE, "await asyncio.sleep(FULL_SECONDS)", "pass", REFUSALS + "test_a_lone_request_without_room_is_asked_once_a_minute"),
    Mutation("an account is full for three requests in a row", ROOM, "_FULL: Final = 3", "_FULL: Final = 2", REFUSALS + "test_an_account_is_full_when_three_requests_in_a_row_have_no_room"),
    Mutation("a full account is asked once a minute", ROOM, "max(0.0, self._closed_until - now) if self.is_full else 0.0", "0.0", REFUSALS + "test_a_full_account_gets_one_call_a_minute_each_by_the_next_request_until_a_run_starts"),
    Mutation("one run that starts opens a full account", QUEUE, "self._room.some()", "pass", REFUSALS + "test_a_full_account_gets_one_call_a_minute_each_by_the_next_request_until_a_run_starts"),
    Mutation("a refusal says nothing of the room", QUEUE, "self._room.unknown(now)", "pass", REFUSALS + "test_too_many_calls_to_a_full_account_are_asked_again_at_once"),
    Mutation("four calls are under way at most", QUEUE, "if self._under_way >= self._at_once:", "if False:", STARTS + "test_calls_that_hang_hold_up_nobody_and_four_are_under_way_at_most"),
    Mutation("an endpoint that is away is asked to start one run at a time", QUEUE, "budget.pause(now) if budget.faults > 1 else 0.0", "0.0", REFUSALS + "test_what_is_away_is_asked_by_one_call_at_a_time"),
    Mutation("StartRun does not wait for looks", "polling/hub.py", "starts = Client(params, _config(read_timeout=10), RateLimit(limits.calls), threads=_STARTS)", "starts = self.client", STARTED + "test_start_run_has_a_client_of_its_own_that_gives_up_soon_and_repeats_nothing"),
    # --- what it says and hands on ---
    Mutation("what Airflow's server refuses is no asset", TOLD, "if not uri.isascii():", "if False:", OUTLETS),
    Mutation("an object's name stays whole in its asset", TOLD, "if _SPECIAL.search(uri):", "if False:", OUTLETS),
    Mutation("the slack of a log's end", LOGS, "(run.stop_time + _SLACK_SECONDS)", "run.stop_time", NEWS + "test_lines_by_a_clock_that_is_a_little_wrong_are_copied"),
    Mutation("the slack of a log's beginning", LOGS, "(run.creation_time or 0) - _SLACK_SECONDS", "(run.creation_time or 0)", NEWS + "test_lines_by_a_clock_that_is_a_little_wrong_are_copied"),
    Mutation("lines after a run's end are not its own", LOGS, 'if until is None or event["timestamp"] < until]', "]", NEWS + "test_lines_of_other_runs_of_the_same_id_are_not_copied"),
    Mutation("without a failed task the engine's log is shown", "results/failed_tasks.py", '{"engine": engine_stream(run), "run"', '{"run"', "tests/operators/test_run_end.py"),
    Mutation("escape sequences are not quoted", "records/text.py", '_ESCAPE.sub("", text)', "text", "tests/results/test_failures.py"),
    Mutation("what is not found is told with where", "aws/refusals.py", "{message.rstrip('.')}. {where}", "{message}", "tests/operators/test_not_found.py"),
    Mutation("a fault that passes makes no failure for good", "results/failed_tasks.py", "faults, most=MOST_FAULTS", "faults, most=0", "tests/operators/test_left_behind.py::test_a_fault_that_passes_makes_no_failure_for_good"),
    Mutation("a fault that passes loses no outputs", "results/outputs.py", 'run {run.id}"), most=MOST_FAULTS', 'run {run.id}"), most=0', "tests/operators/test_left_behind.py::test_a_fault_that_passes_loses_no_outputs"),
    Mutation("keys that are replaced do not end the copying of a log", LOGS, "            if is_stale(error):\n", "            if False:\n", NEWS + "test_keys_that_are_replaced_do_not_end_the_copying"),
    Mutation("an SSO session that has ended passes", ERRORS, "    | SSOError\n", "", "tests/aws/test_errors.py"),
    Mutation("a connection is read anew while a gateway answers", CLIENT, "self._in_vain >= READ_ANEW", "False", FAULTS + "test_a_mended_connection_is_read_anew_while_a_gateway_answers_for_its_endpoint"),
    Mutation("faults of HealthOmics make few clients", CLIENT, "and self._anew.due(asyncio.get_running_loop().time())", "", FAULTS + "test_a_mended_connection_is_read_anew_while_a_gateway_answers_for_its_endpoint"),
    Mutation("a queue that is away slows nothing else", "polling/event_queue.py", "self._receive, self._threads, limit=self._hub.events", "self._receive, self._threads", FAULTS + "test_a_queue_that_is_away_slows_nothing_else"),
    Mutation("a job is not waited for beyond its deadline", "triggers/read_sets.py", "None if left is None else max(0.0, left - pause) + _LAST_LOOK", "None", FAULTS + "test_a_job_is_not_waited_for_beyond_its_deadline_though_nothing_answers"),
    Mutation("runs of an unknown status make no listing pay", POLLS, "if not watch.missing and watch.run.known]", "if not watch.missing]", "tests/triggers/test_listing_pays.py"),
    # --- before anything is started ---
    Mutation("what a task is deferred with is stored before StartRun", RUN, '            self.check_deferral(**deferral.until_end(attempt, self.hook_params, Wait(Run("0"))))\n', "", ARGUMENTS + "test_what_airflow_cannot_store_is_refused_before_any_call"),
    Mutation("so is a request that the triggerer is to start", DEFERRAL, "    check(deferral)\n    #", "    #", IN_TRIGGERER + "test_what_airflow_cannot_store_is_refused"),
    Mutation("connection arguments of a wrong type fail the parse", BASE, "        self.botocore_config = botocore_config\n        self._check_connection()\n", "        self.botocore_config = botocore_config\n", ARGUMENTS + "test_a_wrong_type_fails_the_parse"),
    Mutation("connection arguments are checked when they are rendered", BASE, "        self._check_connection()\n        return HookParams(", "        return HookParams(", ARGUMENTS + "test_what_was_rendered_to_a_wrong_type_is_refused_before_any_call"),
    Mutation("a path for verify is text to Airflow", BASE, "verify_of(self.verify)", "self.verify", ARGUMENTS + "test_a_path_and_a_template_are_taken_for_verify"),
    Mutation("a connection that came out empty is refused", "request/arguments.py", "and not value.strip():", "and False:", ARGUMENTS + "test_what_is_empty_is_refused_before_any_call"),
    Mutation("a time of nothing is refused", "request/arguments.py", "0 < number < _LONGEST or", "0 <= number < _LONGEST or", ARGUMENTS + "test_a_poll_interval_is_a_timedelta_or_seconds"),
    # --- None ---
    Mutation("what a template prints for None is None", BASE, 'value.strip() == "None"', "False", NONE + "test_what_is_harmless_is_left_out_with_a_line_in_the_log"),
    Mutation("a member that came out as None is refused", "request/build.py", "violations = [rendered_to_none(name) for name in refused]", "violations = []", NONE + "test_anything_else_is_refused"),
    Mutation("a connection that came out as None is refused", BASE, "if name in none]\n        broken +=", "if False]\n        broken +=", NONE + "test_a_connection_argument_is_refused_too"),
    Mutation("None from upstream is rendered, in a mapped task too", "compat/rendering.py", 'hasattr(values, "resolve")}', "False}", NONE + "test_a_policy_of_none_from_upstream_is_refused"),
    Mutation("None that is written means not given, in a mapped task too", "compat/rendering.py", 'if hasattr(values, "resolve")}', "if True}", NONE + "test_what_is_written_into_expand_may_be_none"),
    # --- links ---
    Mutation("a link that breaks breaks no run", "lifecycle/run_links.py", "except Exception as error:  # noqa: BLE001 - any error: the run goes on", "except ZeroDivisionError as error:", "tests/operators/test_links.py::test_a_link_that_breaks_breaks_no_run"),
    # --- secrets ---
    Mutation("the presigned URL of parameters is taken out of GetRun's answers", HOOK, '        getattr(session, "_session", session).register("before-parse.omics.GetRun", drop_presigned)\n', "", "tests/operators/test_parameters_uri.py"),
    # --- the local endpoint: the files that a run reads ---
    Mutation("a URI of another scheme than S3's is no input", "local/wdl_inputs.py", 'if not uri.startswith("s3://") or not bucket:', "if not bucket:", INPUTS + "test_every_other_scheme_is_refused"),
    Mutation("what a workflow reads by itself comes from the endpoint's S3", "local/wdl_downloads.py", "if able(library.cfg, filename, directory):", "if False:", INPUTS + "test_every_file_comes_from_the_endpoints_s3"),
    Mutation("miniwdl's own downloaders are never asked", "local/wdl_plugins.py", '"omics", *REFUSED_SCHEMES)', '"omics")', INPUTS + "test_an_input_that_cannot_be_had_fails_the_run_and_starts_nothing"),
    Mutation("two keys never become one file", "local/wdl_inputs.py", 'self._folder(f"{bucket}/{prefix}", directory=False)', 'self._folder("", directory=False)', INPUTS + "test_keys_never_become_paths"),
    Mutation("a Directory takes nothing beside its prefix", "local/wdl_inputs.py", 'below = f"{prefix}/" if prefix else ""', "below = prefix", INPUTS + "test_a_prefix_that_no_directory_can_be_is_refused"),
    Mutation("no key of a Directory leads out of it", "local/wdl_inputs.py", '_check_names(f"s3://{bucket}/{key}", *parents, *([name] if name else ()))', "pass", INPUTS + "test_a_prefix_that_no_directory_can_be_is_refused"),
    Mutation("a key of S3 is decoded once", "local/app.py", 'environ["RAW_URI"] = environ["asgi.scope"]["raw_path"].decode("latin-1")', "pass", "tests/local/test_s3.py"),
    # --- the local endpoint: definitions ---
    Mutation("a definition that does not parse is never ACTIVE", "local/definitions.py", '"status": "FAILED", ', "", DEFINITIONS + "test_a_definition_that_does_not_parse_ends_the_creation"),
    Mutation("nothing outside of a definition is imported", "local/wdl_check.py", "if not (file.is_relative_to(root) and file.is_file()):", "if False:", DEFINITIONS + "test_every_message_of_miniwdl_is_told_with_its_place"),
    Mutation("a main file is in its definition", "local/staging.py", "if not (path.is_file() and path.is_relative_to(root)):", "if not path.is_file():", "tests/local/execute/test_runs.py::test_a_workflow_that_cannot_run_fails_and_says_why"),
    Mutation("a hidden file is no definition", "local/definitions.py", 'not any(part.startswith(".") for part in path.parts)', "True", DEFINITIONS + "test_the_main_file_is_the_one_nearest_to_the_root"),
    Mutation("the caller's engine is kept", "local/definitions.py", "engine = engine or ENGINES.get(", "engine = ENGINES.get(", DEFINITIONS + "test_the_callers_engine_is_kept_and_one_that_is_left_out_is_seen_in_the_main_file"),
    Mutation("what cannot be executed is not simulated in silence", "local/run_begin.py", "(why := _not_executable(workflow)):", "(why := None):", "tests/local/execute/test_served.py::test_a_workflow_without_a_definition_lives_by_a_script_alone"),
    # --- the pytest plugin ---
    Mutation("a test's Airflow is never the user's own", "testing/airflow_home.py", 'if "airflow.configuration" in sys.modules:', "if False:", "tests/testing/test_run_dag.py::test_a_home_that_comes_too_late_is_told"),
    Mutation("a DAG that fails fails its test", "testing/dag_runs.py", "if ends not in (None, state):", "if False:", "tests/testing/test_run_dag.py::test_a_task_that_fails_is_tried_again_at_once_and_fails_the_test"),
    Mutation("runs beyond a group's maxRuns wait", "local/run_queue.py", 'queue.runs >= _limit(state, group, "maxRuns")', "False", GROUPS + "test_runs_beyond_max_runs_wait_until_another_one_ends"),
    Mutation("a run that ends makes room in its group", "local/life.py", "run_queue.leave(state, run, now)", "pass", GROUPS + "test_a_run_that_ends_early_makes_room"),
    Mutation("a changed input is not found in a run cache", "local/wdl_cache.py", 'return f"{path.name}#{digest.hexdigest()}"', "return path.name", CACHES + "test_another_content_is_another_input"),
    Mutation("a completed run is cached only if that is asked for", "local/execute.py", 'if not self.stop.is_set() and self.run.cache_behavior == "CACHE_ALWAYS":', "if not self.stop.is_set():", CACHES + "test_a_completed_run_is_cached_if_that_is_asked_for"),
    Mutation("an answer that was given is not changed later", "local/state.py", "_Token(digest, deepcopy(answer), now)", "_Token(digest, answer, now)", "tests/local/test_runs.py::test_a_replay_answers_as_the_first_time"),
    Mutation("a page token belongs to its call", "local/page_tokens.py", "if seal != _seal(operation, params, caller):", "if not seal:", "tests/local/test_runs.py::test_a_page_token_belongs_to_its_call"),
    # --- the local endpoint: who may call it ---
    Mutation("what is not signed is refused", "local/guard.py", '"AWSAccessKeyId=" in query and "Signature=" in query else None', 'query == "" else None', SECURITY + "test_an_unsigned_request_is_refused"),
    Mutation("the control API needs its header", "local/app.py", 'if headers.get("x-omics-local") != "1":', "if False:", SECURITY + "test_the_control_api_needs_its_header"),
    Mutation("a page out of the endpoint's own S3 calls nothing", "local/guard.py", 'if origin is not None or site != "none":', 'if origin not in (None, f"http://{host}"):', SECURITY + "test_a_page_out_of_the_endpoints_own_s3_calls_nothing"),
    Mutation("a foreign origin reads nothing", "local/guard.py", 'return None if origin in (None, f"http://{host}") else', "return None if True else", SECURITY + "test_a_foreign_origin_is_refused"),
    Mutation("botocore's host prefixes alone are this machine's name", "local/guard.py", "host.removeprefix(prefix) for prefix in _host_prefixes() if host.startswith(prefix)", 'host.partition("-")[2] for _ in "x" if "-" in host', SECURITY + "test_a_foreign_host_is_refused"),
    Mutation("a bucket's name stands before the host for S3 alone", "local/guard.py", '(service == "s3" and re.fullmatch(', "(re.fullmatch(", SECURITY + "test_a_foreign_host_is_refused"),
    # --- the local endpoint: staying up ---
    Mutation("a run that has ended moves no more", "local/run_journal.py", 'if run.status not in ENDED and (run.status != "STOPPING" or status in ENDED):', 'if run.status != "STOPPING" or status in ENDED:', "tests/local/test_runs.py::test_an_executed_run_that_is_stopping_can_only_end"),
    Mutation("no step stops the clock", "local/state.py", "except Exception:\n                log.exception(", "except KeyError:\n                log.exception(", BATCHES + "test_a_step_that_fails_does_not_keep_the_next_from_being_done"),
    Mutation("run settings in S3 are checked", "local/batches.py", 'return [service.entry("StartRunBatch", where, f"s3UriSettings.{i}.member", it) for i, it in enumerate(settings, 1)]', "return settings", BATCHES + "test_settings_in_s3_are_checked_as_inline_ones_are"),
    Mutation("the end of a run looks at no other run of its batch", "local/batch_life.py", "batch.status in following and not batch.active:", "batch.status in following and all(it.run.status in ENDED for it in batch.submissions if it.run):", BATCHES + "test_a_large_batch_lets_others_through_and_costs_what_its_runs_cost"),
    Mutation("a reset ends what is executed", "local/engine.py", "self.executor.end(runs)", "pass", "tests/local/execute/test_served.py::test_a_reset_waits_until_nothing_is_executed"),
    Mutation("a reset ends what is published", "local/engine.py", "left.close()", "pass", SWITCHES + "test_a_reset_leaves_nothing_of_what_was_under_way"),
    Mutation("a reset empties the other services", "local/engine.py", "        moto_backends.reset()\n", "", SWITCHES + "test_a_reset_forgets_everything"),
    Mutation("planned faults are for clients", "local/app.py", "None if access_key == self._own_key else ", "", SWITCHES + "test_a_fault_of_s3_is_for_clients_not_for_the_endpoints_own_calls"),
    Mutation("an import job always ends", "local/read_set_jobs.py", "except Exception as error:  # noqa: BLE001 - whatever it is, the source has failed and the job ends", "except FileNotFoundError as error:", "tests/local/test_storage.py::test_an_import_job_ends_whatever_happens_to_its_copies"),
    Mutation("a task's output without a newline is never held", "local/tails.py", "file.read(self.longest)", "file.read()", "tests/local/execute/test_tails.py::test_a_large_output_without_a_newline_is_never_held"),
    Mutation("a definition that unpacks to too much is refused", "local/definitions.py", "size > MOST_UNPACKED or len(files) > MOST_FILES:", "False:", DEFINITIONS + "test_a_zip_that_unpacks_to_too_much_is_refused"),
    Mutation("a server that is killed takes its runs with it", "local/isolation.py", "return prefix if _works(prefix) else ()", "return ()", "tests/local/execute/test_killed.py"),
    Mutation("the folders that a killed server left are removed", "local/run_folders.py", "            shutil.rmtree(folder, ignore_errors=True)\n", "", "tests/local/execute/test_killed.py"),
    Mutation("a sandboxed task has no capabilities", "local/isolation.py", ', "--cap-drop", "ALL"', "", PROCESSES + "test_a_sandboxed_task_sees_programs_and_its_inputs_alone"),
    Mutation("a sandboxed task cannot write its inputs", "local/wdl_backend.py", 'invocation += ["--ro-bind", path, path]', 'invocation += ["--bind", path, path]', PROCESSES + "test_a_sandboxed_task_sees_programs_and_its_inputs_alone"),
    Mutation("a sandboxed task does not see the host", "local/isolation.py", '_SYSTEM = ("/usr", ', '_SYSTEM = ("/usr", "/var", ', PROCESSES + "test_a_sandboxed_task_sees_programs_and_its_inputs_alone"),
    Mutation("a setting that is unknown is refused within quotas, too", "local/control.py", "if unknown := [name for name in settings.quotas if name not in operations]:", "if unknown := []:", SWITCHES + "test_what_means_nothing_is_refused"),
    Mutation("the user's script comes before the examples' own", "local/plans.py", "return not script.example, ", "return script.example, ", SWITCHES + "test_a_script_of_the_user_comes_before_the_examples_own"),
    Mutation("the settings of a configuration come first", "local/control.py", "    _try(_change_settings, engine, settings, wrong)\n", "", SWITCHES + "test_the_account_of_a_configuration_is_that_of_all_it_registers"),
)  # fmt: skip


def survives(mutation: Mutation) -> str | None:
    """Return why a mutation does not count as noticed, None if its test fails as it must."""
    with tempfile.TemporaryDirectory() as directory:
        for name in (PACKAGE, "tests", "demo"):
            shutil.copytree(ROOT / name, Path(directory, name), ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", directory)
        file = Path(directory, PACKAGE, mutation.file)
        text = file.read_text()
        if text.count(mutation.old) != 1:
            return f"{mutation.file} has {mutation.old!r} {text.count(mutation.old)} times, not once"
        file.write_text(text.replace(mutation.old, mutation.new))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "--tb=line",
            "--timeout=150",
            mutation.test,
        ]
        environment = {**os.environ, "PYTHONPATH": directory, "OMICS_SHRINK": "no"}
        try:
            done = subprocess.run(  # noqa: S603 - the command is our own
                command, cwd=directory, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"{mutation.test} does not end"
        if done.returncode != _ONE_TEST_FAILED:
            return f"{mutation.test} ends with {done.returncode}: {done.stdout[-300:]}"
    return None


def main(names: list[str]) -> int:
    """Try the mutations and say what became of each."""
    unnoticed = 0
    for mutation in MUTATIONS:
        if names and not any(name in mutation.rule for name in names):
            continue
        why = survives(mutation)
        unnoticed += why is not None
        print(f"{'noticed' if why is None else 'SURVIVES'}  {mutation.rule}" + (f": {why}" if why else ""), flush=True)  # noqa: T201 - it speaks to who started it
    return min(unnoticed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
