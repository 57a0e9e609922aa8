# SPDX-License-Identifier: Apache-2.0
"""What a trigger does when it is cancelled: only a person's wish, or a time-out, reaches the run."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from abc import abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.cancellation.ask_airflow import state_of
from airflow_provider_omics.cancellation.cancel_run import cancel_through
from airflow_provider_omics.cancellation.decision import UNKNOWN, trigger_cancels
from airflow_provider_omics.polling.background import background
from airflow_provider_omics.polling.hub import join
from airflow_provider_omics.polling.noticed import until_noticed
from airflow_provider_omics.records.versioned import VERSION, UnreadableError, check, ignore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_omics.polling.hub import Hub
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.run import Run

# Airflow 3.3 calls on_kill; older ones only cancel the coroutine.
_HAS_ON_KILL = hasattr(BaseTrigger, "on_kill")
# How long Airflow waits for on_kill: at most the 30 seconds of `[triggerer] on_kill_timeout`.
_ON_KILL_SECONDS = 25.0
# How long a state is asked for that Airflow does not tell.
_ASK_SECONDS = 300.0
# The event loop keeps no strong reference to a task.
_endings: set[asyncio.Task[None]] = set()
log = logging.getLogger(__name__)


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
    async def is_awaited(self) -> bool:
        """Ask whether the task, which is deferred, waits for this trigger and not, after a clear, anew."""

    @abstractmethod
    def what(self) -> str:
        """Name what this trigger waits for, for people."""

    @abstractmethod
    async def to_cancel(self, hub: Hub) -> tuple[Run, bool] | str:
        """Return the run to cancel, and whether HealthOmics has lately shown it; or say why there is none."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event."""
        begun = asyncio.get_running_loop().time()
        try:
            event = await self._told()
            await until_noticed(self, begun)
        except asyncio.CancelledError:
            if not _HAS_ON_KILL:
                await self.on_kill()
            raise
        # Not above: an event loop that ends cancels, at this point, a trigger that has done its work.
        yield event

    async def _told(self) -> TriggerEvent:
        try:
            check(self.version)
            return await self.wait()
        except UnreadableError as error:
            self.log.warning("The worker is to look for the run anew: %s", error)
            return TriggerEvent({"version": VERSION})

    async def on_kill(self) -> None:
        """Cancel the run if somebody ended the task; a triggerer that only lost its trigger leaves it alone."""
        if not self.cancel_on_kill:
            return
        self.log.info("This trigger was cancelled: the triggerer's own log says whether its run is, too")
        ending = background(self._end(), asks=True)
        _endings.add(ending)
        ending.add_done_callback(_endings.discard)
        loop = asyncio.get_running_loop()
        until = loop.time() + _ON_KILL_SECONDS
        while not ending.done() and (left := until - loop.time()) > 0:
            # Airflow cancels a trigger that is going again every second; what goes on without it must not mind.
            with suppress(asyncio.CancelledError):
                await asyncio.wait({ending}, timeout=left)

    async def _end(self) -> None:
        """Cancel the run, however long it takes, and say in the triggerer's log what became of it."""
        task, meant = _name_of(self.task_instance), False
        try:
            async with join(self.params) as hub:
                state, mine = await self._told_standing()
                meant = trigger_cancels(state, mine=mine)
                if not meant:
                    log.info("The trigger of %s was cancelled while its task is %s: the run is left alone", task, state)
                    return
                found = await self.to_cancel(hub)
                if isinstance(found, str):
                    log.info("%s is %s: %s", task, state, found)
                    return
                run, known = found
                log.info("%s is %s: %s", task, state, await cancel_through(hub, run, known=known))
        except asyncio.CancelledError:
            why = "its run was cancelled" if meant else "Airflow said whether somebody ended it"
            log.error("This triggerer stops before %s: %s; %s", why, task, self._way_out)  # noqa: TRY400 - no traceback
            raise
        except Exception:
            log.exception("The run of %s is not cancelled: %s", task, self._way_out)

    @property
    def _way_out(self) -> str:
        return f"CancelOmicsRunOperator, or HealthOmics' console, ends {self.what()}"

    async def _told_standing(self) -> tuple[str | None, bool]:
        """Return the task's state as Airflow tells it, asked for again while it does not."""
        until = time.monotonic() + _ASK_SECONDS
        while True:
            try:
                return await self._standing()
            except Exception as error:  # noqa: BLE001 - whatever Airflow says, the run is safer alive
                if time.monotonic() >= until:
                    log.warning("Airflow does not say in which state a task is: %s", error)
                    return UNKNOWN, True
            await asyncio.sleep(1)

    async def _standing(self) -> tuple[str | None, bool]:
        """Return the task's state and, if it is deferred, whether it still waits for what this trigger waits for."""
        ti: Any = self.task_instance  # Airflow 2's row, or Airflow 3's description
        state = await state_of(ti)
        return state, state != "deferred" or await self.is_awaited()

    @property
    def params(self) -> HookParams:
        """The connection arguments as one."""
        return HookParams.deserialize(self.hook_params)


def with_shared_names(arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return arguments whose names all triggers have in common: from JSON, each of thousands has names of its own."""
    return {sys.intern(name): value for name, value in arguments.items()}


def _name_of(ti: Any) -> str:  # noqa: ANN401 - Airflow 2's row, or Airflow 3's description
    """Name a task instance, for people."""
    if ti is None:
        return "A task"
    mapped = f" [{ti.map_index}]" if ti.map_index is not None and ti.map_index >= 0 else ""
    return f"Task {ti.dag_id}.{ti.task_id}{mapped} of {ti.run_id}"
