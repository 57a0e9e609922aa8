# SPDX-License-Identifier: Apache-2.0
"""StartRun through the hub's queue, against the local endpoint: its answers, its quota, and the client's limits."""

import asyncio
import threading
import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.exceptions import StartRunRequestError
from airflow_provider_omics.polling import account_quota, client, start_queue
from airflow_provider_omics.polling import hub as hubs
from tests.triggers.waiting import until

REQUEST = {
    "workflowId": "1234567",
    "roleArn": "arn:aws:iam::123456789012:role/x",
    "outputUri": "s3://bucket/runs",
}


@pytest.fixture(autouse=True)
def as_configured(connection, monkeypatch):
    """Let time go on, and calls cost what they do."""
    connection.clock.resume()
    monkeypatch.setenv("AIRFLOW__OMICS__CALLS_PER_SECOND", "8")


async def ready():
    await asyncio.sleep(0.05)


def start(hub, refused, number=0, **changes):
    request = {**REQUEST, "requestId": f"request-{number}", **changes}
    return asyncio.create_task(
        hub.starts.start(lambda hook: hook.start_run(request), ready=ready, refused=refused.append)
    )


def test_the_published_quota_is_used_up(connection):
    connection.switch(quotas={"StartRun": 5})
    refused = []

    async def go():
        async with hubs.join(HookParams()) as hub:
            begun = time.monotonic()
            runs = await asyncio.gather(*(start(hub, refused, number) for number in range(40)))
            return runs, time.monotonic() - begun

    runs, seconds = asyncio.run(go())
    assert len({run.id for run in runs}) == len(connection.runs()) == 40
    # Making a client comes first.
    assert seconds <= 1.1 * 40 / 5 + 2
    assert connection.counts()["StartRun"] == 40 + len(refused) <= 1.3 * 40


def test_a_full_account_is_asked_again_after_a_minute(connection, monkeypatch):
    for module in (account_quota, start_queue):
        monkeypatch.setattr(module, "FULL_SECONDS", 0.5)
    connection.fault("StartRun", "error", code="ServiceQuotaExceededException", times=3)
    refused = []

    async def go():
        async with hubs.join(HookParams()) as hub:
            return await start(hub, refused)

    assert asyncio.run(go()).id == connection.runs()[0]["id"]
    assert [error.response["Error"]["Code"] for error in refused] == ["ServiceQuotaExceededException"] * 3


def test_a_lost_answer_and_a_refused_request_are_the_callers(connection):
    connection.fault("StartRun", "lost")
    refused = []

    async def go():
        async with hubs.join(HookParams()) as hub:
            with pytest.raises(ConnectionClosedError):
                await start(hub, refused)
            with pytest.raises(StartRunRequestError):
                await start(hub, refused, 1, roleArn="nobody")
            return await start(hub, refused)

    # The run that was started though the answer was lost, by its requestId.
    assert [asyncio.run(go()).id] == [run["id"] for run in connection.runs()]
    assert refused == []


def test_start_run_has_a_client_of_its_own_that_gives_up_soon_and_repeats_nothing(connection, monkeypatch):
    made = []
    new_hook = client._new_hook
    monkeypatch.setattr(client, "_new_hook", lambda *of: made.append(new_hook(*of)) or made[-1])
    connection.fault("StartRun", "error", code="InternalServerException", times=1)

    async def go():
        async with hubs.join(HookParams()) as hub:
            await hub.client.call(lambda _hook: None)
            assert len(made) == 1
            with pytest.raises(ClientError, match="InternalServer"):
                await start(hub, [])

    asyncio.run(go())
    looks, starts = (hook.conn.meta.config for hook in made)
    assert (looks.connect_timeout, looks.read_timeout) == (10, 30)
    assert (starts.connect_timeout, starts.read_timeout) == (10, 10)
    assert connection.counts()["StartRun"] == 1


def test_looks_go_on_while_calls_of_start_run_hang(connection):
    connection.fault("StartRun", "delay", times=4, seconds=3)

    async def go():
        async with hubs.join(HookParams()) as hub:
            hanging = [start(hub, [], number) for number in range(4)]
            await until(lambda: connection.counts().get("StartRun") == 4)
            await asyncio.gather(*(hub.client.call(lambda hook: hook.list_page("PENDING", None)) for _ in range(8)))
            assert not any(start.done() for start in hanging)
            await asyncio.gather(*hanging)

    asyncio.run(go())


def test_a_hub_that_ends_leaves_no_thread(connection):
    connection.fault("StartRun", "delay", seconds=1)

    async def go():
        async with hubs.join(HookParams()) as hub:
            leaving = start(hub, [])
            await until(lambda: connection.counts().get("StartRun"))
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
        await until(lambda: len(asyncio.all_tasks()) == 1)
        await until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("omics-hub")])

    asyncio.run(go())
    assert len(connection.runs()) == 1
