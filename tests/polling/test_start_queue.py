# SPDX-License-Identifier: Apache-2.0
"""The queue at StartRun: who is next, who is asked just before, and whom another one's trouble reaches."""

import asyncio
import contextvars
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from airflow_provider_omics.polling import pacing, start_place
from airflow_provider_omics.polling.account_room import AccountRoom
from airflow_provider_omics.polling.rate_limit import RateLimit, SharedLimit
from airflow_provider_omics.polling.start_pace import StartPace
from airflow_provider_omics.polling.start_queue import StartQueue
from tests.polling.virtual_time import run
from tests.triggers.waiting import until

TOO_MANY = ClientError({"Error": {"Code": "ThrottlingException"}}, "StartRun")
FULL = ClientError({"Error": {"Code": "ServiceQuotaExceededException"}}, "StartRun")
INVALID = ClientError({"Error": {"Code": "ValidationException"}}, "StartRun")
AWAY = EndpointConnectionError(endpoint_url="http://workflows-omics")
MINUTE = 60.0


class FakeClient:
    """Calls without a hook, each in the empty context that a thread has."""

    def __init__(self):
        self.limit = RateLimit(SharedLimit(1000))
        self.stands_still = 0.0
        # How long the call that is being sent takes, in seconds.
        self.takes = 0.0

    @property
    def budget(self):
        return self.limit.budget

    async def connect(self):
        pass

    async def call(self, method):
        seconds, self.stands_still = self.stands_still, 0.0
        begun = now()
        await asyncio.sleep(seconds)
        try:
            try:
                answer = contextvars.Context().run(method, self)
            finally:
                takes, self.takes = self.takes, 0.0
                await asyncio.sleep(takes)
        except EndpointConnectionError:
            self.limit.unanswered(begun)
            raise
        except ClientError:
            self.limit.answered()
            raise
        self.limit.answered()
        return answer

    def close(self):
        pass


class Crowd:
    """Requests, and what became of them, in the order in which it happened."""

    def __init__(self, gap=0.01, at_once=4):
        self.client = FakeClient()
        self.pace = StartPace(gap)
        self.queue = StartQueue(self.client, self.pace, at_once=at_once)
        self.asked, self.called, self.refused, self.left = [], [], [], []
        self.times, self.asked_at = [], {}
        self.answers = {}

    async def ready(self, name, seconds):
        self.asked.append(name)
        self.asked_at[name] = now()
        await asyncio.sleep(seconds)

    def call(self, name, seconds, client):
        self.called.append(name)
        self.times.append((now(), now() - self.asked_at[name]))
        answers = self.answers.get(name)
        client.takes = seconds
        if answers:
            raise answers.pop(0)
        return f"run of {name}"

    def ask(self, name, *answers, ready=0.0, takes=0.0, is_ready=None):
        """Ask for a run, for which there are first these answers, and return the task."""
        self.answers[name] = list(answers)
        return asyncio.create_task(
            self.queue.start(
                partial(self.call, name, takes),
                ready=partial(is_ready or self.ready, name, ready),
                refused=lambda error: self.refused.append((name, error)),
                left=self.left.append,
            )
        )


@asynccontextmanager
async def crowd(gap=0.01, at_once=4):
    those = Crowd(gap, at_once)
    try:
        async with asyncio.timeout(3600):
            yield those
        assert those.queue._inside == []
        assert those.queue._under_way == 0
    finally:
        those.client.close()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Have the whole queue live in virtual time."""
    monkeypatch.setattr(start_place, "time", SimpleNamespace(monotonic=now))


def now():
    return asyncio.get_running_loop().time()


def test_requests_get_their_turn_in_the_order_of_asking():
    async def go():
        async with crowd() as those:
            runs = await asyncio.gather(*(those.ask(number, ready=0.01) for number in range(20)))
        assert those.called == list(range(20))
        assert those.asked == list(range(20))
        assert runs == [f"run of {number}" for number in range(20)]

    run(go())


@pytest.mark.parametrize("ready", [0.05, 0.2, 0.9])
def test_five_a_second_start_though_each_caller_takes_its_time(ready):
    async def go():
        async with crowd(0.2) as those:
            await asyncio.gather(*(those.ask(number, ready=ready, takes=0.3) for number in range(20)))
        begun = [at for at, _ in those.times]
        # As soon as it is known how long a caller takes.
        assert max(later - sooner for sooner, later in pairwise(begun[6:])) <= 0.27
        assert max(age for _, age in those.times) <= 1.4
        assert those.called == list(range(20))

    run(go())


def test_a_caller_is_asked_just_before_its_call_however_long_it_queued():
    async def go():
        async with crowd(1.5) as those:
            await asyncio.gather(*(those.ask(number, ready=0.05) for number in range(3)))
        assert max(age for _, age in those.times) <= 0.6
        assert those.asked == [0, 1, 2]

    run(go())


def test_a_caller_is_asked_again_when_its_turn_comes_late(monkeypatch):
    monkeypatch.setattr(start_place, "_FRESH", 0.2)

    async def go():
        async with crowd() as those:
            await asyncio.gather(those.ask("slow", ready=0.7), those.ask("quick"))
        assert those.called == ["slow", "quick"]
        assert those.asked.count("quick") >= 2
        assert those.times[1][1] <= 0.3

    run(go())


def test_a_caller_that_does_not_answer_holds_up_the_others_for_a_second():
    async def go():
        async with crowd() as those:
            slow = those.ask("slow", ready=3)
            await until(lambda: those.asked)
            begun = now()
            await those.ask("quick")
            assert 0.5 <= now() - begun <= 1.5
            await slow

    run(go())


def test_what_a_caller_raises_when_asked_ends_its_request_alone():
    async def no(_name, _seconds):
        raise ValueError("it was ended")

    async def go():
        async with crowd() as those:
            leaving = those.ask("leaving", is_ready=no)
            staying = those.ask("staying")
            with pytest.raises(ValueError, match="it was ended"):
                await leaving
            assert await staying == "run of staying"
        assert those.called == ["staying"]

    run(go())


def test_a_call_is_not_sent_by_a_process_that_stood_still(monkeypatch):
    monkeypatch.setattr(start_place, "_STOOD_STILL", 0.3)

    async def go():
        async with crowd() as those:
            those.client.stands_still = 0.6
            assert await those.ask("one") == "run of one"
        assert those.asked == ["one", "one"]
        assert those.called == ["one"]

    run(go())


def test_who_is_refused_is_asked_again_first():
    async def go():
        async with crowd(0.05) as those:
            called_by_then = []

            def refused(error):
                assert error is TOO_MANY
                called_by_then.append(len(those.called))

            those.answers["first"] = [TOO_MANY, TOO_MANY]
            first = asyncio.create_task(
                those.queue.start(
                    partial(those.call, "first", 0.1), ready=partial(those.ready, "first", 0.02), refused=refused
                )
            )
            await asyncio.gather(first, *(those.ask(number, ready=0.02, takes=0.1) for number in range(10)))
        # Those that were under way by then have been called in between.
        assert those.called[0] == "first"
        assert len(called_by_then) == 2
        assert [those.called[number] for number in called_by_then] == ["first", "first"]
        assert those.asked.count("first") == 3

    run(go())


def test_a_caller_is_asked_just_before_each_call_however_long_the_pause():
    async def go():
        async with crowd(0.4) as those:
            await those.ask("before")
            await those.ask("refused", *[TOO_MANY] * 9, ready=0.05)
        pauses = [later[0] - sooner[0] for sooner, later in pairwise(those.times)]
        assert max(pauses) > 0.8
        assert max(age for _, age in those.times) <= 0.5
        assert those.asked.count("refused") == 10

    run(go())


def test_a_request_without_room_goes_to_the_back_and_another_is_tried_at_once():
    async def go():
        async with crowd() as those:
            begun = now()
            large, *small = those.ask("large", FULL), those.ask("small"), those.ask("smaller")
            await asyncio.gather(*small)
            assert now() - begun < MINUTE / 2
            await large
            assert MINUTE <= now() - begun <= 1.5 * MINUTE
        assert those.called == ["large", "small", "smaller", "large"]
        assert those.refused == [("large", FULL)]

    run(go())


def test_a_lone_request_without_room_is_asked_once_a_minute():
    async def go():
        async with crowd() as those:
            await those.ask("large", FULL, FULL, FULL, FULL, FULL)
        minutes = [later[0] - sooner[0] for sooner, later in pairwise(those.times)]
        assert len(minutes) == 5
        assert all(MINUTE <= minute <= 1.5 * MINUTE for minute in minutes)

    run(go())


def test_a_full_account_gets_one_call_a_minute_each_by_the_next_request_until_a_run_starts():
    async def go():
        async with crowd() as those:
            full = [those.ask(name, FULL) for name in "abcd"]
            others = [those.ask(name) for name in "efgh"]
            await asyncio.gather(*full, *others)
        assert those.called[:5] == ["a", "b", "c", "d", "e"]
        begun = [at for at, _ in those.times]
        assert begun[2] - begun[0] < MINUTE / 2
        assert MINUTE <= begun[3] - begun[2] <= 1.5 * MINUTE
        assert MINUTE <= begun[4] - begun[3] <= 1.5 * MINUTE
        # It has room again.
        assert begun[7] - begun[4] < MINUTE / 2

    run(go())


def test_too_many_calls_to_a_full_account_are_asked_again_at_once():
    async def go():
        async with crowd() as those:
            await asyncio.gather(*(those.ask(name, FULL) for name in "abc"), those.ask("d", TOO_MANY))
        assert those.called[:5] == ["a", "b", "c", "d", "d"]
        assert those.times[4][0] - those.times[3][0] < MINUTE / 2

    run(go())


def test_an_account_is_full_when_three_requests_in_a_row_have_no_room():
    room = AccountRoom()
    for now, request in enumerate((1, 2, 1, 2)):
        room.none_for(request, now)
    assert not room.is_full
    assert room.pause(4) == 0
    room.some()
    for now, request in enumerate((1, 2, 3)):
        room.none_for(request, now)
    assert room.pause(3) == 59
    room.some()
    assert room.pause(3) == 0


@pytest.mark.parametrize("error", [INVALID, AWAY, ValueError("ours")])
def test_any_other_answer_is_the_callers_at_once(error):
    async def go():
        async with crowd() as those:
            gap = those.pace.gap
            first, second = those.ask("first", error), those.ask("second")
            with pytest.raises(type(error)):
                await first
            await second
            assert those.refused == []
            assert those.pace.gap <= gap
        assert those.called == ["first", "second"]

    run(go())


def test_who_is_cancelled_in_the_queue_holds_up_nobody():
    async def go():
        async with crowd(0.5) as those:
            tasks = [those.ask(number, ready=0.2) for number in range(6)]
            await until(lambda: those.asked == [0, 1])
            begun = now()
            for leaving in tasks[1:5]:  # one that is being asked, one at the door, and two behind it
                leaving.cancel()
            await tasks[5]
            assert now() - begun <= 1
            assert [task.cancelled() for task in tasks] == [False, *[True] * 4, False]
        assert those.called == [0, 5]

    run(go())


def test_who_is_cancelled_while_its_call_is_under_way_can_have_the_answer():
    async def go():
        async with crowd() as those:
            leaving = those.ask("leaving", takes=0.5)
            await until(lambda: those.called)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            assert await those.ask("staying") == "run of staying"
            [answer] = those.left
            assert await answer == "run of leaving"

    run(go())


def test_a_call_of_one_that_is_cancelled_is_not_sent_any_more():
    async def go():
        async with crowd() as those:
            those.client.stands_still = 0.3
            leaving = those.ask("leaving")
            await until(lambda: those.queue._under_way)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
            await until(lambda: not those.queue._under_way)
        assert those.called == []
        assert those.left == []

    run(go())


def test_a_refusal_of_one_that_has_left_is_nobodys():
    async def go():
        async with crowd() as those:
            leaving = those.ask("leaving", TOO_MANY, takes=0.3)
            await until(lambda: those.called)
            leaving.cancel()
            await those.ask("staying")
            with pytest.raises(ClientError):
                await those.left[0]
            assert those.refused == []

    run(go())


def test_calls_that_hang_hold_up_nobody_and_four_are_under_way_at_most():
    async def go():
        async with crowd() as those:
            hanging = [those.ask(number, takes=1.5) for number in range(3)]
            await until(lambda: len(those.called) == 3)
            begun = now()
            await asyncio.gather(*(those.ask(number) for number in range(3, 8)))
            assert now() - begun <= 0.7
            more = [those.ask(number, takes=0.5) for number in range(8, 11)]
            await asyncio.sleep(0.3)
            assert those.queue._under_way == 4
            # Who waits for one of the four to end is not asked over and over.
            assert len(those.asked) <= 11
            await asyncio.gather(*hanging, *more)

    run(go())


def test_a_refused_call_whose_repetition_hangs_holds_up_the_others_for_a_second():
    async def go():
        async with crowd() as those:
            await those.ask("before")
            refused = those.ask("refused", TOO_MANY, takes=2)
            await until(lambda: those.called.count("refused") == 2)
            begun = now()
            await those.ask("other")
            assert now() - begun <= 1.5
            await refused

    run(go())


def test_what_is_away_is_asked_by_one_call_at_a_time(monkeypatch):
    monkeypatch.setattr(pacing, "back_off", lambda faults: 0.15 * faults)

    async def go():
        async with crowd() as those:
            tasks = [those.ask(number, AWAY) for number in range(12)]
            await asyncio.gather(*tasks, return_exceptions=True)
            begun = [at for at, _ in those.times]
        # Once a few that were under way together have failed.
        assert min(later - sooner for sooner, later in pairwise(begun[6:9])) >= 0.3

    run(go())


def test_each_caller_is_asked_and_called_in_its_own_context():
    """Airflow writes what is logged to the log of the trigger that the context names."""
    trigger = contextvars.ContextVar("trigger")
    seen = []

    async def go():
        async with crowd() as those:

            async def one(name):
                trigger.set(name)

                async def ready():
                    seen.append((name, trigger.get()))
                    await asyncio.sleep(0.01)

                def call(_hook):
                    seen.append((name, trigger.get()))

                def refused(_error):
                    seen.append((name, trigger.get()))

                await those.queue.start(call, ready=ready, refused=refused)

            await asyncio.gather(*map(one, range(10)))

    run(go())
    assert len(seen) == 20
    assert all(name == value for name, value in seen)


def test_few_of_many_are_looked_at():
    """A thousand requests cost the event loop no more than a dozen."""

    async def go():
        async with crowd(1) as those:
            tasks = [those.ask(number) for number in range(1000)]
            await until(lambda: those.called)
            assert len(those.queue._inside) <= 12
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run(go())
