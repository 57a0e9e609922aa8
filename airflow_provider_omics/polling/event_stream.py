# SPDX-License-Identifier: Apache-2.0
"""The events of one SQS queue for all asset watchers of it in a triggerer (Airflow 3.3)."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_omics.compat import event_trigger_classes
from airflow_provider_omics.polling.event_queue import MOST_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence

    from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

    from airflow_provider_omics.polling.event_queue import EventQueue
    from airflow_provider_omics.records.eventbridge import Event
else:
    _, SharedStreamProducer = event_trigger_classes()


class Receipt(NamedTuple):
    """What deletes a message, and the batch in which it was received."""

    message: str
    batch: int


class QueueStream(SharedStreamProducer):
    """
    Receives messages, and deletes each when Airflow has stored its event.

    :param open_queue: returns the queue, which the stack closes.
    """

    def __init__(self, open_queue: Callable[[AsyncExitStack], Awaitable[EventQueue]]) -> None:
        self._open_queue = open_queue
        self._stack = AsyncExitStack()
        self._queue: EventQueue | None = None
        self._out = 0
        self._moved = asyncio.Event()

    async def open_stream(self) -> AsyncIterator[tuple[Event, Receipt]]:
        """Yield the events of all messages as they come."""
        self._queue = await self._open_queue(self._stack)
        for batch in itertools.count():
            while self._out >= MOST_AT_ONCE:
                self._moved.clear()
                await self._moved.wait()
            for message in await self._queue.receive():
                self._out += 1
                yield message.event, Receipt(message.receipt, batch)

    def get_advance_lane(self, broker_payload: Receipt) -> Hashable:
        """Return the batch: its messages are deleted by one call, independently of other batches."""
        return broker_payload.batch

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Delete the messages whose events are stored, or matched by no watcher; SQS delivers the others again."""
        self._out -= len(batch)
        self._moved.set()
        if self._queue:
            await self._queue.delete([item.broker_payload.message for item in batch if item.outcome.is_clean])

    async def aclose(self) -> None:
        """Close the queue; Airflow calls this after the last ``advance``."""
        await self._stack.aclose()
