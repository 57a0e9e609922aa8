# SPDX-License-Identifier: Apache-2.0
"""What watching a queue leaves to others: the budget of calls, the event loop, the hub's threads, a DAG file's time."""

import asyncio
import subprocess
import sys

from airflow_provider_omics.polling import event_queue
from airflow_provider_omics.polling.hub import join
from airflow_provider_omics.polling.poller import IN_FLIGHT
from tests.triggers.waiting import DEFAULT


def test_it_spends_nothing_of_the_budget_and_the_loop_goes_on(url, monkeypatch):
    monkeypatch.setenv("AIRFLOW__OMICS__CALLS_PER_SECOND", "0.001")
    beats = []

    async def beat():
        while True:
            await asyncio.sleep(0.01)
            beats.append(1)

    async def go():
        async with join(DEFAULT) as hub:
            waiting = event_queue.EventQueue(hub, url, 2)
            assert await waiting.receive() == []
            beating = asyncio.create_task(beat())
            assert await waiting.receive() == []
            beating.cancel()
            waiting.close()
            await hub.client.acquire()

    asyncio.run(asyncio.wait_for(go(), 60))
    assert len(beats) >= 5


def test_the_loop_goes_on_between_messages(send, url, monkeypatch):
    turns, parse = [], event_queue.Event.parse
    for _ in range(2):
        send()

    def noted(body):
        turns.append("parsed")
        asyncio.get_running_loop().call_soon(turns.append, "others")
        return parse(body)

    async def go():
        async with join(DEFAULT) as hub:
            waiting = event_queue.EventQueue(hub, url, 2)
            while len(turns) < 4:
                await waiting.receive()
            waiting.close()

    monkeypatch.setattr(event_queue.Event, "parse", noted)
    asyncio.run(asyncio.wait_for(go(), 60))
    assert turns[:4] == ["parsed", "others"] * 2


def test_queues_that_are_waited_for_leave_the_hub_its_threads(url, monkeypatch):
    monkeypatch.setattr(event_queue, "WAIT", 8)

    async def go():
        async with join(DEFAULT) as hub:
            await hub.client.call(lambda hook: hook.sqs)
            queues = [event_queue.EventQueue(hub, url, 30) for _ in range(IN_FLIGHT)]
            receiving = [asyncio.create_task(it.receive()) for it in queues]
            await asyncio.sleep(0.5)
            await hub.client.call(lambda _hook: None)
            assert not any(task.done() for task in receiving)
            await asyncio.gather(*receiving)
            for it in queues:
                it.close()

    asyncio.run(go())


def test_a_dag_file_that_watches_an_asset_pays_for_no_boto3():
    check = "import sys, airflow_provider_omics.triggers.events; print(*{m.split('.')[0] for m in sys.modules})"
    before = "import sys, airflow.triggers.base; print(*{m.split('.')[0] for m in sys.modules})"
    loaded, known = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()  # noqa: S603 - our own
        for code in (check, before)
    )
    assert "airflow_provider_omics" in loaded
    assert not {"boto3", "botocore"} & (set(loaded) - set(known))
