# SPDX-License-Identifier: Apache-2.0
"""The events of runs that the endpoint sends to EventBridge."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tests.local.publishing.ended import ended, until


@pytest.fixture
def received(fast):
    """Return the events that a rule sends to a queue, all up to a status."""
    sqs, events = fast.client("sqs"), fast.client("events")
    url = sqs.create_queue(QueueName="runs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="runs", EventPattern=json.dumps({"source": ["aws.omics"]}))
    events.put_targets(Rule="runs", Targets=[{"Id": "queue", "Arn": arn}])

    def up_to(status):
        seen = []

        def last():
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                event = json.loads(message["Body"])
                # The last events of an earlier test's runs may still be on their way.
                if event["detail"]["runId"] in {run["id"] for run in fast.runs()}:
                    seen.append(event)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return seen and seen[-1]["detail"]["status"] == status

        until(last)
        return seen

    return up_to


def test_every_status_is_an_event(start, client, received):
    run = start(name="r")
    events = received("COMPLETED")
    statuses = ["PENDING", "STARTING", "RUNNING", "STOPPING", "COMPLETED"]
    assert [event["detail"]["status"] for event in events] == statuses
    last = events[-1]
    assert (last["source"], last["detail-type"]) == ("aws.omics", "Run Status Change")
    assert (last["resources"], last["region"]) == ([run["arn"]], "us-east-1")
    assert last["detail"] == {
        "omicsVersion": "1.0.0",
        "arn": run["arn"],
        "runId": run["id"],
        "status": "COMPLETED",
        "uuid": run["uuid"],
        "runOutputUri": run["runOutputUri"],
        "runName": "r",
        "workflowName": "germline",
        "workflowId": "1234567",
        "workflowUuid": client.get_run(id=run["id"])["workflowUuid"],
    }


def test_statuses_that_nobody_looked_at_are_events_of_their_time(start, client, received, frozen):
    frozen.advance(3600)
    run_id = start()["id"]
    frozen.advance(60)
    events = received("COMPLETED")
    assert [event["detail"]["status"] for event in events] == [
        "PENDING",
        "STARTING",
        "RUNNING",
        "STOPPING",
        "COMPLETED",
    ]
    run = client.get_run(id=run_id)
    times = [datetime.fromisoformat(event["time"]) for event in events]
    # EventBridge tells whole seconds.
    assert times == [time.replace(microsecond=0) for time in times]
    assert [times[0], times[2]] == [run[name].replace(microsecond=0) for name in ("creationTime", "startTime")]


@pytest.mark.parametrize("copies", [0, 2])
def test_events_get_lost_or_come_twice(start, client, fast, received, frozen, copies):
    fast.switch(event_copies=copies)
    run_id = start(name="r")["id"]
    frozen.advance(60)
    ended(client, run_id)
    fast.switch(event_copies=1)
    client.delete_run(id=run_id)
    statuses = [event["detail"]["status"] for event in received("DELETED")]
    assert [status for status in statuses if status == "COMPLETED"] == ["COMPLETED"] * copies
    assert statuses[-1] == "DELETED"


def test_a_failure_its_reason_and_the_cache_are_in_the_event(start, client, fast, received):
    cache = client.create_run_cache(cacheS3Location="s3://bucket/c")
    fast.script(status="FAILED", failureReason="SERVICE_ERROR", statusMessage="again")
    start(cacheId=cache["id"])
    *before, last = received("FAILED")
    assert (last["detail"]["failureReason"], last["detail"]["statusMessage"]) == ("SERVICE_ERROR", "again")
    assert (last["detail"]["runCache"], last["detail"]["runCacheBehavior"]) == (cache["arn"], "CACHE_ON_FAILURE")
    assert not any("failureReason" in event["detail"] for event in before)


def test_a_deletion_is_an_event(start, client, received, frozen):
    run_id = start()["id"]
    frozen.advance(60)
    ended(client, run_id)
    client.delete_run(id=run_id)
    assert received("DELETED")[-1]["detail"]["runId"] == run_id


def test_a_run_cancelled_while_its_outputs_are_written_ends_once(start, client, fast, received, frozen):
    fast.client("s3").create_bucket(Bucket="bucket")
    big = {"file": "big", "text": "x" * 2_000_000}
    fast.script(outputs={f"W.o{i}": big for i in range(20)})
    run_id = start()["id"]
    frozen.advance(40 / 200)
    client.cancel_run(id=run_id)
    frozen.advance(60)
    assert ended(client, run_id)["status"] == "CANCELLED"
    statuses = [event["detail"]["status"] for event in received("CANCELLED")]
    assert statuses == ["PENDING", "STARTING", "RUNNING", "STOPPING", "CANCELLED"]
    until(lambda: fast.client("s3").list_objects_v2(Bucket="bucket")["KeyCount"] == 22)
    client.delete_run(id=run_id)
    assert [event["detail"]["status"] for event in received("DELETED")] == ["DELETED"]
