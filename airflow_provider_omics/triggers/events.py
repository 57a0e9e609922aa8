# SPDX-License-Identifier: Apache-2.0
"""The trigger of an asset watcher: events of HealthOmics and S3 that EventBridge puts into an SQS queue."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.triggers.base import TriggerEvent

from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.compat import event_trigger_classes, is_triggerer_process
from airflow_provider_omics.exceptions import OmicsRequestError
from airflow_provider_omics.polling.event_queue import MOST_AT_ONCE, WAIT, EventQueue
from airflow_provider_omics.polling.event_stream import QueueStream
from airflow_provider_omics.polling.hub import join
from airflow_provider_omics.records.eventbridge import Wanted
from airflow_provider_omics.records.versioned import ignore
from airflow_provider_omics.request.arguments import broken_connection_rules, verify_of

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Hashable, Sequence

    from airflow.triggers.base import BaseEventTrigger
    from airflow.triggers.shared_stream import SharedStreamProducer

    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.eventbridge import Event
else:
    BaseEventTrigger, SharedStreamProducer = event_trigger_classes()

_SHORTEST: Final = 3 * WAIT
_LONGEST: Final = 43_200
# Seconds within which Airflow stores an event, for versions that do not report it.
_STORED: Final = 30.0


class OmicsEventTrigger(BaseEventTrigger):
    """
    Watch an SQS queue for events of HealthOmics, or of new objects in S3, that an EventBridge rule puts into it.

    For the ``AssetWatcher`` of an asset, on Airflow 3. The event's payload is EventBridge's event: ``id``,
    ``detail-type``, ``time``, ``account``, ``region``, ``resources`` and ``detail``, which for a run has ``runId``,
    ``uuid``, ``status`` and ``runOutputUri``. Delivery is at least once: a message is deleted after Airflow has stored
    its event, or at once if the arguments do not match it. A message that holds no such event stays in the queue, until
    it goes to the dead-letter queue. See ``docs/events.md``.

    :param queue_url: URL of the queue; each watcher needs a queue of its own.
    :param detail_type: detail type, or several, such as ``Read Set Status Change``; S3's is ``Object Created``.
    :param status: new status of the run, job or read set, or several; by default any.
    :param workflow_id: workflow of the run, or several; by default any.
    :param run_name: name of the run, or a pattern with ``*``, ``?`` and ``[…]``.
    :param visibility_timeout: time, as ``timedelta`` or in seconds, after which SQS delivers a message again if Airflow
        has not stored its event: 30 to 43,200 whole seconds.
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials.
    :param region_name: AWS Region of the queue; by default the connection's.
    :param verify: whether to verify TLS certificates, or the path of a CA bundle.
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    :param unknown: arguments of a newer release, which a triggerer ignores with a warning.
    :raises OmicsRequestError: if an argument breaks a rule, or no event can match.
    """

    def __init__(
        self,
        *,
        queue_url: str,
        detail_type: str | Sequence[str] = "Run Status Change",
        status: str | Sequence[str] | None = None,
        workflow_id: str | Sequence[str] | None = None,
        run_name: str | None = None,
        visibility_timeout: timedelta | float = 60,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | os.PathLike[str] | None = None,
        botocore_config: dict[str, JsonValue] | None = None,
        **unknown: object,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow left it untyped
        if unknown and not is_triggerer_process():
            raise OmicsRequestError(f"{type(self).__name__}: there is no argument {', '.join(sorted(unknown))}")
        ignore(type(self).__name__, unknown)
        self.queue_url = queue_url
        if isinstance(visibility_timeout, timedelta):
            visibility_timeout = visibility_timeout.total_seconds()
        if isinstance(visibility_timeout, float) and visibility_timeout.is_integer():
            visibility_timeout = int(visibility_timeout)
        self.visibility_timeout: Any = visibility_timeout
        self.wanted = Wanted(_several(detail_type), _several(status), _several(workflow_id), run_name)
        self.params = HookParams(aws_conn_id, region_name, verify_of(verify), botocore_config)
        broken = broken_connection_rules(aws_conn_id, region_name, verify, botocore_config)
        if violations := [*self._violations(), *self.wanted.violations(), *broken]:
            raise OmicsRequestError(f"{type(self).__name__}: {'; '.join(violations)}")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Return the class path and the keyword arguments, in one normal form and of JSON types.

        They have no version: Airflow identifies a watcher by their hash, which must not change by an upgrade.
        """
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "queue_url": self.queue_url,
                "detail_type": list(self.wanted.detail_types),
                "status": list(self.wanted.statuses),
                "workflow_id": list(self.wanted.workflow_ids),
                "run_name": self.wanted.run_name,
                "visibility_timeout": self.visibility_timeout,
                **self.params.serialize(),
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield events, on Airflow before 3.3, which does not report when it has stored an event.

        Airflow stores an event within seconds: its message is deleted after half the visibility timeout, at most after
        30 seconds. At most 100 messages are yielded and not deleted: more could be deleted before Airflow has stored
        their events, and would use up memory.
        """
        loop = asyncio.get_running_loop()
        handed_on: deque[tuple[float, list[str]]] = deque()
        async with AsyncExitStack() as stack:
            queue = await self.open_queue(stack)
            while True:
                wanted, others = [], []
                for message in await queue.receive():
                    if self.wanted.matches(message.event):
                        yield TriggerEvent(message.event.payload())
                        wanted.append(message.receipt)
                    else:
                        others.append(message.receipt)
                await queue.delete(others)
                handed_on.append((loop.time() + min(self.visibility_timeout / 2, _STORED), wanted))
                while handed_on and (handed_on[0][0] <= loop.time() or _number(handed_on) >= MOST_AT_ONCE):
                    moment, receipts = handed_on.popleft()
                    await asyncio.sleep(moment - loop.time())
                    await queue.delete(receipts)

    def shared_stream_key(self) -> Hashable:
        """Return the key of triggers that share one queue."""
        return (f"{type(self).__module__}.{type(self).__qualname__}", self.queue_url, self.params.key)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Return the producer: it receives messages and deletes each when Airflow has stored its event."""
        return QueueStream(cls(**kwargs).open_queue)

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Event]) -> AsyncIterator[TriggerEvent]:
        """Yield the events that the arguments match."""
        async for event in shared_stream:
            if self.wanted.matches(event):
                yield TriggerEvent(event.payload())

    async def open_queue(self, stack: AsyncExitStack) -> EventQueue:
        """Return the queue; the stack closes it."""
        hub = await stack.enter_async_context(join(self.params))
        queue = EventQueue(hub, self.queue_url, self.visibility_timeout)
        stack.callback(queue.close)
        return queue

    def _violations(self) -> list[str]:
        wrong = []
        url, seconds = self.queue_url, self.visibility_timeout
        if not (isinstance(url, str) and re.fullmatch(r"https?://[^/\s]+/\d{12}/[\w-]{1,80}(\.fifo)?", url)):
            wrong.append(f"queue_url must be the queue's URL, https://…/<account>/<name>, not {url!r}")
        if type(seconds) is not int or not _SHORTEST <= seconds <= _LONGEST:
            wrong.append(f"visibility_timeout must be {_SHORTEST} to {_LONGEST} seconds, not {seconds!r}")
        return wrong


def _several(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return an argument's one or several values in a fixed order; their types are checked with the other rules."""
    values = () if value is None else value if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
    # A set has another order in each process that parses the DAG file, and each order would be another trigger.
    return tuple(sorted(values, key=str) if isinstance(values, set | frozenset) else values)


def _number(handed_on: Iterable[tuple[float, list[str]]]) -> int:
    return sum(len(receipts) for _, receipts in handed_on)
