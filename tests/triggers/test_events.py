# SPDX-License-Identifier: Apache-2.0
"""Watching a queue, against the local endpoint: every event that is wanted arrives, and is deleted only then."""

import asyncio
import json
import logging
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest

from airflow_provider_omics.exceptions import OmicsRequestError
from airflow_provider_omics.polling import event_queue
from airflow_provider_omics.polling.hub import join
from airflow_provider_omics.polling.poller import IN_FLIGHT
from airflow_provider_omics.records.eventbridge import STATUSES
from airflow_provider_omics.triggers import events
from airflow_provider_omics.triggers.events import OmicsEventTrigger
from tests.events_page import document, make_queue
from tests.records.test_eventbridge import RUN
from tests.triggers.waiting import DEFAULT, until

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/omics-events"


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


class Watching:
    """Triggers in Airflow's manager of shared streams, and what they have told; it counts as stored on demand."""

    def __init__(self, **options):
        from airflow.triggers.shared_stream import SharedStreamManager  # noqa: PLC0415 - new in Airflow 3.3

        self.manager = SharedStreamManager(**options)
        self.told = []
        self.seqs = []

    @asynccontextmanager
    async def by(self, *triggers, given_up=False):
        tasks = [asyncio.create_task(self._watch(number, it)) for number, it in enumerate(triggers)]
        try:
            yield
            assert all(task.done() is given_up for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.manager.stop_all()

    async def _watch(self, trigger_id, trigger):
        key = trigger.shared_stream_key()
        stream = self.manager.subscribe(trigger_id=trigger_id, trigger=trigger, key=key)
        try:
            async for event in trigger.filter_shared_stream(stream):
                self.seqs.append(self.manager.bind_pending_event(trigger_id=trigger_id, key=key))
                self.told.append((trigger_id, event.payload["detail"]["status"]))
        finally:
            await self.manager.unsubscribe(trigger_id, key)

    def store(self):
        self.manager.confirm_persisted(self.seqs)
        self.seqs.clear()


@pytest.fixture
def watching():
    pytest.importorskip("airflow.triggers.shared_stream", reason="only Airflow 3.3 tells when it has an event")
    return Watching()


async def in_thread(function):
    return await asyncio.to_thread(function)


async def becomes(function, value):
    async with asyncio.timeout(60):
        while await in_thread(function) != value:  # noqa: ASYNC110 - it is another process that changes it
            await asyncio.sleep(0.1)


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
    monkeypatch.setattr(events, "_MOST_AT_ONCE", 5)
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


@asynccontextmanager
async def run_of(trigger, seen):
    """Run a trigger as an Airflow that does not say when it has stored an event."""

    async def go():
        async for event in trigger.run():
            seen.append(event.payload["detail"]["status"])

    task = asyncio.create_task(go())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


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
    monkeypatch.setattr(events, "_MOST_AT_ONCE", 5)
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


def test_a_message_that_is_no_event_ends_in_the_dead_letter_queue(sqs, url, left):
    dead = sqs.create_queue(QueueName="omics-runs-dead")["QueueUrl"]
    policy = {**document("Its redrive policy"), "maxReceiveCount": "2"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})
    sqs.send_message(QueueUrl=url, MessageBody="no event")
    seen = []

    async def go():
        async with run_of(OmicsEventTrigger(queue_url=url, visibility_timeout=2), seen):
            await becomes(left, 0)

    asyncio.run(go())
    assert seen == []
    [message] = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=20)["Messages"]
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
            await hub.client.spend()

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


def test_a_dag_file_that_watches_an_asset_pays_for_no_boto3():
    check = "import sys, airflow_provider_omics.triggers.events; print(*{m.split('.')[0] for m in sys.modules})"
    before = "import sys, airflow.triggers.base; print(*{m.split('.')[0] for m in sys.modules})"
    loaded, known = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()  # noqa: S603 - our own
        for code in (check, before)
    )
    assert "airflow_provider_omics" in loaded
    assert not {"boto3", "botocore"} & (set(loaded) - set(known))


def test_it_is_the_same_trigger_however_it_is_written():
    one = OmicsEventTrigger(queue_url=URL, status="COMPLETED", workflow_id="1")
    other = OmicsEventTrigger(
        queue_url=URL, detail_type=["Run Status Change"], status=("COMPLETED",), workflow_id=["1"]
    )
    path, arguments = one.serialize()
    assert (path, arguments) == other.serialize()
    assert json.loads(json.dumps(arguments)) == arguments
    assert OmicsEventTrigger(**arguments).serialize() == one.serialize()
    assert path == "airflow_provider_omics.triggers.events.OmicsEventTrigger"
    statuses = STATUSES["Run Status Change"]
    assert OmicsEventTrigger(queue_url=URL, status=set(statuses)).serialize()[1]["status"] == sorted(statuses)


@pytest.mark.parametrize(
    "arguments",
    [
        {"queue_url": "omics-events"},
        {"queue_url": "arn:aws:sqs:us-east-1:123456789012:omics-events"},
        {"queue_url": None},
        {"visibility_timeout": 29},
        {"visibility_timeout": 43_201},
        {"visibility_timeout": "60"},
        {"visibility_timeout": True},
        {"status": "COMPLETE"},
        {"detail_type": "Run status change"},
        {"status": 7},
        {"workflow_id": "germline"},
        {"workflow_id": 1234567},
        {"run_name": ""},
    ],
)
def test_what_cannot_be_is_refused_when_the_dag_is_parsed(arguments):
    [name] = arguments
    with pytest.raises(OmicsRequestError, match=f"^OmicsEventTrigger: {name} must be"):
        OmicsEventTrigger(**{"queue_url": URL, **arguments})


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(OmicsRequestError, match=r"queue_url .*; status .*; run_name "):
        OmicsEventTrigger(queue_url="x", status="DONE", run_name="")


@pytest.mark.parametrize("url", [URL, f"{URL}.fifo", "https://vpce-1.sqs.us-east-1.vpce.amazonaws.com/123456789012/q"])
def test_queues_of_every_kind_can_be_watched(url):
    assert OmicsEventTrigger(queue_url=url).queue_url == url
