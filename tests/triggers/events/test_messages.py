# SPDX-License-Identifier: Apache-2.0
"""Watching a queue, against the local endpoint: every event that is wanted arrives, and is deleted only then."""

import asyncio
import json
import logging

from airflow_provider_omics.polling import event_stream
from airflow_provider_omics.triggers import events
from airflow_provider_omics.triggers.events import OmicsEventTrigger
from tests.events_page import document, make_queue
from tests.triggers.events.watching import Watching, becomes, in_thread, run_of
from tests.triggers.waiting import until


def test_a_message_is_deleted_when_airflow_has_its_event(watching, send, left, url):
    send()

    async def go():
        async with watching.by(OmicsEventTrigger(queue_url=url, visibility_timeout=30)):
            await until(lambda: watching.told)
            await asyncio.sleep(1.5)
            assert await in_thread(left) == 1
            watching.store()
            await becomes(left, 0)

    asyncio.run(go())
    assert watching.told == [(0, "COMPLETED")]


def test_an_event_that_airflow_did_not_get_comes_again(watching, send, left, url):
    send()

    async def go():
        trigger = OmicsEventTrigger(queue_url=url, visibility_timeout=2)
        async with watching.by(trigger):
            await until(lambda: watching.told)
        assert await in_thread(left) == 1
        again = Watching()
        async with again.by(trigger):
            await until(lambda: again.told)
            again.store()
            await becomes(left, 0)

    asyncio.run(go())


def test_an_event_that_airflow_says_nothing_of_is_given_up_and_comes_again(watching, send, left, url):
    send()
    late = type(watching)(ack_timeout=0.5)

    async def go():
        trigger = OmicsEventTrigger(queue_url=url, visibility_timeout=2)
        # Airflow ends the trigger, and then starts it anew.
        async with late.by(trigger, given_up=True):
            await until(lambda: late.told)
            await asyncio.sleep(1.5)
        assert await in_thread(left) == 1
        async with watching.by(trigger):
            await until(lambda: watching.told)

    asyncio.run(go())


def test_what_nobody_wants_is_deleted_and_what_is_no_event_stays(watching, send, sqs, left, url, caplog):
    secret = "AKIA-not-for-logs"
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"secret": secret}))
    sqs.send_message(QueueUrl=url, MessageBody="[" * 100_000)
    for status in ("RUNNING", "COMPLETED", "FAILED"):
        send(status)

    async def go():
        async with watching.by(OmicsEventTrigger(queue_url=url, status="COMPLETED")):
            await until(lambda: watching.told)
            watching.store()
            await becomes(left, 2)

    with caplog.at_level(logging.WARNING):
        asyncio.run(go())
    assert watching.told == [(0, "COMPLETED")]
    assert caplog.text.count("stays in queue") == 2
    assert secret not in caplog.text


def test_watchers_of_one_queue_in_one_triggerer_get_all_of_it(watching, send, left, url):
    for status in ("COMPLETED", "FAILED"):
        send(status)

    async def go():
        async with watching.by(
            OmicsEventTrigger(queue_url=url, status="COMPLETED"), OmicsEventTrigger(queue_url=url, status="FAILED")
        ):
            await until(lambda: len(watching.told) == 2)
            watching.store()
            await becomes(left, 0)

    asyncio.run(go())
    assert sorted(watching.told) == [(0, "COMPLETED"), (1, "FAILED")]


def test_no_more_is_received_than_airflow_can_take(watching, send, left, url, monkeypatch):
    monkeypatch.setattr(event_stream, "MOST_AT_ONCE", 5)
    for _ in range(25):
        send()

    async def go():
        async with watching.by(OmicsEventTrigger(queue_url=url)):
            await until(lambda: watching.told)
            await asyncio.sleep(2)
            assert len(watching.told) <= 10
            while await in_thread(left):
                watching.store()
                await asyncio.sleep(0.05)

    asyncio.run(go())
    assert len(watching.told) == 25


def test_a_message_waits_for_no_other(watching, send, left, url):
    async def go():
        async with watching.by(OmicsEventTrigger(queue_url=url)):
            for number in (1, 2):
                await in_thread(send)
                await until(lambda number=number: len(watching.told) == number)
            watching.seqs.pop(0)
            watching.store()
            await becomes(left, 1)

    asyncio.run(go())


def test_a_run_that_completes_is_told_through_a_rule(connection, start, url):
    make_queue(connection, "omics-events", {"source": ["aws.omics"]})
    [run] = start()
    connection.clock.advance(60)
    seen = []

    async def go():
        trigger = OmicsEventTrigger(queue_url=url, status=["COMPLETED", "FAILED"], workflow_id="1234567")
        async for event in trigger.run():
            seen.append(event.payload)
            break

    asyncio.run(asyncio.wait_for(go(), 60))
    [told] = seen
    assert (told["detail"]["runId"], told["detail"]["uuid"], told["detail"]["status"]) == (
        run.id,
        run.uuid,
        "COMPLETED",
    )
    assert told["resources"] == [run.arn]


def test_an_object_that_arrives_in_s3_is_told(connection, url):
    s3 = connection.client("s3")
    s3.create_bucket(Bucket="arrivals")
    s3.put_bucket_notification_configuration(
        Bucket="arrivals", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    rule = document("For unknown keys")
    # moto knows no wildcards.
    rule["detail"] = {"bucket": {"name": ["arrivals"]}, "object": {"key": [{"prefix": "new/"}]}}
    assert make_queue(connection, "omics-events", rule) == url
    for key in ("old/a.cram", "new/a.cram"):
        s3.put_object(Bucket="arrivals", Key=key, Body=b"CRAM")
    seen = []

    async def go():
        async for event in OmicsEventTrigger(queue_url=url, detail_type="Object Created").run():
            seen.append(event.payload["detail"])
            break

    asyncio.run(asyncio.wait_for(go(), 60))
    assert (seen[0]["bucket"]["name"], seen[0]["object"]["key"]) == ("arrivals", "new/a.cram")


def test_without_airflows_word_a_message_is_deleted_after_half_its_time(send, left, url):
    send()
    seen = []

    async def go():
        async with run_of(OmicsEventTrigger(queue_url=url, visibility_timeout=8), seen):
            await until(lambda: seen)
            assert await in_thread(left) == 1
            await becomes(left, 0)

    asyncio.run(go())
    assert seen == ["COMPLETED"]


def test_without_airflows_word_what_nobody_wants_is_deleted_at_once(send, left, url):
    for status in ("COMPLETED", "RUNNING"):
        send(status)

    async def go():
        async with run_of(OmicsEventTrigger(queue_url=url, status="COMPLETED", visibility_timeout=600), []):
            await becomes(left, 1)

    asyncio.run(go())


def test_without_airflows_word_no_more_is_handed_on_than_it_can_store(send, left, url, monkeypatch):
    monkeypatch.setattr(events, "MOST_AT_ONCE", 5)
    for _ in range(25):
        send()
    seen = []

    async def go():
        async with run_of(OmicsEventTrigger(queue_url=url, visibility_timeout=8), seen):
            await until(lambda: seen)
            await asyncio.sleep(2)
            assert len(seen) <= 10
            await becomes(left, 0)

    asyncio.run(go())
    assert len(seen) == 25
