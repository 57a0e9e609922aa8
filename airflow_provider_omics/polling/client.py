# SPDX-License-Identifier: Apache-2.0
"""A client of one connection, with threads of its own: made when it is first used, and anew when it no longer does."""

from __future__ import annotations

import asyncio
import gc
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeVar

from asgiref.sync import sync_to_async

from airflow_provider_omics.polling.background import background
from airflow_provider_omics.polling.pacing import READ_ANEW, Reminder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.polling.pacing import Budget
    from airflow_provider_omics.polling.rate_limit import RateLimit
    from airflow_provider_omics.records.documents import JsonValue

    T = TypeVar("T")

log = logging.getLogger(__name__)
# While each answer is a fault, the connection is read anew every so many seconds.
_ANEW_SECONDS: Final = 60.0

# On which occasions the collector was told to look no more through what is there to stay.
_frozen: set[str] = set()


class Client:
    """
    A hook that many triggers share.

    :param params: how to reach AWS.
    :param config: options of botocore's, which win over those of ``params``.
    :param limit: the rate limit that slows down while there is no answer, if a call does not name another.
    :param threads: how many calls are made at the same time.
    """

    def __init__(self, params: HookParams, config: Mapping[str, JsonValue], limit: RateLimit, *, threads: int) -> None:
        self.limit = limit
        self._params = params
        self._config = config
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="omics-hub")
        self._hook: OmicsHook | None = None
        self._connecting: asyncio.Task[OmicsHook] | None = None
        # How many calls in a row ended in a fault of who answers, and when such have the connection read anew.
        self._in_vain = 0
        self._anew = Reminder(_ANEW_SECONDS)

    @property
    def budget(self) -> Budget:
        """The budget of its rate limit."""
        return self.limit.budget

    async def spend(self) -> None:
        """Wait until a call may be made, in the order of asking, and count it."""
        await self.limit.spend()

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
        :param threads: other threads than these few, for a call that takes its time.
        :param limit: the rate limit that slows down while there is no answer, by default the client's.
        """
        limit = limit or self.limit
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

    async def load(self, *modules: str) -> None:
        """Import modules in a thread: botocore takes longer than an event loop may be held up."""
        await asyncio.get_running_loop().run_in_executor(self._threads, _load, modules)

    async def connect(self) -> None:
        """Make what a call needs, if it is not there, before the time of the call matters."""
        if self._hook is None:
            begun = asyncio.get_running_loop().time()
            try:
                await self._connected()
            except Exception as error:
                self._note_fault(error, None, begun, self.limit)
                raise

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
        hook = await loop.run_in_executor(self._threads, _new_hook, self._params, self._config)
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


def _load(modules: Iterable[str]) -> None:
    with _no_collection("import"):
        for module in modules:
            import_module(module)


def _new_hook(params: HookParams, config: Mapping[str, JsonValue]) -> OmicsHook:
    _load(["airflow_provider_omics.hooks.omics"])
    from airflow_provider_omics.hooks.omics import OmicsHook  # noqa: PLC0415 - imported in a thread

    return OmicsHook.from_params(params, config)


def _make_client(hook: OmicsHook) -> None:
    with _no_collection("client"):
        hook.lighten_pages()
