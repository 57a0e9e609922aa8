# SPDX-License-Identifier: Apache-2.0
"""What a triggerer is to a trigger, and the bases of those that watch assets."""

from __future__ import annotations

import contextvars
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from airflow.triggers.base import BaseTrigger


def is_triggerer_process() -> bool:
    """Tell whether this is a triggerer's process, of Airflow 3: what parses DAG files does not know its module."""
    return "airflow.jobs.triggerer_job_runner" in sys.modules


def is_in_triggerer(trigger: BaseTrigger) -> bool:
    """Tell whether a triggerer runs a trigger, which alone gives it an id, and not ``dag.test()``."""
    return getattr(trigger, "trigger_id", None) is not None


def asking_context() -> contextvars.Context:
    """Return a context that has of the present one only by which trigger Airflow 3.4 is asked: for passes of a loop."""
    context = contextvars.Context()
    for variable, value in contextvars.copy_context().items():
        if variable.name == "airflow_current_trigger_ti":
            context.run(variable.set, value)
    return context


def event_trigger_classes() -> tuple[type[Any], type[Any]]:
    """
    Return the bases of an asset's trigger and of what reads its messages; older Airflows do not ask for the latter.

    Airflow 2 has neither: there the trigger is one like any other, and no asset can be watched.
    """
    from airflow.triggers import base  # noqa: PLC0415 - a DAG file that watches no asset does not pay for it

    try:
        from airflow.triggers.shared_stream import SharedStreamProducer  # noqa: PLC0415 - new in 3.3
    except ImportError:
        return getattr(base, "BaseEventTrigger", base.BaseTrigger), object
    return base.BaseEventTrigger, SharedStreamProducer
