# SPDX-License-Identifier: Apache-2.0
"""What the triggers of one connection share in a triggerer process: a client, its threads, a budget of calls."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from airflow_provider_omics.compat import conf
from airflow_provider_omics.polling.client import Client
from airflow_provider_omics.polling.poller import IN_FLIGHT, Polls
from airflow_provider_omics.polling.rate_limit import RateLimit, SharedLimit
from airflow_provider_omics.polling.start_pace import StartPace
from airflow_provider_omics.polling.start_queue import StartQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.records.documents import JsonValue

    T = TypeVar("T")

_CALLS_PER_SECOND: Final = 8.0
# How many StartRun are under way at the same time, so that one that hangs does not hold up the others.
_STARTS: Final = 4

_hubs: dict[tuple[asyncio.AbstractEventLoop, str], Hub] = {}
_limits: dict[asyncio.AbstractEventLoop, Limits] = {}


class Limits(NamedTuple):
    """What one process may call."""

    calls: SharedLimit
    cancels: SharedLimit


class Hub:
    """
    One connection's share of the triggerer; :func:`join` makes it for the first trigger and ends it with the last.

    :param params: how to reach AWS.
    :param limits: what the process may call, together with its other connections.
    """

    def __init__(self, params: HookParams, limits: Limits) -> None:
        self.client = Client(params, _config(read_timeout=30), RateLimit(limits.calls), threads=IN_FLIGHT)
        # HealthOmics counts CancelRun by itself: it neither waits for the looks at runs nor holds them up.
        self.cancels = RateLimit(limits.cancels)
        # SQS spends nothing of it, and only its own silence slows it down.
        self.events = RateLimit(limits.calls)
        self.polls = Polls(
            self.client,
            conf.getfloat("omics", "poll_interval", fallback=30.0),
            conf.getfloat("omics", "heartbeat_interval", fallback=300.0),
        )
        self.members = 0
        # StartRun has a client of its own: it waits neither for a thread nor for the answer to a look at a run.
        starts = Client(params, _config(read_timeout=10), RateLimit(limits.calls), threads=_STARTS)
        self.starts = StartQueue(starts, StartPace(1 / limits.calls.budget.limit), at_once=_STARTS)

    def close(self) -> None:
        """Let go of everything."""
        self.client.close()
        self.starts.close()


@asynccontextmanager
async def join(params: HookParams) -> AsyncIterator[Hub]:
    """Be a member of the hub of a connection."""
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
    calls = conf.getfloat("omics", "calls_per_second", fallback=_CALLS_PER_SECOND)
    if calls <= 0:
        raise ValueError(f"[omics] calls_per_second must be above 0, not {calls:g}: mend Airflow's configuration")
    return _limits.setdefault(loop, Limits(SharedLimit(calls), SharedLimit(calls)))


def _config(*, read_timeout: int) -> dict[str, JsonValue]:
    # The hub itself repeats what failed, within its budget.
    retries: dict[str, JsonValue] = {"mode": "standard", "total_max_attempts": 1}
    return {"retries": retries, "connect_timeout": 10, "read_timeout": read_timeout}
