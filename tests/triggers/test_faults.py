# SPDX-License-Identifier: Apache-2.0
"""Faults that pass while a task is deferred: borne until the deadline, seldom told, and no load on what is away."""

import asyncio
import json
import logging
import socket
import time

import pytest

from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.polling import client, event_queue, pacing, poller
from airflow_provider_omics.polling import hub as hubs
from airflow_provider_omics.records.read_set_job import ReadSetJob
from airflow_provider_omics.triggers import read_sets
from airflow_provider_omics.triggers.read_sets import OmicsReadSetJobTrigger
from airflow_provider_omics.triggers.run import OmicsRunTrigger
from tests.triggers.waiting import end_of, until

# As many as fail a call that botocore repeats.
SOME = 4


@pytest.fixture
def quick(monkeypatch):
    for module in (pacing, poller):
        monkeypatch.setattr(module, "back_off", lambda _faults: 0.05)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "code", ["429", "408", "500", "503", "Throttling", "RequestTimeout", "UnrecognizedClientException"]
)
def test_an_answer_that_passes_fails_nobody(connection, start, code):
    [run] = start()
    connection.fault("GetRun", "error", code=code, times=SOME)

    async def go():
        waiting = asyncio.create_task(end_of(run))
        await until(lambda: not connection.faults())
        connection.clock.advance(3600)
        return await waiting

    assert asyncio.run(go()).succeeded


@pytest.mark.usefixtures("quick")
def test_sts_that_is_throttled_fails_nobody(connection, start, monkeypatch):
    with_role = connection.airflow_connection()
    with_role["extra"]["role_arn"] = "arn:aws:iam::123456789012:role/watcher"
    monkeypatch.setenv("AIRFLOW_CONN_AWS_ROLE", json.dumps(with_role))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    connection.fault("sts:AssumeRole", "error", code="Throttling", times=SOME)
    [run] = start()

    async def go():
        waiting = asyncio.create_task(end_of(run, params=HookParams("aws_role")))
        await until(lambda: not connection.faults())
        connection.clock.advance(3600)
        return await waiting

    assert asyncio.run(go()).succeeded


@pytest.mark.usefixtures("quick")
def test_credentials_that_are_missing_for_a_while_fail_nobody(connection, start, monkeypatch):
    """The metadata service of an instance does not always answer."""
    without = connection.airflow_connection()
    del without["login"], without["password"]
    monkeypatch.setenv("AIRFLOW_CONN_AWS_AMBIENT", json.dumps(without))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    made = []
    new_hook = client._new_hook
    monkeypatch.setattr(client, "_new_hook", lambda *of: made.append(of) or new_hook(*of))
    [run] = start()

    async def go():
        waiting = asyncio.create_task(end_of(run, params=HookParams("aws_ambient")))
        await until(lambda: len(made) >= SOME)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        connection.clock.advance(3600)
        return await waiting

    assert asyncio.run(go()).succeeded


@pytest.mark.usefixtures("quick")
def test_a_mended_connection_is_read_anew(connection, start, monkeypatch):
    mended = json.dumps(connection.airflow_connection())
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", mended.replace(connection.url, dead))
    looks = []
    get_run = OmicsHook.get_run
    monkeypatch.setattr(OmicsHook, "get_run", lambda self, run: looks.append(run) or get_run(self, run))
    [run] = start()

    async def go():
        waiting = asyncio.create_task(end_of(run))
        await until(lambda: len(looks) >= SOME)
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", mended)
        connection.clock.advance(3600)
        return await waiting

    assert asyncio.run(go()).succeeded


def test_what_is_away_is_asked_by_one_call_at_a_time(start, monkeypatch):
    """Forty runs would have made forty calls in the first seconds."""
    looks = []

    def dropped(_hook, *asked):
        looks.append(asked)
        raise ConnectionResetError("cut off")

    monkeypatch.setattr(OmicsHook, "get_run", dropped)
    monkeypatch.setattr(OmicsHook, "list_page", dropped)
    monkeypatch.setattr(pacing, "back_off", lambda faults: 0.4 * faults)
    runs = start(40)

    async def go():
        waiting = [asyncio.create_task(end_of(run)) for run in runs]
        await until(lambda: looks)
        [hub] = hubs._hubs.values()
        await until(lambda: hub.client.pace.faults >= 4)
        made = len(looks)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return made

    # At most those that were under way together, before the first had failed, and then one by one.
    assert asyncio.run(go()) <= poller.IN_FLIGHT + 4


@pytest.mark.usefixtures("quick")
def test_of_many_faults_one_is_a_warning(connection, start, caplog, monkeypatch):
    # Airflow 3's own logger is none of Python's.
    monkeypatch.setattr(OmicsRunTrigger, "log", logging.getLogger("trigger"), raising=False)
    [run] = start()
    connection.fault("GetRun", "error", times=SOME)
    caplog.set_level(logging.INFO)

    async def go():
        trigger = OmicsRunTrigger.of(run, HookParams(), 0.05)
        waiting = asyncio.create_task(trigger.wait())
        await until(lambda: not connection.faults())
        connection.clock.advance(3600)
        return await waiting

    event = asyncio.run(go()).payload
    assert event["run"]["status"] == "COMPLETED"
    told = [record.levelname for record in caplog.records if "trying again" in record.getMessage()]
    assert told.count("WARNING") == 1
    assert "polls failed" in "".join(event["said"])


@pytest.mark.usefixtures("quick")
def test_a_connection_that_a_secrets_backend_misses_once_fails_nobody(connection, start, monkeypatch):
    there = json.dumps(connection.airflow_connection())
    made = []
    new_hook = client._new_hook

    def appears(*of):
        made.append(of)
        if len(made) == SOME:
            monkeypatch.setenv("AIRFLOW_CONN_LATE", there)
        return new_hook(*of)

    monkeypatch.setattr(client, "_new_hook", appears)
    [run] = start()

    async def go():
        waiting = asyncio.create_task(end_of(run, params=HookParams("late")))
        await until(lambda: connection.counts().get("GetRun"))
        connection.clock.advance(3600)
        return await waiting

    assert asyncio.run(go()).succeeded


@pytest.mark.usefixtures("quick")
def test_a_mended_connection_is_read_anew_while_a_gateway_answers_for_its_endpoint(connection, start, monkeypatch):
    made = []
    new_hook = client._new_hook
    monkeypatch.setattr(client, "_new_hook", lambda *of: made.append(of) or new_hook(*of))
    [run] = start()
    connection.fault("GetRun", "error", code="503", times=3 * SOME)

    async def go():
        waiting = asyncio.create_task(end_of(run))
        await until(lambda: not connection.faults())
        connection.clock.advance(3600)
        return await waiting

    assert asyncio.run(go()).succeeded
    # Once in a while, however often it fails.
    assert len(made) == 2


def test_a_queue_that_is_away_slows_nothing_else(connection, monkeypatch):
    monkeypatch.setattr(event_queue, "back_off", lambda _faults: 0.01)
    connection.fault("sqs:ReceiveMessage", "drop", times=SOME)

    async def go():
        async with hubs.join(HookParams()) as hub:
            waiting = event_queue.EventQueue(hub, f"{connection.url}/123456789012/none", 30)
            receiving = asyncio.create_task(waiting.receive())
            await until(lambda: not connection.faults())
            faults = hub.client.pace.faults
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
            waiting.close()
            return faults

    assert asyncio.run(go()) == 0


def test_a_job_is_not_waited_for_beyond_its_deadline_though_nothing_answers(connection, monkeypatch):
    """A look of each of many tasks, one call a minute, would come hours later."""
    monkeypatch.setattr(pacing, "back_off", lambda _faults: 600.0)
    monkeypatch.setattr(read_sets, "_LAST_POLL", 0.5)
    connection.fault("GetReadSetImportJob", "drop", probability=1)

    async def go():
        deadline = time.time() + 2
        triggers = [
            OmicsReadSetJobTrigger.of(
                ReadSetJob("import", f"123456789{number}", "1234567890"), HookParams(), 0.1, deadline=deadline
            )
            for number in range(5)
        ]
        async with asyncio.timeout(50):
            return await asyncio.gather(*(trigger._wait() for trigger in triggers))

    assert all(event.timed_out and not event.error for event in asyncio.run(go()))
