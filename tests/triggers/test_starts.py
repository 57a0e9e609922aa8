# SPDX-License-Identifier: Apache-2.0
"""The queue at StartRun: who goes, who stays, and in which order."""

import asyncio
import time

import pytest

from airflow_provider_omics.polling import starts
from airflow_provider_omics.polling.pacing import Report
from tests.triggers.waiting import until


@pytest.fixture
def queue():
    return starts.StartQueue()


@pytest.fixture
def taken(queue):
    """Return the turns that can be had at once."""
    return [turn for _ in range(100) if (turn := queue._turns.hand_out(time.time()))]


async def waiting(queue, count):
    await until(lambda: len(queue._waiting) == count)


def test_who_had_a_turn_in_vain_gets_the_next_one(queue, taken):
    order = []

    async def wait(name, *, first=False):
        await queue.turn(first=first)
        order.append(name)

    async def go():
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for number, name in enumerate(("one", "two", "again"), 1):
                group.create_task(wait(name, first=name == "again"))
                await waiting(queue, number)
            for turn in taken:
                queue.report(Report(turn.key, 0, answered=True))

    asyncio.run(go())
    assert order == ["again", "one", "two"]


def test_who_leaves_while_turns_are_handed_out_harms_nobody(queue, taken):
    async def go():
        async with asyncio.timeout(60):
            leaving, staying = [asyncio.create_task(queue.turn()) for _ in range(2)]
            await waiting(queue, 2)
            leaving.cancel()
            queue.report(Report(taken[0].key, 0, answered=True))
            queue._serve()
            turn = await staying
            with pytest.raises(asyncio.CancelledError):
                await leaving
            return turn

    assert asyncio.run(go()).key not in {turn.key for turn in taken}


def test_who_leaves_with_a_turn_gives_it_back(queue, taken):
    async def go():
        async with asyncio.timeout(60):
            leaving, staying = [asyncio.create_task(queue.turn()) for _ in range(2)]
            await waiting(queue, 2)
            queue._turns.give_back(taken[0])
            queue._serve()
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            return await staying

    assert asyncio.run(go())
