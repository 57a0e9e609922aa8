# SPDX-License-Identifier: Apache-2.0
"""An SQS queue that a trigger reads without end: every error is retried, and it has its own threads."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow_provider_omics.polling.pacing import back_off
from airflow_provider_omics.records.eventbridge import Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.polling.hub import Hub

log = logging.getLogger(__name__)
# Seconds that one ReceiveMessage waits for a message; a triggerer that stops may have to wait for it.
WAIT: Final = 10
# How many messages may be handed to Airflow and not yet deleted; Airflow stores some dozens of events a second.
MOST_AT_ONCE: Final = 100
_BATCH: Final = 10
_TRIES: Final = 3


class Message(NamedTuple):
    """An event, and the receipt handle of its message."""

    event: Event
    receipt: str


class EventQueue:
    """
    The queue of one watcher. Its calls of SQS do not count for the hub's rate limit of HealthOmics calls.

    :param hub: the hub of the connection, for its credentials.
    :param url: the queue's URL.
    :param visibility_timeout: seconds in which SQS does not deliver a received message again.
    """

    def __init__(self, hub: Hub, url: str, visibility_timeout: int) -> None:
        self._hub = hub
        self._url = url
        self._visibility_timeout = visibility_timeout
        # One thread waits for messages while the other one deletes them.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="omics-events")

    async def receive(self) -> list[Message]:
        """Return up to ten messages, none if none arrives within ten seconds; every error is retried."""
        faults = 0
        while True:
            try:
                received = await self._hub.client.call(self._receive, self._threads, limit=self._hub.events)
            except Exception as error:  # noqa: BLE001 - any error: Airflow would only start the watcher again
                faults += 1
                log.warning("Queue %s cannot be read, trying again: %s", self._url, error)
                await asyncio.sleep(back_off(faults))
            else:
                return [message async for message in self._parsed(received)]

    async def delete(self, receipts: Sequence[str]) -> None:
        """Delete up to ten messages; SQS delivers those that cannot be deleted again."""
        if not receipts:
            return
        entries = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(receipts)]
        for faults in range(1, _TRIES + 1):
            try:
                entries = await self._hub.client.call(
                    partial(self._delete, entries), self._threads, limit=self._hub.events
                )
            except Exception as error:  # noqa: BLE001 - likewise
                log.warning("Messages of queue %s are not deleted yet: %s", self._url, error)
            if not entries:
                return
            await asyncio.sleep(back_off(faults))
        log.warning("%s messages of queue %s could not be deleted: SQS delivers them again", len(entries), self._url)

    def close(self) -> None:
        """Shut down the threads; messages that one of them still receives are delivered again later."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _receive(self, hook: OmicsHook) -> list[dict[str, Any]]:
        answer = hook.sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=_BATCH,
            WaitTimeSeconds=WAIT,
            VisibilityTimeout=self._visibility_timeout,
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _delete(self, entries: list[dict[str, str]], hook: OmicsHook) -> list[dict[str, str]]:
        """Return those that were not deleted."""
        answer = hook.sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        failed = {it["Id"] for it in answer.get("Failed", [])}
        return [entry for entry in entries if entry["Id"] in failed]

    async def _parsed(self, received: Sequence[dict[str, Any]]) -> AsyncIterator[Message]:
        for it in received:
            try:
                yield Message(Event.parse(it["Body"]), it["ReceiptHandle"])
            except (ValueError, RecursionError) as error:
                # Without its text, which is not ours.
                log.warning("Message %s stays in queue %s: %s", it["MessageId"], self._url, error)
            # The largest possible message takes 20 ms: let the event loop run other tasks in between.
            await asyncio.sleep(0)
