# SPDX-License-Identifier: Apache-2.0
"""
Cancel a run.

A run is cancelled when CancelRun was accepted, or when GetRun shows it STOPPING or ended. After a 409 or a 404 to
CancelRun, GetRun is called, and CancelRun again while the run is active. :func:`steps` yields the next call;
:func:`cancel` makes the calls in a worker, :func:`cancel_through` in a triggerer, within the hub's rate limits.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from airflow_provider_omics.exceptions import RunNotCancelledError
from airflow_provider_omics.polling.pacing import back_off

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.polling.hub import Hub
    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)
# Seconds before CancelRun is called again for a run that answered 409 or 404 and is active.
_AGAIN: Final = 1.0


@dataclass(frozen=True, slots=True)
class Cancellation:
    """
    The result of cancelling a run.

    :param run: the run as GetRun last showed it.
    :param accepted: whether CancelRun was accepted; if not, the run was STOPPING or had ended already.
    """

    run: Run
    accepted: bool = False

    def __str__(self) -> str:
        """Return the line for the log."""
        if self.accepted:
            return f"CancelRun of run {self.run.id} was accepted, its last known status is {self.run.status}"
        return f"HealthOmics {self.run}"


@dataclass(frozen=True, slots=True)
class Step:
    """
    One call about a run.

    :param run: the run.
    :param cancels: whether to call CancelRun, which returns whether it was accepted, or GetRun, which returns the run.
    :param pause: seconds to wait before it.
    """

    run: Run
    cancels: bool = False
    pause: float = 0.0

    def __call__(self, hook: OmicsHook) -> bool | Run:
        """Make the call."""
        return hook.request_cancel(self.run) if self.cancels else hook.get_run(self.run)


def steps(run: Run, *, known: bool) -> Generator[Step, bool | Run, Cancellation]:
    """
    Yield the next call, and return when the run is cancelled.

    :param run: the run.
    :param known: whether HealthOmics has recently shown the run with this id; otherwise GetRun comes first, as the ids
        of deleted runs are reused.
    """
    pause = 0.0
    if not known:
        run = cast("Run", (yield Step(run)))
    while not (run.ended or run.status == "STOPPING"):
        if (yield Step(run, cancels=True, pause=pause)) is True:
            return Cancellation(run, accepted=True)
        run, pause = cast("Run", (yield Step(run))), _AGAIN
    return Cancellation(run)


def cancel(
    hook: OmicsHook, run: Run, *, known: bool, until: float, pause: Callable[[int], float] = back_off
) -> Cancellation:
    """
    Cancel a run from a worker; transient errors are retried. At least one call is made, however late it is.

    :param hook: the hook of the connection.
    :param run: the run.
    :param known: whether HealthOmics has recently shown the run with this id.
    :param until: when to stop, by ``time.monotonic()``.
    :param pause: returns the seconds to wait after so many errors in a row.
    :raises RunNotCancelledError: if the run is not cancelled in time.
    """
    from airflow_provider_omics.aws.errors import should_retry, takes_new_client  # noqa: PLC0415 - not for DAG files

    asking = steps(run, known=known)
    answer: bool | Run | None = None
    while True:
        try:
            step = asking.send(answer)  # type: ignore[arg-type]  # None begins
        except StopIteration as done:
            return cast("Cancellation", done.value)
        # A step with a pause follows a 409 or a 404.
        wait, answer, why = step.pause, None, "CancelRun answers 409 or 404"
        for faults in itertools.count(1):
            if wait and time.monotonic() + wait >= until:
                raise RunNotCancelledError(step.run, why)
            time.sleep(wait)
            try:
                answer = step(hook)
                break
            except Exception as error:
                if not should_retry(error):
                    raise
                if takes_new_client(error):
                    hook.renew()
                wait, why = pause(faults), str(error)
                log.info("Run %s is not cancelled yet: %s", run.id, error)


async def cancel_through(hub: Hub, run: Run, *, known: bool) -> Cancellation:
    """
    Cancel a run from a triggerer, without a time limit: calls may be throttled, or not answered for long.

    :param hub: the hub of the run's connection.
    :param run: the run.
    :param known: whether HealthOmics has recently shown the run with this id.
    """
    asking = steps(run, known=known)
    answer: bool | Run | None = None
    while True:
        try:
            step = asking.send(answer)  # type: ignore[arg-type]  # None begins
        except StopIteration as done:
            return cast("Cancellation", done.value)
        await asyncio.sleep(step.pause)
        limit = hub.cancels if step.cancels else hub.client.limit
        answer = await hub.repeat(step, f"Run {run.id} is not cancelled yet", limit)
