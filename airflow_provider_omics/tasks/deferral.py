# SPDX-License-Identifier: Apache-2.0
"""How a task that starts a run is deferred: its trigger, and what the resumed task has to know."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_omics.lifecycle.marker import KEY, Marker
from airflow_provider_omics.lifecycle.protocol import Wait
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.triggers.run import OmicsRunTrigger
from airflow_provider_omics.triggers.start_run import OmicsStartRunTrigger

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.request.documents import JsonValue
    from airflow_provider_omics.tasks.start_run_task import StartRunTask
    from airflow_provider_omics.tasks.worker_attempt import Attempt


class Deferral(TypedDict):
    """What Airflow's ``defer`` takes."""

    trigger: BaseTrigger
    method_name: str
    kwargs: dict[str, Any]


def to_start(
    operator: StartRunTask,
    context: Context,
    attempt: Attempt,
    request: dict[str, JsonValue],
    until: float,
    *,
    retry: bool,
) -> Deferral:
    """
    Return how to have the run found or started in the triggerer, and to wait for it.

    :raises OmicsRequestError: if Airflow cannot store it.
    """
    try_number = context["ti"].try_number
    # The triggerer's environment may name another Region than the worker's.
    hook = operator.hook()
    region = operator.region_name or hook.region
    trigger = OmicsStartRunTrigger.to_start(
        request,
        attempt.intention,
        try_number,
        replace(operator.hook_params, region_name=region),
        retry=retry,
        record=attempt.submissions(request).stored() if retry else None,
        waits=operator.wait_for_completion,
        airflow_tags=operator.airflow_tags,
        region=region,
        until=until,
        submit_seconds=operator.submit_timeout.total_seconds(),
        poll_interval=operator.poll_interval,
        deadline=attempt.deadline,
        cancel_on_kill=operator.cancel_on_kill,
    )
    kwargs = {"try_number": try_number, "dying": False, "deadline": attempt.deadline}
    deferral: Deferral = {"trigger": trigger, "method_name": "execute_complete", "kwargs": kwargs}
    operator.check_deferral(**deferral)
    # Nothing is asked of AWS before all that is asked for is known to be right.
    trigger.account = hook.account()
    return deferral


def first_marker(context: Context, attempt: Attempt) -> tuple[str, dict[str, Any]]:
    """Return the XCom by which the trigger knows that the task waits for it."""
    return KEY, asdict(Marker(attempt.intention.digest, context["ti"].try_number))


def until_end(operator: StartRunTask, context: Context, attempt: Attempt, waiting: Wait[Run]) -> Deferral:
    """Return how to wait for the end of a run that the worker has found or started."""
    return {
        "trigger": OmicsRunTrigger.of(
            waiting.run,
            # The triggerer's environment may name another Region than the worker's.
            replace(operator.hook_params, region_name=operator.region_name or waiting.run.region),
            operator.poll_interval,
            deadline=attempt.deadline,
            cancel_on_kill=operator.cancel_on_kill,
        ),
        "method_name": "execute_complete",
        "kwargs": {"try_number": context["ti"].try_number, "dying": waiting.dying, "deadline": attempt.deadline},
    }


def check(operator: StartRunTask, context: Context, attempt: Attempt) -> None:
    """
    Store, as Airflow will, what the task will be deferred with: after StartRun it would be too late to fail of it.

    :raises OmicsRequestError: if Airflow cannot store it.
    """
    operator.check_deferral(**until_end(operator, context, attempt, Wait(Run("0"))))
