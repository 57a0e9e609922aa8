# SPDX-License-Identifier: Apache-2.0
"""The queue at StartRun: who is next, who is asked just before, and who leaves."""

import asyncio
import contextvars
from itertools import pairwise

import pytest

from airflow_provider_omics.polling import queued_request
from tests.polling.crowd import crowd, now
from tests.polling.virtual_time import run
from tests.triggers.waiting import until

pytestmark = pytest.mark.usefixtures("clock")


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
    monkeypatch.setattr(queued_request, "_FRESH", 0.2)

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
    monkeypatch.setattr(queued_request, "_SUSPENDED", 0.3)

    async def go():
        async with crowd() as those:
            those.client.stands_still = 0.6
            assert await those.ask("one") == "run of one"
        assert those.asked == ["one", "one"]
        assert those.called == ["one"]

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


def test_a_call_that_is_under_way_goes_on_when_its_caller_is_cancelled():
    async def go():
        async with crowd() as those:
            leaving = those.ask("leaving", takes=0.5)
            await until(lambda: those.called)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            assert await those.ask("staying") == "run of staying"
            assert await those.client.calls[0] == "run of leaving"

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
