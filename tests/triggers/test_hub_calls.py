# SPDX-License-Identifier: Apache-2.0
"""What the poll hub asks: GetRun for few runs, pages of ListRuns for many, and who is seen first."""

import asyncio

from botocore.exceptions import EndpointConnectionError

from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.polling import hub as hubs
from airflow_provider_omics.polling import poller
from tests.triggers.waiting import calls, end_of, finish, until


def test_one_run_costs_one_get_run_per_interval(connection, start):
    [run] = start()

    async def go():
        waiting = asyncio.create_task(end_of(run, poll_interval=0.2))
        await until(lambda: len(calls(connection, "GetRun")) >= 5)
        return await finish(connection, [waiting])

    [end] = asyncio.run(go())
    assert end.succeeded
    asked = [call["time"] for call in connection.calls("GetRun")]
    assert asked
    assert "ListRuns" not in connection.counts()


def test_polling_is_no_faster_than_asked_for(connection, start):
    [run] = start()

    async def go():
        loop = asyncio.get_running_loop()
        begun = loop.time()
        waiting = asyncio.create_task(end_of(run, poll_interval=0.5))
        await until(lambda: len(calls(connection, "GetRun")) >= 5)
        elapsed = loop.time() - begun
        await finish(connection, [waiting])
        return elapsed

    # The first look comes after half an interval at the soonest, each other one after nine tenths.
    assert asyncio.run(go()) >= 0.5 * (0.5 + 4 * 0.9) - 0.1


def test_many_runs_cost_pages(connection, start):
    runs = start(250)

    async def go():
        waiting = [asyncio.create_task(end_of(run, poll_interval=0.3)) for run in runs]
        await until(lambda: len(calls(connection, "ListRuns")) >= 18)
        asked = connection.counts().get("GetRun", 0)
        ends = await finish(connection, waiting)
        return asked, ends

    asked, ends = asyncio.run(go())
    # Before the first listing a few are asked for one by one.
    assert asked <= 50
    assert {end.id for end in ends} == {run.id for run in runs}
    assert all(end.succeeded for end in ends)
    # Each end was confirmed by GetRun.
    assert connection.counts()["GetRun"] >= 250


def test_runs_that_are_not_listed_yet_are_confirmed_and_not_given_up(connection, start):
    connection.switch(list_delay=10_000.0)
    runs = start(20)

    async def go():
        waiting = [asyncio.create_task(end_of(run)) for run in runs]
        await until(lambda: len(calls(connection, "ListRuns")) >= 5)
        await until(lambda: len({call["id"] for call in calls(connection, "GetRun")}) == 20)
        assert not any(task.done() for task in waiting)
        return await finish(connection, waiting)

    assert all(end.succeeded for end in asyncio.run(go()))


def test_a_listed_run_of_another_time_is_not_taken_for_ours(connection, start):
    """HealthOmics reuses ids: what is listed as active may be somebody else's."""
    [lost] = start()
    connection.switch(reuse_run_ids=True)
    connection.force(lost.id, "DELETED")
    connection.clock.advance(20 * 60)
    [other] = start()
    assert other.id == lost.id
    others = start(19)

    async def go():
        # The pages of the others come before the first look at this one.
        waiting = [
            asyncio.create_task(end_of(lost, poll_interval=20)),
            *(asyncio.create_task(end_of(r)) for r in others),
        ]
        async with asyncio.timeout(60):
            gone = await waiting[0]
        return gone, await finish(connection, waiting[1:])

    gone, ends = asyncio.run(go())
    assert gone.status == "DELETED"
    assert len(ends) == 19


def test_without_permission_to_list_every_run_is_asked_for(connection, start, caplog):
    connection.fault("ListRuns", "error", code="AccessDeniedException", probability=1)
    runs = start(20)

    async def go():
        waiting = [asyncio.create_task(end_of(run)) for run in runs]
        await until(lambda: len({call["id"] for call in calls(connection, "GetRun")}) == 20)
        return await finish(connection, waiting)

    assert all(end.succeeded for end in asyncio.run(go()))
    assert connection.counts()["ListRuns"] == 1
    assert "ListRuns failed, so each run" in caplog.text


def test_a_fault_of_a_page_does_not_hold_up_anybody(connection, start):
    connection.fault("ListRuns", "error", probability=1)
    runs = start(20)

    async def go():
        waiting = [asyncio.create_task(end_of(run)) for run in runs]
        await until(lambda: connection.counts().get("ListRuns"))
        return await finish(connection, waiting)

    assert all(end.succeeded for end in asyncio.run(go()))


def test_a_fault_of_one_page_costs_that_page_alone(connection, start, monkeypatch):
    runs = start(250)
    asked = []
    list_page = OmicsHook.list_page

    def faulty(self, status, token):
        asked.append((status, token))
        if len(asked) in {2, 3}:
            raise EndpointConnectionError(endpoint_url="http://workflows-omics")
        return list_page(self, status, token)

    monkeypatch.setattr(OmicsHook, "list_page", faulty)

    async def go():
        waiting = [asyncio.create_task(end_of(run, poll_interval=2)) for run in runs]
        await until(lambda: len(asked) >= 5)
        return await finish(connection, waiting)

    assert all(end.succeeded for end in asyncio.run(go()))
    first, *again = asked[:4]
    assert first == ("PENDING", None)
    assert len(set(again)) == 1
    assert again[0][1] is not None


def test_a_listing_that_was_refused_is_tried_again(connection, start, monkeypatch, caplog):
    connection.fault("ListRuns", "error", code="ValidationException", times=1)
    monkeypatch.setattr(poller, "back_off", lambda _faults: 0.1)
    runs = start(20)

    async def go():
        waiting = [asyncio.create_task(end_of(run)) for run in runs]
        await until(lambda: connection.counts().get("ListRuns", 0) >= 3)
        return await finish(connection, waiting)

    assert all(end.succeeded for end in asyncio.run(go()))
    assert caplog.text.count("ListRuns failed, so each run") == 1


def test_a_new_run_is_seen_while_a_crowd_of_ends_is_drained(connection, start, monkeypatch):
    monkeypatch.setenv("AIRFLOW__OMICS__CALLS_PER_SECOND", "20")
    crowd = start(200)

    async def go():
        waiting = [asyncio.create_task(end_of(run, poll_interval=2)) for run in crowd]
        await until(lambda: len(calls(connection, "ListRuns")) >= 4)
        connection.clock.advance(3600)
        await until(lambda: any(task.done() for task in waiting))
        [new] = start()
        seen = asyncio.create_task(end_of(new, poll_interval=0.5))
        await until(lambda: any(call["id"] == new.id for call in calls(connection, "GetRun")))
        left = sum(not task.done() for task in waiting)
        async with asyncio.timeout(60):
            await asyncio.gather(*waiting)
        seen.cancel()
        await asyncio.gather(seen, return_exceptions=True)
        return left

    assert asyncio.run(go()) > 50


def test_ends_are_seen_though_a_listing_takes_longer_than_the_interval(connection, start, monkeypatch):
    monkeypatch.setenv("AIRFLOW__OMICS__CALLS_PER_SECOND", "20")
    runs = start(500)
    for run in runs[:40]:
        connection.force(run.id, "COMPLETED")

    async def go():
        waiting = [asyncio.create_task(end_of(run, poll_interval=0.1)) for run in runs]
        async with asyncio.timeout(60):
            ends = await asyncio.gather(*waiting[:40])
        monkeypatch.setattr(next(iter(hubs._hubs.values())).client.pace, "limit", 1000.0)
        return ends + await finish(connection, waiting[40:])

    assert all(end.succeeded for end in asyncio.run(go()))


def test_a_fault_at_a_missing_run_is_no_reason_to_list_all_again(connection, start, monkeypatch):
    *others, ended = start(250)
    connection.force(ended.id, "COMPLETED")
    faults = [EndpointConnectionError(endpoint_url="http://workflows-omics")]
    get_run = OmicsHook.get_run

    def faulty(self, run):
        if run.id == ended.id and faults and connection.counts().get("ListRuns"):
            raise faults.pop()
        return get_run(self, run)

    monkeypatch.setattr(OmicsHook, "get_run", faulty)

    async def go():
        waiting = [asyncio.create_task(end_of(run, poll_interval=120)) for run in (*others, ended)]
        async with asyncio.timeout(60):
            end = await waiting.pop()
        pages = connection.counts()["ListRuns"]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return end, pages

    end, pages = asyncio.run(go())
    assert end.succeeded
    assert faults == []
    # One listing shows all but the one that has ended.
    assert pages == 3
