# SPDX-License-Identifier: Apache-2.0
"""The trigger of a deferred task: wait for the end of a read set job."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.polling.airflow_cfg import poll_interval
from airflow_provider_omics.polling.hub import join
from airflow_provider_omics.polling.noticed import until_noticed
from airflow_provider_omics.polling.pacing import WARN_EVERY, Reminder, back_off, first_pause, interval, jittered
from airflow_provider_omics.records.documents import with_shared_names
from airflow_provider_omics.records.read_set_job import ReadSetJob
from airflow_provider_omics.records.run_event import ReadSetJobEvent
from airflow_provider_omics.records.versioned import VERSION, UnreadableError, check, ignore, read
from airflow_provider_omics.results.progress import UnknownStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.polling.hub import Hub
    from airflow_provider_omics.records.documents import JsonValue

# Seconds that the last poll may take after the deadline.
_LAST_POLL: Final = 60.0


class OmicsReadSetJobTrigger(BaseTrigger):
    """
    Wait in the triggerer until a read set job has ended; the job goes on when the task is ended.

    :param job: the job as Start answered it, as a dict of JSON types.
    :param hook_params: the connection arguments, as a dict of JSON types.
    :param poll_interval: seconds between two polls; None takes ``[omics] poll_interval``, and more for an older job.
    :param deadline: until when to wait, in epoch seconds.
    :param version: version of the arguments.
    :param unknown: arguments of a newer release, which are ignored with a warning.
    """

    def __init__(
        self,
        *,
        job: dict[str, JsonValue] | None = None,
        hook_params: dict[str, JsonValue] | None = None,
        poll_interval: float | None = None,
        deadline: float | None = None,
        version: str = VERSION,
        **unknown: object,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow left it untyped
        ignore(type(self).__name__, unknown)
        self.version = version
        self.job_args = with_shared_names(job or {})
        self.hook_params = with_shared_names(hook_params or {})
        self.poll_interval = poll_interval
        self.deadline = deadline
        self._warning = Reminder(WARN_EVERY)
        self._unknown = UnknownStatus()

    @classmethod
    def of(
        cls,
        job: ReadSetJob,
        hook_params: HookParams,
        poll_interval: float | None = None,
        *,
        deadline: float | None = None,
    ) -> OmicsReadSetJobTrigger:
        """Return the trigger that waits for a job."""
        return cls(
            job={**asdict(replace(job, sources=())), "sources": []},
            hook_params=hook_params.serialize(),
            poll_interval=poll_interval,
            deadline=deadline,
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keyword arguments, all JSON types."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "version": self.version,
                "job": self.job_args,
                "hook_params": self.hook_params,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the event: the job has ended, the deadline has passed, or waiting has failed."""
        begun = asyncio.get_running_loop().time()
        try:
            check(self.version)
            event = (await self._wait()).serialize()
        except UnreadableError as error:
            self.log.warning("The trigger's arguments cannot be read, the worker looks for the job again: %s", error)
            event = {"version": VERSION}
        await until_noticed(self, begun)
        yield TriggerEvent(event)

    async def _wait(self) -> ReadSetJobEvent:
        job = read(ReadSetJob, {**self.job_args, "sources": ()})
        shortest = poll_interval()
        pause, faults = first_pause(interval(_age(job), self.poll_interval, shortest)), 0
        try:
            async with join(HookParams.deserialize(self.hook_params)) as hub:
                while not job.ended:
                    left = None if self.deadline is None else self.deadline - time.time()
                    # One more poll at the deadline: the job may have ended since the last one.
                    await asyncio.sleep(pause if left is None else max(0.0, min(left, pause)))
                    before = job
                    # While HealthOmics does not answer, the rate limit may hold a poll back for hours.
                    with suppress(TimeoutError):
                        async with asyncio.timeout(None if left is None else max(0.0, left - pause) + _LAST_POLL):
                            job = await self._poll(hub, job, faults)
                    faults = faults + 1 if job is before else 0
                    if job.status != before.status:
                        self.log.info("HealthOmics %s", job)
                    if warning := self._unknown.warning(job, time.time()):
                        self.log.warning("%s", warning)
                    late = self.deadline is not None and time.time() >= self.deadline
                    if not job.ended and left is not None and (late or left <= pause):
                        return ReadSetJobEvent(job, timed_out=True)
                    usual = interval(_age(job), self.poll_interval, shortest)
                    pause = min(usual, back_off(faults)) if faults else jittered(usual)
        except Exception as error:  # noqa: BLE001 - the worker raises it: the trigger's log may get lost
            return ReadSetJobEvent(job, error=f"{type(error).__name__}: {error}")
        return ReadSetJobEvent(job)

    async def _poll(self, hub: Hub, job: ReadSetJob, faults: int) -> ReadSetJob:
        """Return the present job; after a transient error the same object."""
        await hub.client.acquire()
        try:
            now = await hub.client.call(lambda hook: _get(hook, job))
        except Exception as error:
            if not hub.client.should_retry(error, faults):
                raise
            if not hub.client.slowed_by(error):
                self.log.log(self._warning.level(time.time()), "A poll of %s failed, trying again: %s", job.name, error)
            return job
        hub.client.pace.succeeded()
        return now


def _get(hook: OmicsHook, job: ReadSetJob) -> ReadSetJob:
    from airflow_provider_omics.read_sets.job_calls import get_job  # noqa: PLC0415 - in a thread, as it imports botocore

    return replace(get_job(hook, job), sources=())


def _age(job: ReadSetJob) -> float:
    return max(0.0, time.time() - (job.creation_time or 0.0))
