# SPDX-License-Identifier: Apache-2.0
"""The poll hub: whom one member's trouble reaches, what all share, and what is left when they leave."""

import asyncio
import threading

import pytest
from botocore.exceptions import ClientError

from airflow_provider_omics.aws import errors
from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.exceptions import ConnectionNotFoundError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.polling import client, pacing, poller
from airflow_provider_omics.polling import hub as hubs
from tests.triggers.waiting import calls, end_of, finish, until


def test_one_member_without_permission_fails_alone(connection, start, monkeypatch):
    poisoned, *others = start(3)
    get_run = OmicsHook.get_run

    def denied(self, run):
        if run.id == poisoned.id:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not yours"}}, "GetRun")
        return get_run(self, run)

    monkeypatch.setattr(OmicsHook, "get_run", denied)

    async def go():
        waiting = [asyncio.create_task(end_of(run)) for run in (poisoned, *others)]
        with pytest.raises(ClientError, match="not yours"):
            await waiting[0]
        assert not waiting[1].done()
        return await finish(connection, waiting[1:])

    assert all(end.succeeded for end in asyncio.run(go()))


def test_a_connection_that_does_not_exist_fails_its_own_members(connection, start, monkeypatch):
    monkeypatch.setattr(errors, "_MAX_CONNECTION_ERRORS", 2)
    monkeypatch.setattr(pacing, "back_off", lambda _faults: 0.05)
    run, other = start(2)

    async def go():
        waiting = asyncio.create_task(end_of(other))
        with pytest.raises(ConnectionNotFoundError, match="aws_conn_id='nowhere'"):
            await end_of(run, params=HookParams(aws_conn_id="nowhere"))
        return await finish(connection, [waiting])

    [end] = asyncio.run(go())
    assert end.succeeded


def test_members_share_a_client(connection, start, monkeypatch):
    made = []
    connect = client._new_hook
    monkeypatch.setattr(client, "_new_hook", lambda *of: made.append(of) or connect(*of))
    runs = start(3)

    async def go():
        waiting = [asyncio.create_task(end_of(run)) for run in runs]
        await until(lambda: len({call["id"] for call in calls(connection, "GetRun")}) == 3)
        return await finish(connection, waiting)

    asyncio.run(go())
    assert len(made) == 1


def test_expired_credentials_are_replaced(connection, start, monkeypatch):
    made = []
    connect = client._new_hook
    monkeypatch.setattr(client, "_new_hook", lambda *of: made.append(connect(*of)) or made[-1])
    [run] = start()
    get_run = OmicsHook.get_run

    def expired(self, run):
        if self is made[0]:
            raise ClientError({"Error": {"Code": "ExpiredTokenException"}}, "GetRun")
        return get_run(self, run)

    monkeypatch.setattr(OmicsHook, "get_run", expired)

    async def go():
        return await finish(connection, [asyncio.create_task(end_of(run))])

    [end] = asyncio.run(go())
    assert end.succeeded
    assert len(made) == 2


def test_a_connection_that_fails_for_a_while_is_tried_again(connection, start, monkeypatch):
    faults = [ClientError({"Error": {"Code": "ThrottlingException"}}, "AssumeRole")]
    conn = OmicsHook.conn.func

    def broken(self):
        if faults:
            raise faults.pop()
        return conn(self)

    monkeypatch.setattr(OmicsHook, "conn", property(broken))
    [run] = start()

    async def go():
        return await finish(connection, [asyncio.create_task(end_of(run))])

    [end] = asyncio.run(go())
    assert end.succeeded


def test_throttling_slows_down_and_fails_nobody(connection, start):
    runs = start(3)
    connection.fault("GetRun", "error", code="ThrottlingException", times=4)

    async def go():
        waiting = [asyncio.create_task(end_of(run)) for run in runs]
        await until(lambda: len(calls(connection, "GetRun", 429)) == 4)
        [hub] = hubs._hubs.values()
        slowed = hub.client.pace.rate
        return slowed, await finish(connection, waiting)

    slowed, ends = asyncio.run(go())
    assert slowed <= 600
    assert all(end.succeeded for end in ends)


def test_the_budget_is_kept(connection, start, monkeypatch):
    monkeypatch.setenv("AIRFLOW__OMICS__CALLS_PER_SECOND", "20")
    runs = start(40)
    connection.switch(list_delay=10_000.0)

    async def go():
        loop = asyncio.get_running_loop()
        waiting = [asyncio.create_task(end_of(run)) for run in runs]
        await until(lambda: connection.counts().get("GetRun", 0))
        before, begun = sum(connection.counts().values()), loop.time()
        await until(lambda: sum(connection.counts().values()) >= before + 40)
        made, elapsed = sum(connection.counts().values()) - before, loop.time() - begun
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return made, elapsed

    made, elapsed = asyncio.run(go())
    # Those that were under way when the counting began come as they like.
    assert made <= 20 * 1.1 * elapsed + 1 + poller.IN_FLIGHT


def test_a_hub_without_members_leaves_nothing_behind(connection, start):
    [run] = start()

    async def go():
        waiting = asyncio.create_task(end_of(run))
        await until(lambda: connection.counts().get("GetRun"))
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await until(lambda: len(asyncio.all_tasks()) == 1)
        await until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("omics-hub")])

    asyncio.run(go())


def test_who_comes_when_the_last_one_leaves_is_served(connection, start):
    first, second = start(2)

    async def go():
        async with hubs.join(HookParams()) as hub:
            with hub.poller.watching(first, 0.05):
                await until(lambda: connection.counts().get("GetRun"))
            with hub.poller.watching(second, 0.05) as watch:
                connection.clock.advance(3600)
                run = second
                async with asyncio.timeout(60):
                    while not run.ended:
                        run = await watch.next(None)
        return run

    assert asyncio.run(go()).succeeded


def test_a_fault_of_the_hub_itself_is_told_to_everyone(start, monkeypatch):
    runs = start(2)
    monkeypatch.setattr("airflow_provider_omics.polling.poller.Poller._listing_saves_calls", lambda _self: 1 / 0)

    async def go():
        async with asyncio.timeout(60):
            return await asyncio.gather(*map(end_of, runs), return_exceptions=True)

    assert [type(error) for error in asyncio.run(go())] == [ZeroDivisionError] * 2


@pytest.mark.parametrize("fault", [TimeoutError("the secrets backend"), ConnectionResetError("the API server")])
def test_a_fault_of_the_network_while_connecting_ends_nothing(fault, connection, start, monkeypatch):
    faults = [fault]
    conn_config = OmicsHook.conn_config.func

    def broken(self):
        if faults:
            raise faults.pop()
        return conn_config(self)

    monkeypatch.setattr(OmicsHook, "conn_config", property(broken))
    [run] = start()

    async def go():
        return await finish(connection, [asyncio.create_task(end_of(run))])

    [end] = asyncio.run(go())
    assert end.succeeded


def test_no_slot_gets_lost_with_those_who_leave(connection, start, monkeypatch):
    monkeypatch.setenv("AIRFLOW__OMICS__CALLS_PER_SECOND", "5")
    runs = start(12)

    async def go():
        async with hubs.join(HookParams()) as hub:
            for run in runs:
                with hub.poller.watching(run, 0.01):
                    await asyncio.sleep(0.1)
            connection.clock.advance(3600)
            return await finish(connection, [asyncio.create_task(end_of(runs[0]))])

    [end] = asyncio.run(go())
    assert end.succeeded


@pytest.mark.usefixtures("connection")
def test_a_connection_that_is_throttled_does_not_hold_up_another(monkeypatch):
    monkeypatch.setenv("AIRFLOW__OMICS__CALLS_PER_SECOND", "100")

    async def go():
        async with hubs.join(HookParams()) as one, hubs.join(HookParams(region_name="eu-west-1")) as other:
            # As where all is refused; so slow a budget lets a call go every ten seconds.
            monkeypatch.setattr(one.client.pace, "rate", 0.1)
            await one.client.acquire()
            waiting = asyncio.create_task(one.client.acquire())
            async with asyncio.timeout(5):
                for _ in range(20):
                    await other.client.acquire()
            assert not waiting.done()
            waiting.cancel()

    asyncio.run(go())


@pytest.mark.usefixtures("connection")
def test_the_budget_is_that_of_all_connections(monkeypatch):
    monkeypatch.setenv("AIRFLOW__OMICS__CALLS_PER_SECOND", "10")

    async def go():
        async with hubs.join(HookParams()) as one, hubs.join(HookParams(region_name="eu-west-1")) as other:
            begun = asyncio.get_running_loop().time()
            await asyncio.gather(*(hub.client.acquire() for hub in (one, other) for _ in range(6)))
            assert asyncio.get_running_loop().time() - begun >= 1.1

    asyncio.run(go())


def test_a_look_that_breaks_by_our_own_fault_leaves_nobody_waiting(connection, start, monkeypatch):
    [run] = start()

    def broken(_self, _watch, _error):
        raise RuntimeError("a bug")

    monkeypatch.setattr(poller.Poller, "_note_fault", broken)
    connection.fault("GetRun", "error", probability=1)
    with pytest.raises(RuntimeError, match="a bug"):
        asyncio.run(asyncio.wait_for(end_of(run), 60))


def test_a_budget_of_nothing_is_refused(start, monkeypatch):
    [run] = start()
    monkeypatch.setenv("AIRFLOW__OMICS__CALLS_PER_SECOND", "0")
    with pytest.raises(ValueError, match=r"\[omics\] calls_per_second must be above 0"):
        asyncio.run(end_of(run))
