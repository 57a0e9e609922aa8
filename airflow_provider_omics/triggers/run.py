# SPDX-License-Identifier: Apache-2.0
"""How a deferred task waits for its run."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_provider_omics.compat import task_state, waits_for
from airflow_provider_omics.core.ending import UNKNOWN, trigger_cancels
from airflow_provider_omics.core.event import RunEvent
from airflow_provider_omics.core.hook_params import HookParams
from airflow_provider_omics.core.run import Run
from airflow_provider_omics.hooks.omics import OmicsHook, is_expired, is_transient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_omics.core.documents import JsonValue

# Airflow 3.3 calls on_kill; older ones only cancel the coroutine.
_HAS_ON_KILL = hasattr(BaseTrigger, "on_kill")
_SETTLE_SECONDS = 25.0
# The event loop keeps no strong reference to a task.
_settling: set[asyncio.Task[None]] = set()


class OmicsRunTrigger(BaseTrigger):
    """
    Wait in the triggerer until a run has ended.

    :param run: the run as StartRun answered it, as a dict of JSON types.
    :param hook_params: the connection arguments, as a dict of JSON types.
    :param poll_interval: seconds between two GetRun calls.
    :param deadline: until when to wait, in epoch seconds.
    :param cancel_on_kill: whether to cancel the run when somebody ends the task.
    """

    def __init__(
        self,
        *,
        run: dict[str, JsonValue],
        hook_params: dict[str, JsonValue],
        poll_interval: float,
        deadline: float | None = None,
        cancel_on_kill: bool = True,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow left it untyped
        self.run_args = run
        self.hook_params = hook_params
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.cancel_on_kill = cancel_on_kill

    @classmethod
    def of(
        cls,
        run: Run,
        hook_params: HookParams,
        poll_interval: float,
        *,
        deadline: float | None = None,
        cancel_on_kill: bool = True,
    ) -> OmicsRunTrigger:
        """Return the trigger that waits for a run."""
        return cls(
            run=asdict(run),
            hook_params=hook_params.serialize(),
            poll_interval=poll_interval,
            deadline=deadline,
            cancel_on_kill=cancel_on_kill,
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keyword arguments, all JSON types."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "run": self.run_args,
                "hook_params": self.hook_params,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "cancel_on_kill": self.cancel_on_kill,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the run has ended, its time is up, or it can no longer be waited for."""
        run = self._deferred_run
        try:
            async with _shared_hook(self._params):
                while not run.ended:
                    run = await self._look(run)
                    left = self.poll_interval if self.deadline is None else self.deadline - time.time()
                    if run.ended or left <= 0:
                        break
                    await asyncio.sleep(min(left, self.poll_interval))
        except asyncio.CancelledError:
            if not _HAS_ON_KILL:
                await self.on_kill()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator says it: trigger logs get lost
            yield TriggerEvent(RunEvent(run, error=f"{type(error).__name__}: {error}").serialize())
        else:
            yield TriggerEvent(RunEvent(run, timed_out=not run.ended).serialize())

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
        run = self._deferred_run
        while True:
            state, mine = await self._standing(run)
            if state != UNKNOWN or time.monotonic() >= until:
                break
            await asyncio.sleep(1)
        if not trigger_cancels(state, mine=mine):
            self.log.info("This trigger was cancelled while its task is %s: run %s goes on", state, run.id)
            return
        while time.monotonic() < until:
            try:
                hook = OmicsHook.from_params(self._params, {"connect_timeout": 3, "read_timeout": 5})
                await _connect(hook)
                self.log.info("The task is %s: %s", state, await asyncio.to_thread(hook.cancel_run, run))
            except Exception as error:
                if not is_transient(error):
                    raise
                self.log.warning("Run %s is not cancelled yet: %s", run.id, error)
                await asyncio.sleep(1)
            else:
                return
        self.log.error("Run %s could not be cancelled in time: CancelOmicsRunOperator finds it", run.id)

    async def _standing(self, run: Run) -> tuple[str | None, bool]:
        """Return the task's state and, if it is deferred, whether it still waits for this run."""
        ti: Any = self.task_instance  # Airflow 2's row, or Airflow 3's description
        try:
            state = await sync_to_async(task_state)(ti)
            mine = state != "deferred" or await sync_to_async(waits_for)(ti, run.uuid)
        except Exception as error:  # noqa: BLE001 - whatever Airflow says, the run is safer alive
            self.log.warning("Airflow does not say in which state the task is: %s", error)
            return UNKNOWN, True
        return state, mine

    async def _look(self, run: Run) -> Run:
        hook, _ = _hooks[self._params.key]
        try:
            now = await asyncio.to_thread(hook.get_run, run)
        except Exception as error:
            if not is_transient(error):
                raise
            self.log.warning("GetRun of run %s failed, asking again in %s s: %s", run.id, self.poll_interval, error)
            if is_expired(error):
                await _replace(hook, self._params)
            return run
        if now.status != run.status:
            self.log.info("HealthOmics %s", now)
        return now

    @property
    def _deferred_run(self) -> Run:
        return Run(**self.run_args)  # type: ignore[arg-type]  # serialised by `of`

    @property
    def _params(self) -> HookParams:
        return HookParams(**self.hook_params)  # type: ignore[arg-type]  # serialised by `of`


_hooks: dict[str, tuple[OmicsHook, int]] = {}


@asynccontextmanager
async def _shared_hook(params: HookParams) -> AsyncIterator[None]:
    """Share one boto3 client among the triggers of a connection, as long as one of them waits."""
    hook, users = _hooks.get(params.key) or (OmicsHook.from_params(params), 0)
    _hooks[params.key] = hook, users + 1
    try:
        await _connect(hook)
        yield
    finally:
        hook, users = _hooks.pop(params.key)
        if users > 1:
            _hooks[params.key] = hook, users - 1


async def _connect(hook: OmicsHook) -> None:
    # Only this side may ask Airflow for the connection; the thread that makes the client must not.
    await sync_to_async(lambda: hook.conn_config)()
    await asyncio.to_thread(lambda: hook.conn)


async def _replace(expired: OmicsHook, params: HookParams) -> None:
    """Give all who wait a client with new credentials, in place of one whose credentials have expired."""
    fresh = OmicsHook.from_params(params)
    await _connect(fresh)
    current, users = _hooks[params.key]
    if current is expired:
        _hooks[params.key] = fresh, users
