# SPDX-License-Identifier: Apache-2.0
"""A trigger's claim of its task, where many others claim theirs at the same time."""

import asyncio
import time
from dataclasses import asdict

import pytest

from airflow_provider_omics.compat import TaskKey
from airflow_provider_omics.lifecycle import claim as claims
from airflow_provider_omics.lifecycle import marker
from airflow_provider_omics.lifecycle.claim import Claim
from airflow_provider_omics.lifecycle.marker import KEY, Marker


@pytest.fixture
def xcoms(monkeypatch):
    """Return the XComs of an Airflow that answers each question in ten milliseconds, one after the other."""
    kept = {}

    def pull(task, key):
        time.sleep(0.01)
        return kept.get((task, key))

    def push(task, key, value):
        time.sleep(0.01)
        kept[task, key] = value

    monkeypatch.setattr(marker, "pull_in_trigger", pull)
    monkeypatch.setattr(marker, "push_from_trigger", push)
    return kept


def test_all_come_to_their_turn_though_airflow_answers_one_by_one(xcoms, monkeypatch):
    monkeypatch.setattr(marker, "FRESH_SECONDS", 0.2)
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


def test_what_another_has_written_while_the_question_waited_is_kept(xcoms, monkeypatch):
    monkeypatch.setattr(marker, "FRESH_SECONDS", 0.05)
    task = TaskKey("dag", "task", "run")
    xcoms[task, KEY] = asdict(Marker("intention", 1))

    async def go():
        claim = Claim(task, "intention", 1)
        await claim.earlier()
        xcoms[task, KEY] = asdict(Marker("intention", 1, "another", 0))
        await asyncio.sleep(0.1)
        assert not await claim.write(0, 0.0, None)
        assert xcoms[task, KEY]["owner"] == "another"
        assert await claim.write(0, 0.0, None)

    asyncio.run(go())
    assert xcoms[task, KEY]["owner"] not in ("", "another")


def test_a_process_that_stood_still_while_it_wrote_looks_first(xcoms, monkeypatch):
    """Its marker may have replaced that of another one, whose run only a look finds."""
    monkeypatch.setattr(marker, "FRESH_SECONDS", 0.1)
    monkeypatch.setattr(claims, "NOT_NOW_SECONDS", 0.0)
    task = TaskKey("dag", "task", "run")
    xcoms[task, KEY] = asdict(Marker("intention", 1))
    write = marker.push_from_trigger

    def stand_still(*arguments):
        time.sleep(0.2)
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
