# SPDX-License-Identifier: Apache-2.0
"""A queue of SQS at the local endpoint, and what is put into it and left in it."""

import json

import pytest

from airflow_provider_omics.polling import event_queue
from airflow_provider_omics.triggers import events
from tests.records.test_eventbridge import RUN
from tests.triggers.events.watching import Watching


@pytest.fixture
def sqs(connection, monkeypatch):
    """Return a client of SQS; ReceiveMessage waits for a second, and a message may come again after two."""
    monkeypatch.setattr(event_queue, "WAIT", 1)
    monkeypatch.setattr(events, "_SHORTEST", 2)
    return connection.client("sqs")


@pytest.fixture
def url(sqs):
    return sqs.create_queue(QueueName="omics-events")["QueueUrl"]


@pytest.fixture
def send(sqs, url):
    """Return a function that puts an event into the queue, whose status is changed."""

    def send(status="COMPLETED", **members):
        event = {**RUN, "detail": {**RUN["detail"], "status": status}, **members}
        return sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))["MessageId"]

    return send


@pytest.fixture
def left(sqs, url):
    """Return a function that tells how many messages are in the queue, be they visible or not."""

    def left():
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(map(int, told.values()))

    return left


@pytest.fixture
def watching():
    pytest.importorskip("airflow.triggers.shared_stream", reason="only Airflow 3.3 tells when it has an event")
    return Watching()
