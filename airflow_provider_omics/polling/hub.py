# SPDX-License-Identifier: Apache-2.0
"""What the triggers of one connection share in a triggerer process: a client, its threads, a budget of calls."""

from __future__ import annotations

import asyncio
import gc
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from asgiref.sync import sync_to_async

from airflow_provider_omics.compat import conf
from airflow_provider_omics.polling.background import background
from airflow_provider_omics.polling.pacing import READ_ANEW, Reminder
from airflow_provider_omics.polling.poller import IN_FLIGHT, Polls
from airflow_provider_omics.polling.rate_limit import RateLimit, SharedLimit
from airflow_provider_omics.polling.starts import StartQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.polling.pacing import Budget

    T = TypeVar("T")

log = logging.getLogger(__name__)
_CALLS_PER_SECOND: Final = 8.0
# While each answer is a fault, the connection is read anew every so many seconds.
_ANEW_SECONDS: Final = 60.0

_hubs: dict[tuple[asyncio.AbstractEventLoop, str], Hub] = {}
# On which occasions the collector was told to look no more through what is there to stay.
_frozen: set[str] = set()
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
        self.starts = StartQueue()
        self.members = 0
        self._params = params
        self._threads = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="omics-hub")
        self._hook: OmicsHook | None = None
        self._connecting: asyncio.Task[OmicsHook] | None = None
        # How many calls in a row ended in a fault of who answers, and when such have the connection read anew.
        self._in_vain = 0
        self._anew = Reminder(_ANEW_SECONDS)

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

        A hook whose credentials no longer do is not used again, nor one whose calls get no answer.

        :param method: what to call.
        :param threads: other threads than the hub's few, for a call that takes its time.
        :param limit: the rate limit that slows down while there is no answer, by default that of all but CancelRun.
        """
        limit = limit or self.calls
        loop = asyncio.get_running_loop()
        begun, hook = loop.time(), self._hook
        try:
            hook = hook or await self._connected()
            answer = await loop.run_in_executor(threads or self._threads, method, hook)
        except Exception as error:
            self._note_fault(error, hook, begun, limit)
            raise
        self._in_vain = 0
        limit.answered()
        return answer

    def _note_fault(self, error: Exception, hook: OmicsHook | None, begun: float, limit: RateLimit) -> None:
        from airflow_provider_omics.aws import errors  # noqa: PLC0415 - in a thread by now

        anew = errors.takes_new_client(error)
        if anew or errors.is_unanswered(error):
            limit.unanswered(begun)
            anew = anew or limit.budget.faults >= READ_ANEW
        else:
            limit.answered()
            self._in_vain = self._in_vain + 1 if errors.is_transient(error) and not errors.is_throttled(error) else 0
            # A gateway answers for an endpoint that has moved; a fault of HealthOmics' own costs few clients.
            anew = self._in_vain >= READ_ANEW and self._anew.due(asyncio.get_running_loop().time())
        if anew and hook is not None and self._hook is hook:
            self._hook = self._connecting = None

    async def _connected(self) -> OmicsHook:
        """Return the one hook that all who ask for it meanwhile wait for; what is wrong with it is raised to each."""
        if self._connecting is None or (self._connecting.done() and self._hook is None):
            self._connecting = background(self._connect())
        self._hook = await asyncio.shield(self._connecting)
        return self._hook

    async def _connect(self) -> OmicsHook:
        loop = asyncio.get_running_loop()
        hook = await loop.run_in_executor(self._threads, _new_hook, self._params)
        # Only the event loop's side may ask Airflow for the connection; the client's thread must not.
        await sync_to_async(getattr)(hook, "conn_config")
        await loop.run_in_executor(self._threads, _make_client, hook)
        return hook

    def close(self) -> None:
        """Let go of everything; a question to Airflow is asked to its end: another one would get its answer."""
        if self._connecting is None or self._connecting.done():
            self._threads.shutdown(wait=False, cancel_futures=True)
        else:
            self._connecting.add_done_callback(self._close_late)

    def _close_late(self, connecting: asyncio.Task[OmicsHook]) -> None:
        if not connecting.cancelled() and (error := connecting.exception()):
            log.info("A connection was given up: %s", error)
        self._threads.shutdown(wait=False)


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


@contextmanager
def _no_collection(occasion: str) -> Iterator[None]:
    """
    Make many objects without a garbage collection, for which every thread, the event loop's too, would stand still.

    So many new objects bring on a collection of all that Airflow has in memory, a quarter of a second. Frozen, what is
    there to stay is not looked through again. Once for each occasion: what is frozen later might be garbage some day.
    """
    if not gc.isenabled() or occasion in _frozen:
        yield
        return
    _frozen.add(occasion)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _new_hook(params: HookParams) -> OmicsHook:
    # Imported in a thread: botocore takes longer than an event loop may be held up.
    with _no_collection("import"):
        from airflow_provider_omics.hooks.omics import OmicsHook  # noqa: PLC0415

    # The hub itself repeats what failed, within its budget.
    return OmicsHook.from_params(
        params, {"retries": {"mode": "standard", "total_max_attempts": 1}, "connect_timeout": 10, "read_timeout": 30}
    )


def _make_client(hook: OmicsHook) -> None:
    with _no_collection("client"):
        hook.lighten_pages()
