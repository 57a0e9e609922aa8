# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in polling/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

POLLS = "polling/poller.py"
LISTING = "polling/listing.py"
LIMIT = "polling/rate_limit.py"
PACE = "polling/start_pace.py"
QUEUE = "polling/start_queue.py"
QUEUED = "polling/queued_request.py"
QUOTA = "polling/account_quota.py"
PACING = "polling/pacing.py"
CLIENT = "polling/client.py"
THE_HUB = "polling/hub.py"
WAYS = "tests/cancellation/test_cancel_run.py::"
PACES = "tests/polling/test_start_pace.py"
STARTS = "tests/polling/test_start_queue.py::"
REFUSALS = "tests/polling/test_start_refusals.py::"
STARTED = "tests/triggers/test_start_calls.py::"
FAULTS = "tests/triggers/test_faults.py::"
HUB = "tests/triggers/test_hub.py::"
HUB_CALLS = "tests/triggers/test_hub_calls.py::"

MUTATIONS = (
    Mutation("a run that was looked at a moment ago is no reason to list", "polling/watch.py", "return min(1.0, (now - self.planned) / max(self.due - self.planned, 1e-9))", "return 1.0", "tests/triggers/test_listing_saves_calls.py::test_a_run_that_comes_costs_one_look_however_many_wait"),
    Mutation("a run that the pages do not show is confirmed", POLLS, "            self._missing.append(watch)\n", '            self._saw(watch, replace(watch.run, status="COMPLETED"))\n', HUB_CALLS + "test_runs_that_are_not_listed_yet_are_confirmed_and_not_given_up"),
    Mutation("a listed run of another time is another run", LISTING, "_SAME_CREATION: Final = 300.0", "_SAME_CREATION: Final = 3e9", HUB_CALLS + "test_a_listed_run_of_another_time_is_not_taken_for_ours"),
    Mutation("one member's trouble is its own", POLLS, "Exception):\n            _fail(watch, error)", "Exception):\n            for other in self._watches:\n                _fail(other, error)", HUB + "test_one_member_without_permission_fails_alone"),
    Mutation("a connection that is throttled slows down alone", LIMIT, "self.pace = CallPace(shared.pace.limit)", "self.pace = shared.pace", HUB + "test_a_connection_that_is_throttled_does_not_hold_up_another"),
    Mutation("all connections share one budget", LIMIT, "self._shared.pace.note_call(loop.time())", "pass", HUB + "test_the_budget_is_that_of_all_connections"),
    Mutation("a burst of throttles counts once", PACING, "if now - self._slowed >= 1:", "if True:", "tests/polling/test_pacing.py"),
    Mutation("calls that were under way together count once", PACING, "if begun >= self._failed:", "if True:", "tests/polling/test_pacing.py"),
    Mutation("what is away is asked by one call at a time", CLIENT, "limit.unanswered(begun)", "pass", FAULTS + "test_what_is_away_is_asked_by_one_call_at_a_time"),
    Mutation("a probe that failed wakes who waits for it", LIMIT, "asyncio.get_running_loop().time())\n        self._changed.set()", "asyncio.get_running_loop().time())", WAYS + "test_a_dead_endpoint_is_asked_one_call_at_a_time"),
    Mutation("a mended connection is read anew", CLIENT, "anew = anew or limit.pace.faults >= READ_ANEW", "pass", FAULTS + "test_a_mended_connection_is_read_anew"),
    Mutation("a fault of ours leaves nobody waiting", POLLS, "if not task.cancelled() and isinstance(error := task.exception(), Exception):", "if False:", HUB + "test_a_look_that_breaks_by_our_own_fault_leaves_nobody_waiting"),
    Mutation("the missing and the due take turns", POLLS, "(first is None or self._missing_next or self._before_listing > 0)", "True", HUB_CALLS + "test_a_new_run_is_seen_while_a_crowd_of_ends_is_drained"),
    Mutation("a refusal makes a pause", PACE, "self._next = pause if alone", "self._next = now if alone", PACES),
    Mutation("refusals in a row make it longer", PACE, "_PAUSE * 2 ** min(self._row - 1, 10)", "_PAUSE", PACES),
    Mutation("refusals of calls that were under way together count once", PACE, "if call.number <= self._known:\n            return\n", "", PACES),
    Mutation("a quota that grows is found", PACE, "self._step = min(_MOST_STEP, self._step * _FASTER)", "pass", PACES),
    Mutation("the period is measured from refusal to refusal", PACE, "        self._mark = mark\n", "", PACES),
    Mutation("the answer after a refusal is not waited for very long", PACE, "max(self.gap, _ANSWER) if self._row", "60 if self._row", PACES),
    Mutation("calls that are seldom say nothing", PACE, "elif not self._row and not call.idle:", "elif not self._row:", PACES),
    Mutation("requests start in the order of asking", QUEUE, "elif fresh and not before and not due:", "elif fresh and not due:", STARTS + "test_a_caller_is_asked_again_when_its_turn_comes_late"),
    Mutation("who is refused is next again", QUEUE, "self._inside.append(queued)\n        self._wake()", "queued.number = next(self._numbers)\n            self._inside.append(queued)\n        self._wake()", REFUSALS + "test_who_is_refused_is_asked_again_first"),
    Mutation("each refusal is told", QUEUE, "                refused(error)\n            else:", "                pass\n            else:", REFUSALS + "test_who_is_refused_is_asked_again_first"),
    Mutation("callers are asked ahead of their turn", QUEUE, "return max(0.0, due - now - self._lead - _MARGIN)", "return max(0.0, due - now)", STARTS + "test_five_a_second_start_though_each_caller_takes_its_time"),
    Mutation("a caller is asked just before its call", QUEUE, "elif seconds := self._until_asked(before, now):", "elif seconds := 0.0:", REFUSALS + "test_a_caller_is_asked_just_before_each_call_however_long_the_pause"),
    Mutation("only a few are near their turn", QUEUE, "_MOST_NEAR: Final = 12", "_MOST_NEAR: Final = 1000", STARTS + "test_few_of_many_are_looked_at"),
    Mutation("a caller is asked again when its call comes late", QUEUED, "return max(0.0, max(self._asked + _FRESH, self._ready + _JUST_ENDED) - now)", "return 1.0", STARTS + "test_a_caller_is_asked_again_when_its_turn_comes_late"),
    Mutation("a caller that does not answer is passed by", QUEUED, "now - self._asked > _CHECK_SECONDS", "False", STARTS + "test_a_caller_that_does_not_answer_holds_up_the_others_for_a_second"),
    Mutation("a process that stood still sends nothing", QUEUED, "time.monotonic() - self._caller_ready > _SUSPENDED", "False", STARTS + "test_a_call_is_not_sent_by_a_process_that_stood_still"),
    Mutation("who is cancelled sends nothing any more", QUEUED, "self._withdrawn = True\n", "pass\n", STARTS + "test_a_call_of_one_that_is_cancelled_is_not_sent_any_more"),
    Mutation("a call outlives its caller", QUEUE, "await asyncio.shield(task)", "await task", STARTS + "test_a_call_that_is_under_way_goes_on_when_its_caller_is_cancelled"),
    Mutation("a refusal of one that has left leaves no queued request behind", QUEUE, "if again and not queued.given_up:", "if again:", REFUSALS + "test_a_refusal_of_one_that_has_left_is_nobodys"),
    Mutation("what a call logs is its caller's", QUEUED, "self._context.run(self._call, hook)", "self._call(hook)", STARTS + "test_each_caller_is_asked_and_called_in_its_own_context"),
    Mutation("a request without room waits a minute", QUEUE, "await asyncio.sleep(FULL_SECONDS)", "pass", REFUSALS + "test_a_lone_request_without_room_is_asked_once_a_minute"),
    Mutation("an account is full for three requests in a row", QUOTA, "_FULL: Final = 3", "_FULL: Final = 2", REFUSALS + "test_an_account_is_full_when_three_requests_in_a_row_have_no_room"),
    Mutation("a full account is asked once a minute", QUOTA, "max(0.0, self._closed_until - now) if self.is_full else 0.0", "0.0", REFUSALS + "test_a_full_account_gets_one_call_a_minute_each_by_the_next_request_until_a_run_starts"),
    Mutation("one run that starts opens a full account", QUEUE, "self._quota.started()", "pass", REFUSALS + "test_a_full_account_gets_one_call_a_minute_each_by_the_next_request_until_a_run_starts"),
    Mutation("a refusal says nothing of the room", QUEUE, "self._quota.unknown(now)", "pass", REFUSALS + "test_too_many_calls_to_a_full_account_are_asked_again_at_once"),
    Mutation("four calls are under way at most", QUEUE, "if self._under_way >= self._at_once:", "if False:", STARTS + "test_calls_that_hang_hold_up_nobody_and_four_are_under_way_at_most"),
    Mutation("an endpoint that is away is asked to start one run at a time", QUEUE, "pace.pause(now) if pace.faults > 1 else 0.0", "0.0", REFUSALS + "test_what_is_away_is_asked_by_one_call_at_a_time"),
    Mutation("StartRun does not wait for looks", "polling/hub.py", "starts = Client(params, _config(read_timeout=10), RateLimit(limits.calls), threads=_STARTS)", "starts = self.client", STARTED + "test_start_run_has_a_client_of_its_own_that_gives_up_soon_and_repeats_nothing"),
    Mutation("a connection is read anew while a gateway answers", CLIENT, "self._in_vain >= READ_ANEW", "False", FAULTS + "test_a_mended_connection_is_read_anew_while_a_gateway_answers_for_its_endpoint"),
    Mutation("what was denied is asked with the connection as it is now", CLIENT, " or errors.depends_on_connection(error)", "", "tests/operators/in_triggerer/test_edited_connection.py::test_a_start_that_is_denied_is_tried_with_the_edited_connection_by_the_next_try"),
    Mutation("faults of HealthOmics make few clients", CLIENT, "and self._anew.due(asyncio.get_running_loop().time())", "", FAULTS + "test_a_mended_connection_is_read_anew_while_a_gateway_answers_for_its_endpoint"),
    Mutation("a queue that is away slows nothing else", "polling/event_queue.py", "self._receive, self._threads, limit=self._hub.events", "self._receive, self._threads", FAULTS + "test_a_queue_that_is_away_slows_nothing_else"),
    Mutation("runs of an unknown status make no listing pay", POLLS, "if not watch.missing and watch.run.known]", "if not watch.missing]", "tests/triggers/test_listing_saves_calls.py"),
    Mutation("a dead endpoint gets few CancelRun", THE_HUB, "await self.client.call(call, limit=limit)", "await self.client.call(call)", WAYS + "test_a_dead_endpoint_is_asked_one_call_at_a_time"),
    Mutation("a throttled CancelRun slows the next ones down", THE_HUB, "limit.pace.throttled(asyncio", "id(asyncio", WAYS + "test_cancelruns_limit_is_its_own"),
    Mutation("deadlines that come together keep within the budget", THE_HUB, "            await limit.acquire()\n", "", "tests/triggers/test_run.py::test_many_deadlines_that_come_together_are_cancelled_within_the_quota"),
)  # fmt: skip
