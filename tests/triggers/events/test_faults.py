# SPDX-License-Identifier: Apache-2.0
"""What befalls a queue that is watched, or a message: nothing ends the waiting, and nothing gets lost."""

import asyncio
import json
import logging
from functools import partial

import pytest

from airflow_provider_omics.polling import event_queue
from airflow_provider_omics.polling.hub import join
from airflow_provider_omics.triggers.events import OmicsEventTrigger
from tests.events_page import document
from tests.triggers.events.watching import becomes, in_thread, run_of
from tests.triggers.waiting import DEFAULT, until


def test_a_queue_that_is_not_there_yet_is_waited_for(sqs, send, url, caplog):
    sqs.delete_queue(QueueUrl=url)
    seen = []

    async def go():
        async with run_of(OmicsEventTrigger(queue_url=url), seen):
            await until(lambda: "cannot be read, trying again" in caplog.text)
            await in_thread(partial(sqs.create_queue, QueueName="omics-events"))
            await in_thread(send)
            await until(lambda: seen)

    with caplog.at_level(logging.WARNING):
        asyncio.run(go())
    assert seen == ["COMPLETED"]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "code": "RequestThrottled"},
        {"kind": "error", "code": "InternalFailure"},
        {"kind": "error", "code": "AccessDeniedException"},
        {"kind": "error", "code": "ExpiredTokenException"},
        {"kind": "error", "code": "QueueDoesNotExist"},
        {"kind": "drop"},
    ],
)
def test_what_fails_to_be_received_or_deleted_is_tried_again(connection, send, left, url, caplog, fault, monkeypatch):
    monkeypatch.setattr(event_queue, "back_off", lambda _faults: 0.05)
    for operation in ("ReceiveMessage", "DeleteMessageBatch"):
        connection.fault(f"sqs:{operation}", times=2, **fault)
    send()
    seen = []

    async def go():
        async with run_of(OmicsEventTrigger(queue_url=url, visibility_timeout=8), seen):
            await until(lambda: seen)
            await becomes(left, 0)

    with caplog.at_level(logging.WARNING):
        asyncio.run(go())
    assert seen == ["COMPLETED"]
    assert caplog.text.count("cannot be read, trying again") == 2
    assert caplog.text.count("are not deleted yet") == 2


def test_expired_credentials_are_read_anew(connection, send, url, monkeypatch):
    monkeypatch.setattr(event_queue, "back_off", lambda _faults: 0.05)
    connection.fault("sqs:ReceiveMessage", "error", code="ExpiredTokenException")
    send()

    async def go():
        async with join(DEFAULT) as hub:
            before = await hub.client.call(lambda hook: hook.sqs)
            waiting = event_queue.EventQueue(hub, url, 30)
            assert len(await waiting.receive()) == 1
            waiting.close()
            return before is await hub.client.call(lambda hook: hook.sqs)

    assert asyncio.run(go()) is False


def test_a_message_that_is_no_event_ends_in_the_dead_letter_queue(sqs, url):
    dead = sqs.create_queue(QueueName="omics-runs-dead")["QueueUrl"]
    policy = {**document("Its redrive policy"), "maxReceiveCount": "2"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})
    sqs.send_message(QueueUrl=url, MessageBody="no event")
    seen, count = [], "ApproximateNumberOfMessages"

    async def go():
        async with run_of(OmicsEventTrigger(queue_url=url, visibility_timeout=2), seen):
            asked = {"QueueUrl": dead, "AttributeNames": [count]}
            await becomes(lambda: sqs.get_queue_attributes(**asked)["Attributes"][count], "1")

    asyncio.run(go())
    assert seen == []
    [message] = sqs.receive_message(QueueUrl=dead)["Messages"]
    assert message["Body"] == "no event"


def test_a_connection_that_is_not_there_yet_is_waited_for(connection, send, url, caplog, monkeypatch):
    send()
    seen = []

    async def go():
        async with run_of(OmicsEventTrigger(queue_url=url, aws_conn_id="missing"), seen):
            await until(lambda: "cannot be read, trying again" in caplog.text)
            monkeypatch.setenv("AIRFLOW_CONN_MISSING", json.dumps(connection.airflow_connection()))
            await until(lambda: seen)

    with caplog.at_level(logging.WARNING):
        asyncio.run(go())
    assert seen == ["COMPLETED"]


def test_a_message_that_cannot_be_deleted_is_told(url, caplog, monkeypatch):
    monkeypatch.setattr(event_queue, "back_off", lambda _faults: 0)

    async def go():
        async with join(DEFAULT) as hub:
            waiting = event_queue.EventQueue(hub, url, 2)
            await waiting.delete(["no receipt"])
            waiting.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(go())
    assert "1 messages of queue" in caplog.text
