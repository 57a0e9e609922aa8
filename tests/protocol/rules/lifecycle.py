# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in lifecycle/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

PROTOCOL = "lifecycle/protocol.py"
ATTEMPT = "lifecycle/attempt.py"
INTENTION = "lifecycle/intention.py"
SERVICE = "lifecycle/run_submissions.py"
SUBMISSIONS = "lifecycle/submissions.py"
HUB_DRIVER = "lifecycle/in_hub.py"
CLAIM = "lifecycle/claim.py"
TIMES = "lifecycle/start_times.py"
WORKER_DRIVER = "lifecycle/in_worker.py"
POLICY = "lifecycle/in_worker.py"
SCENARIOS = "tests/protocol/test_scenarios.py"
STEPS = "tests/lifecycle/test_next_action.py"
CARRIED = "tests/lifecycle/test_attempt.py"
RETRIES = "tests/operators/test_retries.py::"
KILLS = "tests/operators/test_on_kill.py::"
TAKEN_OVER = "tests/operators/in_triggerer/test_taken_over.py::"
ENDED = "tests/operators/in_triggerer/test_ended.py::"
OWN = "tests/operators/test_own_names.py::"
REFUSED = "tests/operators/test_refused.py::"

MUTATIONS = (
    Mutation("max_tries is a part", INTENTION, "start, self.max_tries]", "start]"),
    Mutation("the Dag run's start is a part", INTENTION, "start, self.max", "self.max", "tests/lifecycle/test_intention.py"),
    Mutation("the map index is a part", INTENTION, "self.map_index, start", "start", "tests/lifecycle/test_intention.py"),
    Mutation("its region is what tells it apart", INTENTION, "else [self.region_id, self.region_index]", "else []", "tests/lifecycle/test_intention.py"),
    Mutation("no try changes the payload", SERVICE, "{**self.intention.tags(request_id),", '{"try": str(self._try_number), **self.intention.tags(request_id),', RETRIES + "test_a_look_up_that_is_denied_relies_on_the_request_id"),
    Mutation("a caller's requestId is sent verbatim", "lifecycle/run_submissions.py", "self.own_request_id or self.intention", "self.intention"),
    Mutation("what is about to be started is written down first", ATTEMPT, "    answer = yield Write(Record(submission, since=known.since))\n", "    answer = None\n", CARRIED),
    Mutation("a run is shown before anything more is asked", ATTEMPT, "    yield Show(run)\n    if known.retry:", "    if known.retry:", RETRIES + "test_a_run_is_shown_before_anything_more_is_asked"),
    Mutation("StartRun's answer to a retry may be of long ago", ATTEMPT, "    if known.retry:  # It may be an older", "    if False:  # It may be an older", CARRIED),
    Mutation("a retry looks before it asks", ATTEMPT, "    if not known.looked_up:\n        return LookUp()\n    why", "    why", STEPS),
    Mutation("the tag tells whose a run is", SERVICE, "            if submission is not None:", "            submission = submission or 0\n            if True:"),
    Mutation("a caller's requestId is compared as the tag has it", SERVICE, "request_id == tag_value(str(self.own_request_id))", "request_id == self.own_request_id", OWN + "test_a_request_id_is_known_by_its_tag"),
    Mutation("what lives is asked about before what has ended", SERVICE, '(item["status"] in ENDED, item["status"] != "COMPLETED")', '(item["status"] not in ENDED,)', OWN + "test_a_run_that_lives_is_found_among_any_number_that_have_ended"),
    Mutation("what has succeeded is asked about before what has failed", SERVICE, '(item["status"] in ENDED, item["status"] != "COMPLETED")', 'item["status"] in ENDED', OWN + "test_a_success_is_found_among_any_number_that_have_failed"),
    Mutation("among too many active runs nothing is started", SERVICE, 'if items[MAX_CANDIDATES]["status"] not in ENDED and not self.own_request_id:', "if False:", OWN + "test_among_too_many_runs_that_live_none_is_started_until_some_have_ended"),
    Mutation("a name of one's own tells nothing without tags", SERVICE, "if not self.finds_runs or not items:", "if not items:"),
    Mutation("a run without a uuid is not adopted", SERVICE, "if not run.uuid:", "if False:", SCENARIOS),
    Mutation("a caller's requestId is looked for by every try", ATTEMPT, "if known.own_request_id:", "if False:", CARRIED),
    Mutation("a look-up that is denied is no failure", SUBMISSIONS, '                if not is_denied(error):\n                    raise\n                log.warning("The look-up', '                raise\n                log.warning("The look-up', RETRIES + "test_a_look_up_that_is_denied_relies_on_the_request_id"),
    Mutation("a bad end of before is followed by the next run", ATTEMPT, "if seen.own or known.own_request_id:", "if True:"),
    Mutation("a FAILED run is no success", ATTEMPT, "if run.succeeded or not", "if run.ended or not"),
    Mutation("COMPLETED is a success", ATTEMPT, "if run.succeeded or not", "if not"),
    Mutation("without waiting any run will do", ATTEMPT, "if run.succeeded or not known.waits:", "if run.succeeded:"),
    Mutation("a run that lives is waited for", ATTEMPT, "if not run.ended:", 'if run.status == "RUNNING":'),
    Mutation("a dying run's end is not the try's", ATTEMPT, 'dying=run.status == "STOPPING" and not (seen.own or known.own_request_id)', "dying=False"),
    Mutation("a caller's requestId has no run after a dying one", ATTEMPT, "not (seen.own or known.own_request_id)", "not seen.own", STEPS),
    Mutation("the end of its own run ends the try", ATTEMPT, "if seen.own or known", "if known", SCENARIOS),
    Mutation("a run of before is not its own", PROTOCOL, " and run.creation_time >= since)", ")"),
    Mutation("a caller's requestId has one run", ATTEMPT, "if seen.own or known.own_request_id:", "if seen.own:", STEPS),
    Mutation("the submission rises over an ended run", ATTEMPT, "known.seen.submission + 1", "known.seen.submission", STEPS),
    Mutation("without tags the runs of the default name are counted", SERVICE, "else len(items) - 1)", "else 0)"),
    Mutation("a record of another intention counts for nothing", SERVICE, 'and value.get("intention") == self.intention.digest', ""),
    Mutation("a record is believed when GetRun says so", ATTEMPT, "return LookAt(known.record.run, known.record.submission)", "return Wait(known.record.run)"),
    Mutation("a recorded run that ended is no reason not to look", ATTEMPT, "    if not known.looked_up:\n        return LookUp()  #", "    if False:\n        return LookUp()  #", STEPS),
    Mutation("a record of a submission under way counts", ATTEMPT, "max(known.record.submission if known.record else 0, known.asked or 0)", "known.asked or 0", STEPS),
    Mutation("a store that takes nothing fails no task", SERVICE, "        except Exception as error:  # noqa: BLE001 - the look-up finds what is not", "        except KeyError as error:  # the look-up finds what is not"),
    Mutation("a store that gives nothing fails no task", SERVICE, "        except Exception as error:  # noqa: BLE001 - the look-up finds what cannot", "        except KeyError as error:  # the look-up finds what cannot"),
    Mutation("a run whose answer was lost is the attempt's own", ATTEMPT, "retry=True, asked=submission, looked_up=False", "retry=True, looked_up=False", "tests/lifecycle/test_attempt.py::test_its_run_is_the_attempts_own_if_it_is_found"),
    Mutation("who takes an attempt's place knows what it has asked for", HUB_DRIVER, "retry=True, asked=marker.submission, since=marker.since, record=record)", "retry=True, record=record)", TAKEN_OVER + "test_who_takes_its_place_goes_on_with_its_run"),
    Mutation("a run that cannot be looked at is told to go on", SUBMISSIONS, 'raise self.wait_error(run, f"{type(error).__name__}: {error}") from error', "raise", "tests/operators/test_faults.py::test_a_retry_that_may_not_get_its_run_says_that_it_goes_on"),
    Mutation("a StartRun whose run is not found is no task without a run", HUB_DRIVER, 'raise OmicsError(f"StartRun with', 'return str(f"StartRun with', ENDED + "test_a_run_that_may_exist_and_cannot_be_found_is_an_error_in_the_log"),
    Mutation("XComs of an older run are not of the submission, however often the triggerer changes", HUB_DRIVER, "run.uuid if run else marker.over", "run.uuid if run else None", TAKEN_OVER + "test_the_run_of_before_is_not_that_of_the_submission_however_often_the_triggerer_changes"),
    Mutation("nor are those that were pushed before there was a submission", HUB_DRIVER, "            self._shown = run.uuid if run else None\n            return known\n", "            return known\n", TAKEN_OVER + "test_the_run_of_before_is_not_that_of_the_submission_however_often_the_triggerer_changes"),
    Mutation("who takes an attempt's place without its marker looks for its run", HUB_DRIVER, "if self._claim.marker_is_lost else known", "if False else known", TAKEN_OVER + "test_who_takes_its_place_finds_its_run_without_xcoms"),
    Mutation("a try that has ended has lost no XComs", "lifecycle/marker.py", 'ended="") is None', "ended=None) is None", "tests/operators/test_loops.py::test_a_try_that_has_ended_has_lost_no_xcoms"),
    Mutation("409 is no failure", WORKER_DRIVER, "                return NoRun.CONFLICT\n", "                raise\n", RETRIES + "test_a_409_is_answered_by_a_look_up"),
    Mutation("409 is answered by looking for as long as a run may take to be listed", SUBMISSIONS, "if looked >= until:", "if True:"),
    Mutation("after 409 an older run is not the answer", SUBMISSIONS, "found.newest.submission >= at_least", "True"),
    Mutation("409 asks for a look-up though there was one", ATTEMPT, "conflict=submission, looked_up=False", "conflict=submission"),
    Mutation("what a look-up finds is no news if a later run is known", ATTEMPT, "known.seen.submission > newest.submission", "False", CARRIED),
    Mutation("409 and nothing found starts nothing else", ATTEMPT, "return GiveUp(known.conflict) if", "return Start(known.conflict + 1) if", STEPS),
    Mutation("nothing starts after a kill", WORKER_DRIVER, "if self._is_killed():", "if False:", KILLS + "test_nothing_starts_after_a_kill"),
    Mutation("a refusal is told as one", POLICY, "        if is_refused(error):", "        if False:", REFUSED + "test_it_ends_with_the_submit_timeout"),
    Mutation("a task that is not deferred any more starts nothing", CLAIM, 'if state != "deferred":', "if False:", TAKEN_OVER + "test_a_task_that_is_not_deferred_any_more_starts_nothing"),
    Mutation("where Airflow does not answer nothing is started", CLAIM, 'raise NotNowError(f"Airflow does not return whether the task is still deferred: {error}") from error', "return", TAKEN_OVER + "test_where_airflow_does_not_answer_nothing_is_started"),
    Mutation("who stood still while it wrote its marker looks first", "lifecycle/marker.py", "return marker if time.monotonic() - read_at <= FRESH_SECONDS else None", "return marker", "tests/lifecycle/test_claim.py::test_a_process_that_stood_still_while_it_wrote_looks_first"),
    Mutation("after a marker of an earlier try a look comes first", CLAIM, "self._is_older(self._marker):\n                    return False\n", "self._is_older(self._marker):\n                    pass\n", "tests/lifecycle/test_claim.py::test_a_marker_that_an_earlier_tries_trigger_wrote_late_is_replaced"),
    Mutation("a marker of an earlier try blocks nobody", CLAIM, "return marker.try_number < self._try[1]", "return False", "tests/lifecycle/test_claim.py::test_a_marker_that_an_earlier_tries_trigger_wrote_late_is_replaced"),
    Mutation("a trigger that was taken over starts nothing", CLAIM, "        if marker != self._marker:\n            self._marker, self", "        if False:\n            self._marker, self", TAKEN_OVER + "test_a_trigger_that_was_taken_over_in_the_queue_starts_nothing"),
    Mutation("who ends a task waits for a StartRun that is under way", "lifecycle/start_calls.py", "return await asyncio.shield(asyncio.wrap_future(self._under_way))", "return None", ENDED + "test_who_ends_a_task_while_start_run_is_under_way_ends_its_run"),
    Mutation("the end of an adopted run is that of who takes its place, too", ATTEMPT, "                    yield Write(Record(known.seen.submission, run, adopted=True))\n", "                    pass\n", TAKEN_OVER + "test_the_end_of_an_adopted_run_is_the_tries_also_for_who_takes_its_place"),
    Mutation("a lost answer is looked for before StartRun is called again", ATTEMPT, "replace(known, retry=True, asked=submission, looked_up=False)", "replace(known, asked=submission)", CARRIED),
    Mutation("however short the time is, one call is made", TIMES, "return max(self.until, self._first_call_until)", "return self.until", "tests/operators/in_triggerer/test_late.py::test_however_short_the_time_is_the_first_call_is_made"),
    Mutation("that call is not made after the deadline", TIMES, "return moment if self._deadline is None else min(moment, self._deadline)", "return moment", "tests/operators/in_triggerer/test_late.py::test_the_first_call_is_not_made_after_the_deadline"),
    Mutation("after a 409 there is a run to be cancelled at the deadline", HUB_DRIVER, "            self.starts.note_fault(error)\n            self._say(str(error))\n", "            self._say(str(error))\n", "tests/operators/in_triggerer/test_why.py::test_the_deadline_ends_the_run_of_a_409"),
    Mutation("no refusal is waited out beyond the time", HUB_DRIVER, "            limit.reschedule(loop.time() + self.times.until - time.time())\n", "", "tests/operators/in_triggerer/test_late.py::test_no_refusal_of_it_is_waited_out"),
    Mutation("a task that is ended in the queue is looked up", HUB_DRIVER, "return newest.run\n            if starts.asked", 'return ""\n            if starts.asked', ENDED + "test_a_person_ends_the_run_of_an_answer_that_was_lost"),
    Mutation("a link that breaks breaks no run", "lifecycle/run_links.py", "except Exception as error:  # noqa: BLE001 - any error: the run goes on", "except ZeroDivisionError as error:", "tests/operators/test_links.py::test_a_link_that_breaks_breaks_no_run"),
)  # fmt: skip
