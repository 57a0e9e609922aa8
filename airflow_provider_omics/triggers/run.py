# SPDX-License-Identifier: Apache-2.0
"""How a deferred task waits for its run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TriggerEvent

from airflow_provider_omics.core.event import RunEvent
from airflow_provider_omics.core.pacing import Report
from airflow_provider_omics.core.run import Run
from airflow_provider_omics.triggers.guarded import GuardedTrigger
from airflow_provider_omics.triggers.hub import join

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_omics.core.documents import JsonValue
    from airflow_provider_omics.core.hook_params import HookParams
    from airflow_provider_omics.hooks.omics import OmicsHook


class OmicsRunTrigger(GuardedTrigger):
    """
    Wait in the triggerer until a run has ended.

    :param run: the run as StartRun answered it, as a dict of JSON types.
    :param hook_params: the connection arguments, as a dict of JSON types.
    :param poll_interval: seconds between two looks at the run; None stretches ``[omics] poll_interval`` with its age.
    :param deadline: until when to wait, in epoch seconds.
    :param cancel_on_kill: whether to cancel the run when somebody ends the task.
    :param report: what came of the turn in which the run was started, as a dict of JSON types.
    """

    def __init__(
        self,
        *,
        run: dict[str, JsonValue],
        hook_params: dict[str, JsonValue],
        poll_interval: float | None = None,
        deadline: float | None = None,
        cancel_on_kill: bool = True,
        report: dict[str, JsonValue] | None = None,
    ) -> None:
        super().__init__(hook_params=hook_params, cancel_on_kill=cancel_on_kill)
        self.run_args = run
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.report = report

    @classmethod
    def of(
        cls,
        run: Run,
        hook_params: HookParams,
        poll_interval: float | None = None,
        *,
        deadline: float | None = None,
        cancel_on_kill: bool = True,
        report: Report | None = None,
    ) -> OmicsRunTrigger:
        """Return the trigger that waits for a run."""
        return cls(
            run=asdict(run),
            hook_params=hook_params.serialize(),
            poll_interval=poll_interval,
            deadline=deadline,
            cancel_on_kill=cancel_on_kill,
            report=asdict(report) if report else None,
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
                "report": self.report,
            },
        )

    async def wait(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the run has ended, its time is up, or it can no longer be waited for."""
        run = self._deferred_run
        try:
            async with join(self.params) as hub:
                if self.report:
                    hub.starts.report(Report(**self.report))  # type: ignore[arg-type]  # serialised by `of`
                with hub.polls.watching(run, self.poll_interval) as watch:
                    while not run.ended:
                        before, run = run, await watch.next(self.deadline)
                        if run.status != before.status:
                            self.log.info("HealthOmics %s", run)
                        if watch.fault is not None:
                            self.log.warning("GetRun of run %s failed, asking again: %s", run.id, watch.fault)
                            watch.fault = None
        except TimeoutError:
            yield TriggerEvent(RunEvent(run, timed_out=True).serialize())
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator says it: trigger logs get lost
            yield TriggerEvent(RunEvent(run, error=f"{type(error).__name__}: {error}").serialize())
        else:
            yield TriggerEvent(RunEvent(run).serialize())

    def mark(self) -> tuple[str, str]:
        """Return the XCom that names the run."""
        return "uuid", self._deferred_run.uuid

    def cancel_with(self, hook: OmicsHook) -> Run:
        """Cancel the run."""
        return hook.cancel_run(self._deferred_run)

    @property
    def _deferred_run(self) -> Run:
        return Run(**self.run_args)  # type: ignore[arg-type]  # serialised by `of`
