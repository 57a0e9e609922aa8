# SPDX-License-Identifier: Apache-2.0
"""A trigger that is cancelled: it cancels its run only if a person or a time-out has ended the task."""

from __future__ import annotations

import asyncio
import logging
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
from airflow_provider_omics.records.documents import with_shared_names
from airflow_provider_omics.records.versioned import VERSION, UnreadableError, check, ignore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_omics.polling.hub import Hub
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.run import Run

# Airflow 3.3 calls on_kill; older ones only cancel the coroutine.
_HAS_ON_KILL = hasattr(BaseTrigger, "on_kill")
# Seconds that on_kill may take: less than the 30 seconds of `[triggerer] on_kill_timeout`.
_ON_KILL_SECONDS = 25.0
# Seconds in which the task's state is read again if Airflow does not answer.
_ASK_SECONDS = 300.0
# The event loop keeps no strong reference to a task.
_endings: set[asyncio.Task[None]] = set()
log = logging.getLogger(__name__)


class CancellingTrigger(BaseTrigger):
    """
    A trigger that cancels its run if a person ends the task, and does not if only its triggerer stops.

    :param hook_params: the connection arguments, as a dict of JSON types.
    :param cancel_on_kill: whether to cancel the run when a person ends the task.
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
        """Ask Airflow whether the deferred task waits for this trigger, and not, after a clear, for a newer one."""

    @abstractmethod
    def what(self) -> str:
        """Return a name for messages of what this trigger waits for."""

    @abstractmethod
    async def to_cancel(self, hub: Hub) -> tuple[Run, bool] | str:
        """Return the run to cancel, and whether HealthOmics has recently shown it; or a text why there is none."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event."""
        begun = asyncio.get_running_loop().time()
        try:
            event = await self._checked_event()
            await until_noticed(self, begun)
        except asyncio.CancelledError:
            if not _HAS_ON_KILL:
                await self.on_kill()
            raise
        # Outside the try: here a trigger whose event was taken may be cancelled, when the event loop ends.
        yield event

    async def _checked_event(self) -> TriggerEvent:
        try:
            check(self.version)
            return await self.wait()
        except UnreadableError as error:
            self.log.warning("The trigger's arguments cannot be read, the worker looks for the run again: %s", error)
            return TriggerEvent({"version": VERSION})

    async def on_kill(self) -> None:
        """Cancel the run if a person ended the task, not if the trigger only moves to another triggerer."""
        if not self.cancel_on_kill:
            return
        self.log.info("This trigger was cancelled: the triggerer's own log says whether its run is, too")
        ending = background(self._end(), asks=True)
        _endings.add(ending)
        ending.add_done_callback(_endings.discard)
        loop = asyncio.get_running_loop()
        until = loop.time() + _ON_KILL_SECONDS
        while not ending.done() and (left := until - loop.time()) > 0:
            # Airflow cancels a trigger that is still running again each second; the background task continues.
            with suppress(asyncio.CancelledError):
                await asyncio.wait({ending}, timeout=left)

    def cancels(self, state: str | None, *, mine: bool) -> bool:
        """Tell whether the run is to be cancelled, by the state of the task; parameters as of ``trigger_cancels``."""
        return trigger_cancels(state, mine=mine)

    async def _end(self) -> None:
        """Decide whether to cancel the run, cancel it without a time limit, and log the result."""
        task, meant = _name_of(self.task_instance), False
        try:
            async with join(self.params) as hub:
                state, mine = await self._state_or_unknown()
                meant = self.cancels(state, mine=mine)
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
            why = "its run was cancelled" if meant else "Airflow returned whether a person ended it"
            log.error("This triggerer stops before %s: %s; %s", why, task, self._advice)  # noqa: TRY400 - no traceback
            raise
        except Exception:
            log.exception("The run of %s is not cancelled: %s", task, self._advice)

    @property
    def _advice(self) -> str:
        return f"cancel {self.what()} by CancelOmicsRunOperator or in the HealthOmics console"

    async def _state_or_unknown(self) -> tuple[str | None, bool]:
        """Return the task's state and whether it waits for this trigger; repeat the call until Airflow answers."""
        until = time.monotonic() + _ASK_SECONDS
        while True:
            try:
                return await self._state()
            except Exception as error:  # noqa: BLE001 - after any error of Airflow's the run is not cancelled
                if time.monotonic() >= until:
                    log.warning(
                        "Airflow does not return a task's state; if a person ended it, %s: %s", self._advice, error
                    )
                    return UNKNOWN, True
            await asyncio.sleep(1)

    async def _state(self) -> tuple[str | None, bool]:
        """Return the task's state and, if it is deferred, whether it waits for this trigger."""
        ti: Any = self.task_instance  # Airflow 2's row, or Airflow 3's description
        state = await state_of(ti)
        return state, state != "deferred" or await self.is_awaited()

    @property
    def params(self) -> HookParams:
        """The connection arguments as one."""
        return HookParams.deserialize(self.hook_params)


def _name_of(ti: Any) -> str:  # noqa: ANN401 - Airflow 2's row, or Airflow 3's description
    """Return a name of a task instance for messages."""
    if ti is None:
        return "A task"
    mapped = f" [{ti.map_index}]" if ti.map_index is not None and ti.map_index >= 0 else ""
    return f"Task {ti.dag_id}.{ti.task_id}{mapped} of {ti.run_id}"
