# SPDX-License-Identifier: Apache-2.0
"""What a worker reads from Airflow before it cancels a run, and its pauses when it is about to be killed."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

from airflow_provider_omics.cancellation.decision import UNKNOWN, deadline_cancels
from airflow_provider_omics.compat import is_current_try, task_states

if TYPE_CHECKING:
    from airflow_provider_omics.compat import TaskInstance

log = logging.getLogger(__name__)


def state_of(ti: TaskInstance) -> str | None:
    """Return the task's present state, ``UNKNOWN`` if Airflow does not return it."""
    try:
        return task_states([ti])[0]
    except Exception as error:  # noqa: BLE001 - after any error of Airflow's the run is not cancelled
        log.warning("Airflow does not return the task's state: %s", error)
        return UNKNOWN


def may_cancel_late(ti: TaskInstance, state: str | None) -> bool:
    """
    Tell whether a try whose deadline has passed may cancel the run: not if a later try has begun.

    :param ti: the task instance.
    :param state: its present state.
    """
    try:
        current = is_current_try(ti)
    except Exception as error:  # noqa: BLE001 - then the deadline alone decides
        log.warning("Airflow does not return the task's try: %s", error)
        current = True
    return deadline_cancels(state, current=current)


def soon(faults: int) -> float:  # noqa: ARG001 - as every function that returns a pause
    """Return a short random pause, for a process that will be killed in a few seconds, perhaps with many others."""
    return random.uniform(0.2, 0.6)  # noqa: S311 - no secret
