# SPDX-License-Identifier: Apache-2.0
"""The trigger of a deferred task whose run is started in the triggerer."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_omics.cancellation.ask_airflow import ask_airflow
from airflow_provider_omics.cancellation.cancel_run import cancel_through
from airflow_provider_omics.compat import TaskKey, is_in_triggerer, push_from_trigger, push_link_from_trigger
from airflow_provider_omics.exceptions import OmicsError, StartRunRefusedError
from airflow_provider_omics.lifecycle.intention import Intention
from airflow_provider_omics.lifecycle.marker import read_marker, xcoms_deleted
from airflow_provider_omics.lifecycle.protocol import Succeed, Wait
from airflow_provider_omics.lifecycle.run_links import RUN_LINKS, run_links
from airflow_provider_omics.lifecycle.start_times import StartTimes
from airflow_provider_omics.polling.hub import join
from airflow_provider_omics.polling.pacing import back_off
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.triggers.run import CANCEL_SECONDS, OmicsRunTrigger

if TYPE_CHECKING:
    from airflow.triggers.base import TriggerEvent

    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.lifecycle.in_hub import HubDriver
    from airflow_provider_omics.polling.hub import Hub
    from airflow_provider_omics.records.documents import JsonValue

# How often to try to write XComs.
_MOST_FAULTS: Final = 6


class OmicsStartRunTrigger(OmicsRunTrigger):
    """
    Find or start the run of a task in the triggerer, and wait there until it has ended.

    :param request: the rendered StartRun request, without requestId, name and tags of the intention.
    :param intention: the intention, as a dict of JSON types.
    :param try_number: the task's try.
    :param retry: whether an earlier try may have started a run.
    :param record: the record of an earlier try in the task's state store, as a dict of JSON types.
    :param waits: whether the task waits for the run's end.
    :param airflow_tags: whether to tag the run with its intention.
    :param account: the account of the worker's connection, None if STS did not return it.
    :param region: the Region of the worker's connection.
    :param until: until when to try to start a run, in epoch seconds.
    :param submit_seconds: for how long to try again after the end of a run that was STOPPING when this try found it.
    :param others: the arguments of :class:`OmicsRunTrigger`.
    """

    def __init__(
        self,
        *,
        request: dict[str, JsonValue] | None = None,
        intention: dict[str, JsonValue] | None = None,
        try_number: int = 1,
        retry: bool = True,
        record: dict[str, JsonValue] | None = None,
        waits: bool = True,
        airflow_tags: bool = True,
        account: str | None = None,
        region: str | None = None,
        until: float = 0.0,
        submit_seconds: float = 0.0,
        **others: Any,  # noqa: ANN401 - of whatever release
    ) -> None:
        super().__init__(**others)
        self.request = request or {}
        self.intention = intention or {}
        self.try_number = try_number
        self.retry = retry
        self.record = record
        self.waits = waits
        self.airflow_tags = airflow_tags
        self.account = account
        self.region = region
        self.until = until
        self.submit_seconds = submit_seconds
        self._driver: HubDriver | None = None

    @classmethod
    def to_start(
        cls,
        request: dict[str, JsonValue],
        intention: Intention,
        try_number: int,
        hook_params: HookParams,
        **others: Any,  # noqa: ANN401 - those of the constructor
    ) -> OmicsStartRunTrigger:
        """Return the trigger that starts a run."""
        return cls(
            request=request,
            intention=intention.serialize(),
            try_number=try_number,
            hook_params=hook_params.serialize(),
            **others,
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keyword arguments, all JSON types."""
        path, arguments = super().serialize()
        mine = (
            *("request", "intention", "try_number", "retry", "record", "waits", "airflow_tags"),
            *("account", "region", "until", "submit_seconds"),
        )
        del arguments["run"]  # which is yet to be started
        return path, {**arguments, **{name: getattr(self, name) for name in mine}}

    def __repr__(self) -> str:
        """Return dag_id and task_id alone: Airflow logs this, and a request may have secrets."""
        return f"<{type(self).__name__} of {self.intention.get('dag_id')}.{self.intention.get('task_id')}>"

    async def wait(self) -> TriggerEvent:
        """Return the event: no run was started, or it ended, the deadline passed, or waiting failed."""
        try:
            async with join(self.params) as hub:
                event = await self._start(hub)
                return self._event(event or await self._until_end(hub, self._deferred_run))
        except Exception as error:  # noqa: BLE001 - the worker raises it: the trigger's log may get lost
            run, failure = (self._deferred_run, None) if self.run_args else (None, OmicsError.__name__)
            return self._event(RunEvent(run, error=f"{type(error).__name__}: {error}", failure=failure))

    async def _start(self, hub: Hub) -> RunEvent | None:
        """Find or start the run; return None to wait for it, or the event if there is nothing to wait for."""
        await hub.client.load(
            "airflow_provider_omics.lifecycle.in_hub", "airflow_provider_omics.lifecycle.run_submissions"
        )
        self._driver = driver = self._driver_in(hub)
        known = driver.submissions.known(self.record, retry=self.retry, waits=self.waits)
        try:
            verdict = await driver.carry_out(known)
        except TimeoutError:  # while it waited for a run that was STOPPING
            return await self._time_out(hub, self._last or Run("0"), known=self._seen)
        except OmicsError as error:
            await self._give_up(hub, driver, error)
            return RunEvent(None, error=str(error), failure=type(error).__name__)
        self.run_args = asdict(verdict.run)
        # Free the memory that only the start needs: thousands of triggers wait.
        self.request, self.record, self._driver = {}, None, None
        if isinstance(verdict, Wait):
            return None
        return RunEvent(verdict.run, started=True) if isinstance(verdict, Succeed) else self._ended(verdict.run)

    def _driver_in(self, hub: Hub) -> HubDriver:
        from airflow_provider_omics.lifecycle.claim import Claim, NoClaim  # noqa: PLC0415 - imported by now
        from airflow_provider_omics.lifecycle.in_hub import HubDriver  # noqa: PLC0415 - likewise
        from airflow_provider_omics.lifecycle.run_submissions import RunSubmissions  # noqa: PLC0415 - likewise
        from airflow_provider_omics.lifecycle.start_calls import Place  # noqa: PLC0415 - likewise

        intention = Intention.deserialize(self.intention)
        submissions = RunSubmissions(
            self.request, intention, try_number=self.try_number, airflow_tags=self.airflow_tags
        )
        return HubDriver(
            hub,
            submissions,
            (Claim if is_in_triggerer(self) else NoClaim)(self._task, intention.digest, self.try_number),
            Place(self.account, self.region),
            StartTimes(self.until, self.submit_seconds, self.deadline),
            show=self._show,
            say=self._say,
            wait=lambda run: self._follow(hub, run),
        )

    async def _show(self, run: Run) -> None:
        """Push the run's XComs and links; if Airflow does not take them here, the resumed worker pushes them."""
        for faults in range(1, _MOST_FAULTS + 1):
            try:
                await ask_airflow(_push, self._task, run)
            except Exception as error:  # noqa: BLE001 - any error: the run goes on
                self.log.warning("Airflow does not take the XComs of run %s: %s", run.id, error)
                if not is_in_triggerer(self):
                    break  # `dag.test()` cannot write XComs from a trigger on every Airflow.
                await asyncio.sleep(back_off(faults))
            else:
                self._shown = True
                return
        self._shown = False

    def _say(self, line: str) -> None:
        """Log a line here and, with the event, in the worker."""
        self.log.info("%s", line)
        self._note(line)

    async def _give_up(self, hub: Hub, driver: HubDriver, error: OmicsError) -> None:
        """At the deadline, cancel the run of a StartRun whose answer was lost."""
        may_exist = isinstance(error, StartRunRefusedError) and error.full is None
        if not (may_exist and self.cancel_on_kill and driver.times.ends_at_deadline):
            return
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                if not await self._may_cancel():
                    self._say("The deadline passed; nothing is cancelled, as a later try waits for the run")
                    return
                run = await driver.to_cancel(looks_back=self._looks_back)
                done = run if isinstance(run, str) else await cancel_through(hub, run, known=True)
                self._say(f"The deadline passed: {done}")
        except Exception as failure:  # noqa: BLE001 - the task fails with the first error
            self._say(f"The deadline passed, and {self.what()}, is not cancelled: {type(failure).__name__} {failure}")

    async def is_current_try(self) -> bool:
        """Ask Airflow whether the task is still in the try that deferred."""
        marker = await ask_airflow(read_marker, self._task)
        if marker is None:
            return await ask_airflow(xcoms_deleted, self._task)
        return marker.of_try(Intention.deserialize(self.intention).digest, self.try_number)

    async def is_awaited(self) -> bool:
        """Ask Airflow whether the deferred task waits for this trigger."""
        return await self.is_current_try()

    def what(self) -> str:
        """Return a name for messages of the run that this trigger starts or waits for."""
        if self.run_args:
            return super().what()
        return f"the run of intention {Intention.deserialize(self.intention).digest}, if there is one"

    def cancels(self, state: str | None, *, mine: bool) -> bool:
        """Leave the run of a task that does not wait and has succeeded, as another triggerer has told it by now."""
        return (self.waits or state != "success") and super().cancels(state, mine=mine)

    async def to_cancel(self, hub: Hub) -> tuple[Run, bool] | str:
        """Return the run, if it has been started."""
        if self.run_args:
            return await super().to_cancel(hub)
        driver = self._driver or self._driver_in(hub)
        driver.hub = hub  # Its own one may be closed.
        found = await driver.to_cancel(looks_back=self._looks_back)
        return found if isinstance(found, str) else (found, True)

    @property
    def _looks_back(self) -> bool:
        """Whether another try, or a task with the same ``request_id``, may have started a run."""
        return self.retry or "requestId" in self.request

    @property
    def _task(self) -> TaskKey:
        names = ("dag_id", "task_id", "run_id", "map_index")
        return TaskKey(**{name: self.intention[name] for name in names})  # type: ignore[arg-type]  # JSON


def _push(task: TaskKey, run: Run) -> None:
    """Push the run's XComs and links."""
    for key, value in run.shown().items():
        push_from_trigger(task, key, value)
    for link, page in run_links(RUN_LINKS, run):
        push_link_from_trigger(task, link, page)
