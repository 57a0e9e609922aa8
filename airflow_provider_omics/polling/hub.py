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
    from collections.abc import AsyncIterator, Callable
    from concurrent.futures import ThreadPoolExecutor

    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.polling.pacing import Budget
    from airflow_provider_omics.request.documents import JsonValue

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
        self.calls = RateLimit(limits.calls)
        # HealthOmics counts CancelRun by itself: it neither waits for the looks at runs nor holds them up.
        self.cancels = RateLimit(limits.cancels)
        # SQS spends nothing of it, and only its own silence slows it down.
        self.events = RateLimit(limits.calls)
        self.polls = Polls(
            self,
            conf.getfloat("omics", "poll_interval", fallback=30.0),
            conf.getfloat("omics", "heartbeat_interval", fallback=300.0),
        )
        self.members = 0
        self._client = Client(params, _config(read_timeout=30), self.calls, threads=IN_FLIGHT)
        # StartRun has a client of its own: it waits neither for a thread nor for the answer to a look at a run.
        starts = Client(params, _config(read_timeout=10), RateLimit(limits.calls), threads=_STARTS)
        self.starts = StartQueue(starts, StartPace(1 / limits.calls.budget.limit), at_once=_STARTS)

    @property
    def budget(self) -> Budget:
        """The budget of all calls but CancelRun."""
        return self.calls.budget

    async def spend(self) -> None:
        """Wait until a call other than CancelRun may be made, in the order of asking, and count it."""
        await self.calls.spend()

    def slowed_by(self, error: Exception) -> bool:
        """Tell whether an error says that this connection asks too often; if so, it slows down."""
        # Imported by now, in a thread: on the event loop it would take a tenth of a second.
        from airflow_provider_omics.aws.errors import is_throttled  # noqa: PLC0415

        if throttled := is_throttled(error):
            self.budget.throttled(asyncio.get_running_loop().time())
        return throttled

    def bears(self, error: Exception, faults: int) -> bool:
        """
        Tell whether an error may pass, so that who waits for something that exists goes on.

        :param faults: how many that one has met in a row.
        """
        from airflow_provider_omics.aws.errors import may_pass  # noqa: PLC0415 - imported in a thread by now

        return may_pass(error, faults)

    async def call(
        self,
        method: Callable[[OmicsHook], T],
        threads: ThreadPoolExecutor | None = None,
        *,
        limit: RateLimit | None = None,
    ) -> T:
        """
        Call a method of the hook in a thread.

        :param method: what to call.
        :param threads: other threads than the hub's few, for a call that takes its time.
        :param limit: the rate limit that slows down while there is no answer, by default that of all but CancelRun.
        """
        return await self._client.call(method, threads, limit=limit)

    async def load(self, *modules: str) -> None:
        """Import modules that import botocore, in a thread."""
        await self._client.load(*modules)

    def close(self) -> None:
        """Let go of everything."""
        self._client.close()
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
