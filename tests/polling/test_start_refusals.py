# SPDX-License-Identifier: Apache-2.0
"""The queue at StartRun when a call is refused, an account is full, or an endpoint is away."""

import asyncio
from functools import partial
from itertools import pairwise

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from airflow_provider_omics.polling import pacing
from airflow_provider_omics.polling.account_quota import AccountQuota
from tests.polling.crowd import crowd, now
from tests.polling.virtual_time import run
from tests.triggers.waiting import until

pytestmark = pytest.mark.usefixtures("clock")

TOO_MANY = ClientError({"Error": {"Code": "ThrottlingException"}}, "StartRun")
FULL = ClientError({"Error": {"Code": "ServiceQuotaExceededException"}}, "StartRun")
INVALID = ClientError({"Error": {"Code": "ValidationException"}}, "StartRun")
AWAY = EndpointConnectionError(endpoint_url="http://workflows-omics")
MINUTE = 60.0


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
        # The quota is no longer exceeded.
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
    quota = AccountQuota()
    for at, request in enumerate((1, 2, 1, 2)):
        quota.exceeded_by(request, at)
    assert not quota.is_full
    assert quota.pause(4) == 0
    quota.started()
    for at, request in enumerate((1, 2, 3)):
        quota.exceeded_by(request, at)
    assert quota.pause(3) == 59
    quota.started()
    assert quota.pause(3) == 0


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


def test_a_refusal_of_one_that_has_left_is_nobodys():
    async def go():
        async with crowd() as those:
            leaving = those.ask("leaving", TOO_MANY, takes=0.3)
            await until(lambda: those.called)
            leaving.cancel()
            await those.ask("staying")
            with pytest.raises(ClientError):
                await those.client.calls[0]
            assert those.refused == []

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
