# SPDX-License-Identifier: Apache-2.0
"""The deferral of a task that starts a run: its trigger, and the arguments of the resumed task."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_omics.lifecycle.marker import KEY, Marker
from airflow_provider_omics.triggers.run import OmicsRunTrigger
from airflow_provider_omics.triggers.start_run import OmicsStartRunTrigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.triggers.base import BaseTrigger

    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.lifecycle.protocol import Wait
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.run import Run
    from airflow_provider_omics.tasks.worker_attempt import WorkerAttempt


class Deferral(TypedDict):
    """The arguments of Airflow's ``defer``."""

    trigger: BaseTrigger
    method_name: str
    kwargs: dict[str, Any]


def to_start(
    attempt: WorkerAttempt,
    request: dict[str, JsonValue],
    params: HookParams,
    until: float,
    *,
    retry: bool,
    check: Callable[[Deferral], None],
    account: Callable[[], str | None],
) -> Deferral:
    """
    Return the deferral by which the triggerer finds or starts the run, and waits for it.

    :param request: the StartRun request, without requestId, name and tags of the intention.
    :param params: the connection arguments, with the Region of this worker.
    :param until: until when to try to start a run, in epoch seconds.
    :param retry: whether an earlier attempt may have started a run.
    :param check: raises if Airflow cannot store the deferral.
    :param account: asks AWS for the account.
    """
    options, try_number = attempt.options, attempt.context["ti"].try_number
    trigger = OmicsStartRunTrigger.to_start(
        request,
        attempt.intention,
        try_number,
        params,
        retry=retry,
        record=attempt.submissions(request).stored() if retry else None,
        waits=options.wait_for_completion,
        airflow_tags=options.airflow_tags,
        region=params.region_name,
        until=until,
        submit_seconds=options.submit_timeout.total_seconds(),
        poll_interval=options.poll_interval,
        deadline=attempt.deadline,
        cancel_on_kill=options.cancel_on_kill,
    )
    kwargs = {"try_number": try_number, "dying": False, "deadline": attempt.deadline}
    deferral: Deferral = {"trigger": trigger, "method_name": "execute_complete", "kwargs": kwargs}
    check(deferral)
    # Only after all checks: a wrong argument makes no call to AWS.
    trigger.account = account()
    return deferral


def first_marker(attempt: WorkerAttempt) -> tuple[str, dict[str, Any]]:
    """Return the marker, an XCom by which the trigger knows that the task waits for it."""
    return KEY, asdict(Marker(attempt.intention.digest, attempt.context["ti"].try_number))


def until_end(attempt: WorkerAttempt, params: HookParams, waiting: Wait[Run]) -> Deferral:
    """
    Return the deferral that waits for a run which the worker has found or started.

    :param params: the connection arguments.
    """
    options = attempt.options
    return {
        "trigger": OmicsRunTrigger.of(
            waiting.run,
            # The triggerer's environment may name another Region than the worker's.
            replace(params, region_name=params.region_name or waiting.run.region),
            options.poll_interval,
            deadline=attempt.deadline,
            cancel_on_kill=options.cancel_on_kill,
        ),
        "method_name": "execute_complete",
        "kwargs": {
            "try_number": attempt.context["ti"].try_number,
            "dying": waiting.dying,
            "deadline": attempt.deadline,
        },
    }
