# SPDX-License-Identifier: Apache-2.0
"""A trigger's claim of its task, where many others claim theirs at the same time."""

import asyncio
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from airflow_provider_omics.compat import TaskKey
from airflow_provider_omics.lifecycle import claim as claims
from airflow_provider_omics.lifecycle import marker
from airflow_provider_omics.lifecycle.claim import Claim, NotNowError
from airflow_provider_omics.lifecycle.marker import KEY, Marker


@pytest.fixture
def passed(monkeypatch):
    """Let time go on only where a test says so: return the function for that, which is given seconds."""
    seconds = [0.0]
    clock = SimpleNamespace(monotonic=lambda: sum(seconds))
    for module in (claims, marker):
        monkeypatch.setattr(module, "time", clock)
    return seconds.append


@pytest.fixture
def xcoms(monkeypatch, passed):
    """Return the XComs of an Airflow that answers each question in 0.2 seconds, one after the other."""
    kept = {}

    def pull(task, key):
        passed(0.2)
        return kept.get((task, key))

    def push(task, key, value):
        passed(0.2)
        kept[task, key] = value

    monkeypatch.setattr(marker, "pull_in_trigger", pull)
    monkeypatch.setattr(marker, "push_from_trigger", push)
    return kept


def test_all_come_to_their_turn_though_airflow_answers_one_by_one(xcoms):
    tasks = [TaskKey("dag", f"task_{number}", "run") for number in range(60)]

    async def claimed(task):
        xcoms[task, KEY] = asdict(Marker("intention", 1))
        claim = Claim(task, "intention", 1)
        await claim.earlier()
        return await claim.write(0, 0.0, None)

    async def go():
        async with asyncio.timeout(20):
            return await asyncio.gather(*map(claimed, tasks))

    assert asyncio.run(go()) == [True] * len(tasks)
    assert all(value["submission"] == 0 for value in xcoms.values())


def test_what_another_has_written_while_the_question_waited_is_kept(xcoms, passed):
    task = TaskKey("dag", "task", "run")
    xcoms[task, KEY] = asdict(Marker("intention", 1))

    async def go():
        claim = Claim(task, "intention", 1)
        await claim.earlier()
        xcoms[task, KEY] = asdict(Marker("intention", 1, "another", 0))
        passed(10)
        assert not await claim.write(0, 0.0, None)
        assert xcoms[task, KEY]["owner"] == "another"
        assert await claim.write(0, 0.0, None)

    asyncio.run(go())
    assert xcoms[task, KEY]["owner"] not in ("", "another")


def test_a_process_that_stood_still_while_it_wrote_looks_first(xcoms, passed, monkeypatch):
    """Its marker may have replaced that of another one, whose run only a look finds."""
    monkeypatch.setattr(claims, "NOT_NOW_SECONDS", 0.0)
    task = TaskKey("dag", "task", "run")
    xcoms[task, KEY] = asdict(Marker("intention", 1))
    write = marker.push_from_trigger

    def stand_still(*arguments):
        passed(10)
        monkeypatch.setattr(marker, "push_from_trigger", write)
        write(*arguments)

    monkeypatch.setattr(marker, "push_from_trigger", stand_still)

    async def go():
        claim = Claim(task, "intention", 1)
        await claim.earlier()
        assert not await claim.write(0, 0.0, None)
        assert await claim.write(0, 0.0, None)

    asyncio.run(go())
    assert xcoms[task, KEY]["submission"] == 0


@pytest.mark.parametrize(
    "moment", ["before the first look", "while none was there", "while it stood still", "between two writes"]
)
def test_a_marker_that_an_earlier_tries_trigger_wrote_late_is_replaced(xcoms, passed, monkeypatch, moment):
    """That trigger was suspended while it wrote; this one would otherwise wait for the end of its try."""
    monkeypatch.setattr(claims, "NOT_NOW_SECONDS", 0.0)
    task = TaskKey("dag", "task", "run")
    late = asdict(Marker("before a clear", 1, "earlier", 0))
    xcoms[task, KEY] = asdict(Marker("intention", 2))
    if moment == "before the first look":
        xcoms[task, KEY] = late
    elif moment == "while none was there":
        del xcoms[task, KEY]

    async def go():
        claim = Claim(task, "intention", 2)
        assert await claim.earlier() is None
        if moment in ("while none was there", "while it stood still"):
            xcoms[task, KEY] = late
            passed(10)
        elif moment == "between two writes":
            assert await claim.write(0, 0.0, None)
            xcoms[task, KEY] = late
            with pytest.raises(NotNowError):
                await claim.check()
        written = await claim.write(1, 0.0, None)
        # It may have replaced the marker of another trigger of this try, whose run only a look finds.
        assert written is (moment in ("before the first look", "between two writes"))
        assert await claim.write(1, 0.0, None)
        await claim.check()

    monkeypatch.setattr(claims, "task_states", lambda _tasks: ["deferred"])
    asyncio.run(asyncio.wait_for(go(), 20))
    assert (xcoms[task, KEY]["try_number"], xcoms[task, KEY]["submission"]) == (2, 1)
