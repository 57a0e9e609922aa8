# SPDX-License-Identifier: Apache-2.0
"""The events of read sets and their jobs that the endpoint sends to EventBridge."""

from __future__ import annotations

import json

from tests.events_page import make_queue
from tests.local.sequencestores.sources import source


def test_a_read_set_tells_its_statuses_as_events(imported, client, store, omics_local, wait_for):
    sqs, events = omics_local.client("sqs"), omics_local.client("events")
    queue = sqs.create_queue(QueueName="read-sets")["QueueUrl"]
    pattern = json.dumps({"source": ["aws.omics"], "detail-type": ["Read Set Status Change"]})
    events.put_rule(Name="read-sets", EventPattern=pattern)
    where = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_targets(Rule="read-sets", Targets=[{"Id": "1", "Arn": where}])
    [item] = imported(source())["sources"]
    omics_local.force_read_set(item["readSetId"], "ARCHIVED")
    told = []

    def both():
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ())
        told.extend(json.loads(message["Body"])["detail"] for message in messages)
        return len(told) == 2

    wait_for(both)
    arn = client.get_read_set_metadata(sequenceStoreId=store, id=item["readSetId"])["arn"]
    detail = {"omicsVersion": "1.0.0", "arn": arn, "sequenceStoreId": store, "id": item["readSetId"]}
    assert told == [{**detail, "status": "ACTIVE"}, {**detail, "status": "ARCHIVED"}]


def test_statuses_of_jobs_and_read_sets_are_events(imported, store, client, omics_local, wait_for):
    url = make_queue(omics_local, "read-sets", {"source": ["aws.omics"]})
    sqs, told = omics_local.client("sqs"), []

    def take(number):
        def enough():
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                told.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return len(told) >= number

        wait_for(enough)
        events = [(event["detail-type"], event["detail"]["status"]) for event in told]
        told.clear()
        return events

    job = imported(source("a"), source("b", "BAM"))
    kind = "Read Set Import Job Status Change"
    assert take(5) == [
        *((kind, status) for status in ("SUBMITTED", "IN_PROGRESS")),
        *[("Read Set Status Change", "ACTIVE")] * 2,
        (kind, "COMPLETED"),
    ]
    read_set = job["sources"][0]["readSetId"]
    omics_local.force_read_set(read_set, "ARCHIVED")
    sources = [{"readSetId": read_set}]
    client.start_read_set_activation_job(sequenceStoreId=store, sources=sources)
    omics_local.clock.advance(60)
    kind = "Read Set Activation Job Status Change"
    assert take(6) == [
        ("Read Set Status Change", "ARCHIVED"),
        *((kind, status) for status in ("SUBMITTED", "IN_PROGRESS")),
        *(("Read Set Status Change", status) for status in ("ACTIVATING", "ACTIVE")),
        (kind, "COMPLETED"),
    ]
