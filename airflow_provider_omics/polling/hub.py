# SPDX-License-Identifier: Apache-2.0
"""The hub: the client, rate limits, poller and start queue that the triggers of one connection share in a process."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from airflow_provider_omics.aws.hook_params import ONE_ATTEMPT
from airflow_provider_omics.polling.airflow_cfg import calls_per_second, heartbeat_interval, poll_interval
from airflow_provider_omics.polling.client import Client
from airflow_provider_omics.polling.pacing import WARN_EVERY, Reminder, back_off
from airflow_provider_omics.polling.poller import IN_FLIGHT, Poller
from airflow_provider_omics.polling.rate_limit import RateLimit, SharedLimit
from airflow_provider_omics.polling.start_pace import StartPace
from airflow_provider_omics.polling.start_queue import StartQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.records.documents import JsonValue

    T = TypeVar("T")

log = logging.getLogger(__name__)
# How many StartRun may be under way at the same time, so that one without an answer does not block the others.
_STARTS: Final = 4

_hubs: dict[tuple[asyncio.AbstractEventLoop, str], Hub] = {}
_limits: dict[asyncio.AbstractEventLoop, Limits] = {}


class Limits(NamedTuple):
    """The rate limits of one process."""

    calls: SharedLimit
    cancels: SharedLimit


class Hub:
    """
    The hub of one connection; :func:`join` makes it for the first trigger and closes it after the last.

    :param params: the connection arguments.
    :param limits: the rate limits of the process, for all its connections together.
    """

    def __init__(self, params: HookParams, limits: Limits) -> None:
        self.client = Client(params, _config(read_timeout=30), RateLimit(limits.calls), threads=IN_FLIGHT)
        # HealthOmics counts CancelRun separately, so it has its own limit.
        self.cancels = RateLimit(limits.cancels)
        # Calls of SQS do not count for the limit; they slow down only while SQS does not answer.
        self.events = RateLimit(limits.calls)
        self.poller = Poller(self.client, poll_interval(), heartbeat_interval())
        self.members = 0
        # StartRun has its own client, so that it never waits for polls.
        starts = Client(params, _config(read_timeout=10), RateLimit(limits.calls), threads=_STARTS)
        self.starts = StartQueue(starts, StartPace(1 / limits.calls.pace.limit), at_once=_STARTS)

    async def repeat(self, call: Callable[[OmicsHook], T], what: str, limit: RateLimit | None = None) -> T:
        """
        Make a call within a rate limit, and repeat it after transient errors.

        :param call: what to call, in a thread.
        :param what: the beginning of the warning after an error, at most every ten minutes.
        :param limit: the rate limit, by default that of all operations but CancelRun and StartRun.
        """
        limit = limit or self.client.limit
        warning = Reminder(WARN_EVERY)
        for faults in itertools.count(1):
            await limit.acquire()
            try:
                answer = await self.client.call(call, limit=limit)
            except Exception as error:
                from airflow_provider_omics.aws.errors import is_throttled, is_unanswered  # noqa: PLC0415 - imported by now

                if not self.client.should_retry(error, faults):
                    raise
                if throttled := is_throttled(error):
                    limit.pace.throttled(asyncio.get_running_loop().time())
                if warning.due(time.monotonic()):
                    log.warning("%s, trying again: %s", what, error)
                # If it was throttled or not answered, the rate limit has slowed down already.
                await asyncio.sleep(0 if throttled or is_unanswered(error) else back_off(faults))
            else:
                limit.pace.succeeded()
                return answer
        raise AssertionError

    def close(self) -> None:
        """Close the clients."""
        self.client.close()
        self.starts.close()


@asynccontextmanager
async def join(params: HookParams) -> AsyncIterator[Hub]:
    """Use the hub of a connection."""
    loop = asyncio.get_running_loop()
    key = loop, params.key
    hub = _hubs.get(key)
    if hub is None:
        hub = _hubs[key] = Hub(params, _limits_of(loop))
    hub.members += 1
    try:
        yield hub
    finally:
        hub.members -= 1
        if not hub.members:
            del _hubs[key]
            hub.close()
            if not any(other is loop for other, _ in _hubs):
                _limits.pop(loop, None)


def _limits_of(loop: asyncio.AbstractEventLoop) -> Limits:
    calls = calls_per_second()
    return _limits.setdefault(loop, Limits(SharedLimit(calls), SharedLimit(calls)))


def _config(*, read_timeout: int) -> dict[str, JsonValue]:
    # No retries by botocore: the hub repeats failed calls itself, within its rate limit.
    return {"retries": dict(ONE_ATTEMPT), "connect_timeout": 10, "read_timeout": read_timeout}
