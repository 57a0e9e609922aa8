# SPDX-License-Identifier: Apache-2.0
"""What a trigger does when it is cancelled: only a person's wish, or a time-out, reaches the run."""

from __future__ import annotations

import asyncio
import sys
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_provider_omics.cancellation.decision import UNKNOWN, trigger_cancels
from airflow_provider_omics.compat import task_state, waits_for
from airflow_provider_omics.core.hook_params import HookParams
from airflow_provider_omics.core.versions import VERSION, UnreadableError, check, ignore
from airflow_provider_omics.triggers.hub import join

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_omics.core.documents import JsonValue
    from airflow_provider_omics.core.run import Run
    from airflow_provider_omics.hooks.omics import OmicsHook

# Airflow 3.3 calls on_kill; older ones only cancel the coroutine.
_HAS_ON_KILL = hasattr(BaseTrigger, "on_kill")
_SETTLE_SECONDS = 25.0
_CANCEL_SECONDS = 10.0
# The event loop keeps no strong reference to a task.
_settling: set[asyncio.Task[None]] = set()


class GuardedTrigger(BaseTrigger):
    """
    A trigger that cancels its run when somebody ends the task, and leaves it alone when only a triggerer goes away.

    :param hook_params: the connection arguments, as a dict of JSON types.
    :param cancel_on_kill: whether to cancel the run when somebody ends the task.
    :param version: version of the arguments.
    :param unknown: arguments of a newer release.
    """

    def __init__(
        self,
        *,
        hook_params: dict[str, JsonValue] | None,
        cancel_on_kill: bool,
        version: str = VERSION,
        **unknown: object,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow left it untyped
        ignore(type(self).__name__, unknown)
        self.version = version
        self.hook_params = with_shared_names(hook_params or {})
        self.cancel_on_kill = cancel_on_kill

    @abstractmethod
    async def wait(self) -> TriggerEvent:
        """Return the one event of this trigger."""

    @abstractmethod
    def mark(self) -> tuple[str, str]:
        """Return the key and value of the XCom by which the task names what it waits for."""

    @abstractmethod
    def cancel_with(self, hook: OmicsHook) -> Run | str:
        """Cancel the run if there is one, in a thread, and return it, or say why there is none."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event."""
        try:
            check(self.version)
            event = await self.wait()
        except UnreadableError as error:
            self.log.warning("The worker is to look for the run anew: %s", error)
            event = TriggerEvent({"version": VERSION})
        except asyncio.CancelledError:
            if not _HAS_ON_KILL:
                await self.on_kill()
            raise
        # Not above: an event loop that ends cancels, at this point, a trigger that has done its work.
        yield event

    async def on_kill(self) -> None:
        """Cancel the run if somebody ended the task; a triggerer that only lost its trigger leaves it alone."""
        if not self.cancel_on_kill:
            return
        task = asyncio.create_task(self._settle(time.monotonic() + _SETTLE_SECONDS))
        _settling.add(task)
        task.add_done_callback(_settling.discard)
        while not task.done():
            try:
                # Airflow cancels a trigger that is going again every second; what goes on inside must not mind.
                await asyncio.shield(task)
            except asyncio.CancelledError:
                if task.cancelled():
                    raise

    async def _settle(self, until: float) -> None:
        while True:
            state, mine = await self._standing()
            if state != UNKNOWN or time.monotonic() >= until:
                break
            await asyncio.sleep(1)
        if not trigger_cancels(state, mine=mine):
            self.log.info("This trigger was cancelled while its task is %s: its run is left alone", state)
            return
        # Of many that are ended at once, the last one is told its state late; it has time to cancel, too.
        until = max(until, time.monotonic() + _CANCEL_SECONDS)
        async with join(self.params) as hub:
            while time.monotonic() < until:
                try:
                    async with asyncio.timeout(max(1.0, until - time.monotonic())):
                        self.log.info("The task is %s: %s", state, await hub.call(self.cancel_with))
                except Exception as error:
                    from airflow_provider_omics.aws.errors import is_transient  # noqa: PLC0415 - imported by now

                    if not is_transient(error):
                        raise
                    self.log.warning("The run is not cancelled yet: %s", error)
                    await asyncio.sleep(1)
                else:
                    return
        self.log.error("The run could not be cancelled in time: CancelOmicsRunOperator finds it")

    async def _standing(self) -> tuple[str | None, bool]:
        """Return the task's state and, if it is deferred, whether it still waits for what this trigger waits for."""
        ti: Any = self.task_instance  # Airflow 2's row, or Airflow 3's description
        try:
            state = await sync_to_async(task_state)(ti)
            mine = state != "deferred" or await sync_to_async(waits_for)(ti, *self.mark())
        except Exception as error:  # noqa: BLE001 - whatever Airflow says, the run is safer alive
            self.log.warning("Airflow does not say in which state the task is: %s", error)
            return UNKNOWN, True
        return state, mine

    @property
    def params(self) -> HookParams:
        """The connection arguments as one."""
        return HookParams.deserialize(self.hook_params)


def with_shared_names(arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return arguments whose names all triggers have in common: from JSON, each of thousands has names of its own."""
    return {sys.intern(name): value for name, value in arguments.items()}
