# SPDX-License-Identifier: Apache-2.0
"""A watcher of an Airflow that does not say when it has stored an event: how long messages wait to be deleted."""

import asyncio
import json
from functools import partial

import pytest

from airflow_provider_omics.polling import event_queue
from airflow_provider_omics.triggers import events
from airflow_provider_omics.triggers.events import OmicsEventTrigger
from tests.records.test_eventbridge import RUN
from tests.triggers.waiting import until


@pytest.fixture
def url(connection, monkeypatch):
    monkeypatch.setattr(event_queue, "WAIT", 1)
    monkeypatch.setattr(events, "_STORED", 1.0)
    return connection.client("sqs").create_queue(QueueName="omics-events")["QueueUrl"]


def test_a_long_visibility_timeout_holds_up_no_event(connection, url, monkeypatch):
    monkeypatch.setattr(events, "MOST_AT_ONCE", 5)
    sqs = connection.client("sqs")
    for _ in range(25):
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(RUN))
    seen = []

    async def go():
        async for event in OmicsEventTrigger(queue_url=url, visibility_timeout=3600).run():
            seen.append(event.payload["id"])  # noqa: PERF401 - it never ends

    async def all_of_them():
        watching = asyncio.create_task(go())
        await until(lambda: len(seen) == 25)
        count = partial(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["All"])
        async with asyncio.timeout(60):
            while int((await asyncio.to_thread(count))["Attributes"]["ApproximateNumberOfMessagesNotVisible"]):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(all_of_them())


def test_a_message_in_an_envelope_of_sns_says_so(connection, url, caplog):
    envelope = {
        "Type": "Notification",
        "MessageId": "1",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:omics",
        "Message": json.dumps(RUN),
    }
    connection.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(envelope))

    async def go():
        watching = asyncio.create_task(anext(OmicsEventTrigger(queue_url=url).run()))
        await until(lambda: "stays in queue" in caplog.text)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(go())
    assert "it is an SNS envelope" in caplog.text
    assert "raw message delivery" in caplog.text
