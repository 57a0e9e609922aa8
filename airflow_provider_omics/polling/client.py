# SPDX-License-Identifier: Apache-2.0
"""The shared client of one connection, with its own threads; it is replaced when its credentials are stale."""

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
    from airflow_provider_omics.polling.pacing import CallPace
    from airflow_provider_omics.polling.rate_limit import RateLimit
    from airflow_provider_omics.records.documents import JsonValue

    T = TypeVar("T")

log = logging.getLogger(__name__)
# While every call fails, the connection is read again every so many seconds.
_ANEW_SECONDS: Final = 60.0

# The occasions after which the present objects were frozen for the garbage collector.
_frozen: set[str] = set()


class Client:
    """
    A hook that many triggers share.

    :param params: the connection arguments.
    :param config: options of botocore's, which win over those of ``params``.
    :param limit: the rate limit that slows down while HealthOmics does not answer, unless a call names another one.
    :param threads: how many calls may be made at the same time.
    """

    def __init__(self, params: HookParams, config: Mapping[str, JsonValue], limit: RateLimit, *, threads: int) -> None:
        self.limit = limit
        self._params = params
        self._config = config
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="omics-hub")
        self._hook: OmicsHook | None = None
        self._connecting: asyncio.Task[OmicsHook] | None = None
        # How many calls in a row had a server error, and when the connection was last read again because of that.
        self._in_vain = 0
        self._anew = Reminder(_ANEW_SECONDS)

    @property
    def pace(self) -> CallPace:
        """The numbers of its rate limit."""
        return self.limit.pace

    async def acquire(self) -> None:
        """Wait until a call may be made, in the order of asking, and count it."""
        await self.limit.acquire()

    def slowed_by(self, error: Exception) -> bool:
        """Tell whether the call was throttled; if so, this connection slows down."""
        # Already imported, in a thread: on the event loop it would take a tenth of a second.
        from airflow_provider_omics.aws.errors import is_throttled  # noqa: PLC0415

        if throttled := is_throttled(error):
            self.pace.throttled(asyncio.get_running_loop().time())
        return throttled

    def should_retry(self, error: Exception, faults: int) -> bool:
        """
        Tell whether to repeat a call about a run or job that exists.

        :param faults: how many errors in a row the caller has had before.
        """
        from airflow_provider_omics.aws.errors import should_retry  # noqa: PLC0415 - already imported, in a thread

        return should_retry(error, faults)

    async def call(
        self,
        method: Callable[[OmicsHook], T],
        threads: ThreadPoolExecutor | None = None,
        *,
        limit: RateLimit | None = None,
    ) -> T:
        """
        Call a method of the hook in a thread.

        A hook whose credentials are stale, or whose calls are not answered, is replaced.

        :param method: what to call.
        :param threads: other threads, for a long call.
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
        """Import modules in a thread: botocore takes too long for the event loop."""
        await asyncio.get_running_loop().run_in_executor(self._threads, _load, modules)

    async def connect(self) -> None:
        """Make the hook and its client, if there is none yet, before a call whose time matters."""
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
            anew = anew or limit.pace.faults >= READ_ANEW
        else:
            limit.answered()
            self._in_vain = self._in_vain + 1 if errors.is_transient(error) and not errors.is_throttled(error) else 0
            # A gateway may answer 5xx for an endpoint that has moved, and the connection may have been edited. At most
            # one new client a minute, in case it is a server error of HealthOmics itself, or a lacking permission.
            old = self._in_vain >= READ_ANEW or errors.depends_on_connection(error)
            anew = old and self._anew.due(asyncio.get_running_loop().time())
        if anew and hook is not None and self._hook is hook:
            self._hook = self._connecting = None

    async def _connected(self) -> OmicsHook:
        """Return the hook; concurrent callers wait for the same one, and an error is raised to each."""
        if self._connecting is None or (self._connecting.done() and self._hook is None):
            self._connecting = background(self._connect())
        self._hook = await asyncio.shield(self._connecting)
        return self._hook

    async def _connect(self) -> OmicsHook:
        loop = asyncio.get_running_loop()
        hook = await loop.run_in_executor(self._threads, _new_hook, self._params, self._config)
        # The connection must be read through asgiref; in the client's thread a call to Airflow would hang.
        await sync_to_async(getattr)(hook, "conn_config")
        await loop.run_in_executor(self._threads, _make_client, hook)
        return hook

    def close(self) -> None:
        """Shut down the threads; a call to Airflow is completed, as another call would get its answer."""
        if self._connecting is None or self._connecting.done():
            self._threads.shutdown(wait=False, cancel_futures=True)
        else:
            self._connecting.add_done_callback(self._close_late)

    def _close_late(self, connecting: asyncio.Task[OmicsHook]) -> None:
        if not connecting.cancelled() and (error := connecting.exception()):
            log.info("A connection that is no longer needed could not be made: %s", error)
        self._threads.shutdown(wait=False)


@contextmanager
def _no_collection(occasion: str) -> Iterator[None]:
    """
    Make many objects without a garbage collection, which would stop every thread, also the event loop's.

    So many new objects trigger a collection of all objects of Airflow, which takes a quarter of a second. Frozen
    objects are not examined again. Only once for each occasion, as later objects may become garbage.
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
