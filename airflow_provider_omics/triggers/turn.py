# SPDX-License-Identifier: Apache-2.0
"""How a deferred task waits for its turn to call StartRun."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TriggerEvent

from airflow_provider_omics.cancellation.cancel import persistently
from airflow_provider_omics.cancellation.guarded_trigger import GuardedTrigger
from airflow_provider_omics.core.event import TurnEvent
from airflow_provider_omics.core.intention import Intention
from airflow_provider_omics.core.versions import read
from airflow_provider_omics.polling.hub import join
from airflow_provider_omics.polling.pacing import Report
from airflow_provider_omics.triggers.noticed import noticed_after, until_noticed

if TYPE_CHECKING:
    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.core.run import Run
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.polling.hub import Hub
    from airflow_provider_omics.request.documents import JsonValue


class OmicsTurnTrigger(GuardedTrigger):
    """
    Wait in the triggerer until the task may call StartRun, which HealthOmics has refused as too frequent.

    :param intention: whose run it is, as a dict of JSON types.
    :param identity: the caller's own name and requestId, if any, by which a run is found that was started nevertheless.
    :param airflow_tags: whether the run carries the tags that name its intention.
    :param hook_params: the connection arguments, as a dict of JSON types.
    :param until: until when to wait, in epoch seconds.
    :param since: since when to wait, in epoch seconds.
    :param cancel_on_kill: whether to cancel such a run when somebody ends the task.
    :param waits: whether the task then waits for its run, so that the run's trigger reports what came of the turn.
    :param report: what came of the task's last turn, or of asking without one, as a dict of JSON types.
    :param others: ``version`` of the arguments, and those of a newer release, which are ignored with a warning.
    """

    def __init__(
        self,
        *,
        intention: dict[str, JsonValue] | None = None,
        identity: dict[str, JsonValue] | None = None,
        hook_params: dict[str, JsonValue] | None = None,
        until: float = 0.0,
        since: float = 0.0,
        airflow_tags: bool = True,
        cancel_on_kill: bool = True,
        waits: bool = True,
        report: dict[str, JsonValue] | None = None,
        **others: Any,  # noqa: ANN401 - of whatever release
    ) -> None:
        super().__init__(hook_params=hook_params, cancel_on_kill=cancel_on_kill, **others)
        self.intention = intention or {}
        self.identity = identity or {}
        self.until = until
        self.since = since
        self.airflow_tags = airflow_tags
        self.waits = waits
        self.report = report

    @classmethod
    def of(
        cls,
        intention: Intention,
        identity: dict[str, JsonValue],
        hook_params: HookParams,
        *,
        until: float,
        airflow_tags: bool,
        cancel_on_kill: bool,
        waits: bool,
        report: Report,
    ) -> OmicsTurnTrigger:
        """Return the trigger that waits for a turn."""
        return cls(
            intention=intention.serialize(),
            identity=identity,
            hook_params=hook_params.serialize(),
            until=until,
            since=time.time(),
            airflow_tags=airflow_tags,
            cancel_on_kill=cancel_on_kill,
            waits=waits,
            report=asdict(report),
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keyword arguments, all JSON types."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "version": self.version,
                "intention": self.intention,
                "identity": self.identity,
                "hook_params": self.hook_params,
                "until": self.until,
                "since": self.since,
                "airflow_tags": self.airflow_tags,
                "cancel_on_kill": self.cancel_on_kill,
                "waits": self.waits,
                "report": self.report,
            },
        )

    async def wait(self) -> TriggerEvent:
        """Return the event: the turn has come, or the time is up."""
        begun = asyncio.get_running_loop().time()
        async with join(self.params) as hub:
            report = read(Report, self.report) if self.report else None
            if report:
                hub.starts.report(report)
            try:
                async with asyncio.timeout(max(0.0, self.until - time.time())):
                    # A full account is no reason to go first: it may be full for this task alone.
                    again = bool(report and report.key and not report.full)
                    # A turn is short: it must not pass before the task can be resumed.
                    await until_noticed(self, begun)
                    turn = await hub.starts.turn(first=again, told=self.waits)
            except TimeoutError:
                turn = None
        return TriggerEvent(TurnEvent(turn).serialize())

    def mark(self) -> tuple[str, str]:
        """Return the XCom that names the request."""
        return waiting_for_turn(Intention.deserialize(self.intention))

    def what(self) -> str:
        """Name the run that this trigger waits to start."""
        return f"the run of intention {self.mark()[1]}, if there is one"

    async def to_cancel(self, hub: Hub) -> tuple[Run, bool] | str:
        """Return a run of this intention, which a StartRun whose answer was lost may have started."""
        found = await persistently(hub, hub.calls, self._look_up, f"Whether {self.what()} has started is not known yet")
        return found if isinstance(found, str) else (found, True)

    def _look_up(self, hook: OmicsHook) -> Run | str:
        from airflow_provider_omics.aws.errors import is_denied  # noqa: PLC0415 - not for those who wait
        from airflow_provider_omics.hooks.run_service import RunService  # noqa: PLC0415 - likewise

        intention = Intention.deserialize(self.intention)
        service = RunService(hook, self.identity, intention, airflow_tags=self.airflow_tags)
        try:
            found = service.newest(hook)
        except Exception as error:
            if not is_denied(error):
                raise
            return f"whether it has started a run cannot be looked up: {error}"
        if found is None:
            return "it has started no run"
        if (found.run.creation_time or 0.0) > self.since + noticed_after():
            # Another triggerer took this task over and gave it its turn.
            return f"run {found.run.id} was started later and is left alone"
        return found.run


def waiting_for_turn(intention: Intention) -> tuple[str, str]:
    """Return the XCom by which a task says that it waits to start the run of an intention."""
    return "waiting_to_start", intention.digest
