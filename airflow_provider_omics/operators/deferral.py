# SPDX-License-Identifier: Apache-2.0
"""How a task that starts a run is deferred: its trigger, and what the resumed task has to know."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_omics.core.protocol import Wait
from airflow_provider_omics.core.run import Run
from airflow_provider_omics.exceptions import StartRunRefusedError
from airflow_provider_omics.polling.pacing import Report
from airflow_provider_omics.triggers.run import OmicsRunTrigger
from airflow_provider_omics.triggers.turn import OmicsTurnTrigger

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.operators.attempt import Attempt
    from airflow_provider_omics.operators.start_run_task import StartRunTask
    from airflow_provider_omics.request.documents import JsonValue


class Deferral(TypedDict):
    """What Airflow's ``defer`` takes."""

    trigger: BaseTrigger
    method_name: str
    kwargs: dict[str, Any]


def until_end(
    operator: StartRunTask, context: Context, attempt: Attempt, waiting: Wait[Run], report: Report | None
) -> Deferral:
    """Return how to wait for the end of a run."""
    return {
        "trigger": OmicsRunTrigger.of(
            waiting.run,
            # The triggerer's environment may name another Region than the worker's.
            replace(operator.hook_params, region_name=operator.region_name or waiting.run.region),
            operator.poll_interval,
            deadline=attempt.deadline,
            cancel_on_kill=operator.cancel_on_kill,
            report=report,
        ),
        "method_name": "execute_complete",
        "kwargs": {"try_number": context["ti"].try_number, "judge": waiting.judge, "deadline": attempt.deadline},
    }


def for_turn(
    operator: StartRunTask,
    context: Context,
    attempt: Attempt,
    request: dict[str, JsonValue],
    until: float,
    *,
    refused: StartRunRefusedError,
    report: Report,
) -> Deferral:
    """Return how to wait for a turn to call StartRun."""
    return {
        "trigger": OmicsTurnTrigger.of(
            attempt.intention,
            {name: request[name] for name in ("name", "requestId") if name in request},
            replace(operator.hook_params, region_name=operator.region_name or attempt.region),
            until=until,
            airflow_tags=operator.airflow_tags,
            cancel_on_kill=operator.cancel_on_kill,
            waits=operator.wait_for_completion,
            report=report,
        ),
        "method_name": "execute_turn",
        "kwargs": {
            "try_number": context["ti"].try_number,
            "request": request,
            "began": attempt.began,
            "starting": attempt.service.starting if attempt.service else None,
            "first": attempt.service.is_first if attempt.service else False,
            "deadline": attempt.deadline,
            "until": until,
            "why": refused.why,
            "full": refused.full,
        },
    }


def check(
    operator: StartRunTask, context: Context, attempt: Attempt, request: dict[str, JsonValue], until: float
) -> None:
    """
    Store, as Airflow will, all that the task may be deferred with: after StartRun it would be too late to fail of it.

    :raises OmicsRequestError: if Airflow cannot store it.
    """
    report = Report()
    operator.check_deferral(**until_end(operator, context, attempt, Wait(Run("0"), judge=False), report))
    refused = StartRunRefusedError("")
    operator.check_deferral(**for_turn(operator, context, attempt, request, until, refused=refused, report=report))
