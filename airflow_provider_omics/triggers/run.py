# SPDX-License-Identifier: Apache-2.0
"""The trigger of a deferred task that waits for its run."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final

from airflow.triggers.base import TriggerEvent

from airflow_provider_omics.cancellation.ask_airflow import ask_airflow, state_of
from airflow_provider_omics.cancellation.cancel_run import cancel_through
from airflow_provider_omics.cancellation.cancelling_trigger import CancellingTrigger
from airflow_provider_omics.cancellation.decision import UNKNOWN, deadline_cancels, is_cancelled_at_deadline
from airflow_provider_omics.compat import TaskKey, is_current_try, waits_for
from airflow_provider_omics.lifecycle.marker import xcoms_deleted
from airflow_provider_omics.polling.hub import join
from airflow_provider_omics.polling.pacing import WARN_EVERY, Reminder
from airflow_provider_omics.records.documents import with_shared_names
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.records.text import one_line
from airflow_provider_omics.records.versioned import read
from airflow_provider_omics.results.progress import TaskCounts, UnknownStatus, has_tasks, heartbeat

if TYPE_CHECKING:
    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.polling.hub import Hub
    from airflow_provider_omics.polling.watch import Watch
    from airflow_provider_omics.records.documents import JsonValue

# Many deadlines may pass at once, and their calls share the rate limit. Airflow 2's own time-out may come first.
CANCEL_SECONDS: Final = 900.0
# Seconds in which HealthOmics cannot have reused the id of a new run.
_NEW: Final = 60.0
# With more waiting tasks, the rate limit is left to polls, and run tasks are not counted.
_COUNTING_MEMBERS: Final = 50
_COUNT_SECONDS: Final = 5.0


class OmicsRunTrigger(CancellingTrigger):
    """
    Wait in the triggerer until a run has ended.

    :param run: the run as StartRun answered it, as a dict of JSON types.
    :param hook_params: the connection arguments, as a dict of JSON types.
    :param poll_interval: seconds between two polls; None takes ``[omics] poll_interval``, and more for an older run.
    :param deadline: until when to wait, in epoch seconds.
    :param cancel_on_kill: whether to cancel the run when a person ends the task, or the deadline passes.
    :param others: ``version`` of the arguments, and those of a newer release, which are ignored with a warning.
    """

    def __init__(
        self,
        *,
        run: dict[str, JsonValue] | None = None,
        hook_params: dict[str, JsonValue] | None = None,
        poll_interval: float | None = None,
        deadline: float | None = None,
        cancel_on_kill: bool = True,
        **others: Any,  # noqa: ANN401 - of whatever release
    ) -> None:
        super().__init__(hook_params=hook_params, cancel_on_kill=cancel_on_kill, **others)
        self.run_args = with_shared_names(run or {})
        self.poll_interval = poll_interval
        self.deadline = deadline
        # Little memory, as thousands wait: status changes as one text, and only the last error and heartbeat line.
        self._changes = ""
        self._faults = 0
        self._fault = self._beat = ""
        self._may_count = True
        self._seen = False
        self._last: Run | None = None
        self._shown = True
        self._warning = Reminder(WARN_EVERY)
        self._unknown = UnknownStatus()

    @classmethod
    def of(
        cls,
        run: Run,
        hook_params: HookParams,
        poll_interval: float | None = None,
        *,
        deadline: float | None = None,
        cancel_on_kill: bool = True,
    ) -> OmicsRunTrigger:
        """Return the trigger that waits for a run."""
        return cls(
            run={name: value for name, value in asdict(run).items() if value is not None},
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
                "version": self.version,
                "run": self.run_args,
                "hook_params": self.hook_params,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "cancel_on_kill": self.cancel_on_kill,
            },
        )

    async def wait(self) -> TriggerEvent:
        """Return the event: the run has ended, the deadline has passed, or waiting has failed."""
        run = self._deferred_run
        try:
            async with join(self.params) as hub:
                return self._event(await self._until_end(hub, run))
        except Exception as error:  # noqa: BLE001 - the worker raises it: the trigger's log may get lost
            return self._event(RunEvent(run, error=f"{type(error).__name__}: {error}"))

    async def _until_end(self, hub: Hub, run: Run) -> RunEvent:
        """Return the event of a run that has ended, or whose deadline has passed."""
        try:
            return self._ended(await self._follow(hub, run))
        except TimeoutError:
            return await self._time_out(hub, self._last or run, known=self._seen)

    async def _follow(self, hub: Hub, run: Run) -> Run:
        """Return the run when it has ended; TimeoutError at the deadline."""
        with hub.poller.watching(run, self.poll_interval) as watch:
            try:
                while not run.ended:
                    before, run = run, await watch.next(self.deadline)
                    await self._report(before, watch, hub)
            finally:
                self._seen, self._last = watch.seen, run
        return run

    def _event(self, event: RunEvent) -> TriggerEvent:
        """Return the event with the lines that were logged, as the trigger's log may get lost."""
        said = self._changes.splitlines()
        if self._faults:
            said.append(f"{self._faults} polls failed, the last one: {self._fault}")
        if self._beat:
            said.append(self._beat)
        return TriggerEvent(replace(event, said=tuple(said), shown=self._shown).serialize())

    def _note(self, line: str) -> None:
        """Keep a line for the worker's log."""
        self._changes += f"{_now()} {one_line(line)}\n"

    async def _report(self, before: Run, watch: Watch, hub: Hub) -> None:
        run, fault, watch.fault = watch.run, watch.fault, None
        if run.status != before.status:
            self.log.info("HealthOmics %s", run)
            self._note(str(run))
        if warning := self._unknown.warning(run, time.time()):
            self.log.warning("%s", warning)
        if fault is not None:
            self.log.log(self._warning.level(time.time()), "A poll of run %s failed, trying again: %s", run.id, fault)
            self._faults += 1
            self._fault = f"{_now()} {one_line(str(fault))}"
        if fault is None and run.status == before.status:
            beat = heartbeat(run, time.time(), await self._count(run, hub))
            self.log.info("HealthOmics %s", beat)
            self._beat = f"{_now()} {beat}"

    async def _count(self, run: Run, hub: Hub) -> TaskCounts | None:
        """Return the run's tasks by status, within the rate limit; None where many tasks wait, whose polls need it."""
        if not self._may_count or not has_tasks(run) or hub.members > _COUNTING_MEMBERS:
            return None
        counts = TaskCounts()
        try:
            async with asyncio.timeout(_COUNT_SECONDS):
                for status in counts:
                    await hub.client.acquire()
                    statuses, more = await hub.client.call(methodcaller("task_page", run, status))
                    counts.add(status, statuses, more=more)
        except Exception as error:  # noqa: BLE001 - the line is logged without the tasks
            from airflow_provider_omics.aws.errors import is_transient  # noqa: PLC0415 - not at import

            hub.client.slowed_by(error)
            self._may_count = is_transient(error)
            if not self._may_count:
                self.log.warning("The tasks of run %s cannot be counted: %s", run.id, error)
            return None
        return counts

    def _ended(self, run: Run) -> RunEvent:
        """Return the event of a run that has ended, perhaps because this trigger, or one before it, cancelled it."""
        ours = self.cancel_on_kill and is_cancelled_at_deadline(run, self.deadline, time.time())
        return RunEvent(run, timed_out=ours, cancelled=ours)

    async def _time_out(self, hub: Hub, run: Run, *, known: bool) -> RunEvent:
        """Cancel the run here: a worker may start late or, on Airflow 2 after the time-out, not at all."""
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                if not self.cancel_on_kill:
                    what = f"GetRun of run {run.id} at the deadline failed"
                    run = await hub.repeat(methodcaller("get_run", run), what)
                elif not await self._may_cancel():
                    self.log.info("The deadline passed; run %s is not cancelled, as a later try waits for it", run.id)
                else:
                    done = await cancel_through(hub, run, known=known)
                    self.log.info("The deadline passed: %s", done)
                    if not done.run.ended:
                        return RunEvent(done.run, timed_out=True, cancelled=True)
                    run = done.run
        except Exception as error:  # noqa: BLE001 - the worker tries again, or raises it
            self.log.warning("The deadline passed, and run %s is not cancelled: %s", run.id, error)
        return self._ended(run) if run.ended else RunEvent(run, timed_out=True)

    async def _may_cancel(self) -> bool:
        """Ask Airflow whether the task still waits here: if this process was suspended, a later try may have begun."""
        ti: Any = self.task_instance
        try:
            state = await state_of(ti)
            current = state == "deferred" and await self.is_current_try()
        except Exception as error:  # noqa: BLE001 - then the deadline alone decides
            self.log.warning("Airflow does not return the task's state: %s", error)
            return deadline_cancels(UNKNOWN, current=True)
        return deadline_cancels(state, current=current)

    async def is_current_try(self) -> bool:
        """Ask Airflow whether the task is still in the try that deferred."""
        ti: Any = self.task_instance
        return await ask_airflow(is_current_try, ti)

    async def is_awaited(self) -> bool:
        """Ask Airflow whether the deferred task waits for this run."""
        ti: Any = self.task_instance
        if await ask_airflow(waits_for, ti, "uuid", self._deferred_run.uuid):
            return True
        return await ask_airflow(xcoms_deleted, TaskKey.of(ti))

    def what(self) -> str:
        """Return the run's name for messages."""
        return f"run {self.run_args.get('id')}"

    async def to_cancel(self, hub: Hub) -> tuple[Run, bool] | str:  # noqa: ARG002 - the run is known, no look-up
        """Return the run."""
        run = self._deferred_run
        return run, self._seen or time.time() - (run.creation_time or 0.0) < _NEW

    @property
    def _deferred_run(self) -> Run:
        return read(Run, self.run_args)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
