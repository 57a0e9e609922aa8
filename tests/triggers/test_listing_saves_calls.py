# SPDX-License-Identifier: Apache-2.0
"""The pages of ListRuns are read when they save calls, and not for runs that nobody would look at yet."""

import asyncio
from dataclasses import replace

from airflow_provider_omics.polling import poller
from tests.triggers.waiting import end_of, until


async def arriving(runs, connection):
    """Let the runs come to the hub one after the other, each when the one before it has been looked at."""
    tasks = []
    for run in runs:
        before = sum(connection.counts().values())
        tasks.append(asyncio.create_task(end_of(run, poll_interval=300.0)))
        await until(lambda before=before: sum(connection.counts().values()) > before)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_a_run_that_comes_costs_one_look_however_many_wait(start, connection, monkeypatch):
    monkeypatch.setattr(poller, "first_pause", lambda _: 0.01)
    runs = start(40)
    asyncio.run(arriving(runs, connection))
    assert "ListRuns" not in connection.counts()
    assert connection.counts()["GetRun"] == 40


def test_runs_that_come_together_are_listed(start, connection, monkeypatch):
    monkeypatch.setattr(poller, "first_pause", lambda _: 0.2)
    runs = start(40)

    async def go():
        tasks = [asyncio.create_task(end_of(run, poll_interval=300.0)) for run in runs]
        await until(lambda: connection.counts().get("ListRuns", 0) >= 1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(go())
    assert connection.counts().get("GetRun", 0) < 20


def test_runs_of_an_unknown_status_are_on_no_page(start, connection, caplog):
    runs = start(20)
    for run in runs:
        connection.force(run.id, "ARCHIVING", unknown=True)

    async def go():
        tasks = [asyncio.create_task(end_of(replace(run, status="ARCHIVING"), poll_interval=0.2)) for run in runs]
        await until(lambda: connection.counts().get("GetRun", 0) >= 60)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(go())
    assert "ListRuns" not in connection.counts()
    assert "ListRuns" not in caplog.text
