# SPDX-License-Identifier: Apache-2.0
"""Triggers: whether a triggerer runs them, their context, and the base classes of asset watchers."""

from __future__ import annotations

import contextvars
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from airflow.triggers.base import BaseTrigger


def is_triggerer_process() -> bool:
    """Tell whether this is a triggerer's process, of Airflow 3: others have not imported its module."""
    return "airflow.jobs.triggerer_job_runner" in sys.modules


def is_in_triggerer(trigger: BaseTrigger) -> bool:
    """Tell whether a triggerer runs a trigger, and not ``dag.test()``: only a triggerer gives it an id."""
    return getattr(trigger, "trigger_id", None) is not None


def asking_context() -> contextvars.Context:
    """Return a context that has only Airflow 3.4's variable for the calling trigger, which loops need."""
    context = contextvars.Context()
    for variable, value in contextvars.copy_context().items():
        if variable.name == "airflow_current_trigger_ti":
            context.run(variable.set, value)
    return context


def event_trigger_classes() -> tuple[type[Any], type[Any]]:
    """
    Return the base classes of an asset's trigger and of its shared producer, which is new in Airflow 3.3.

    Airflow 2 has neither: there it is an ordinary trigger, and no asset can be watched.
    """
    from airflow.triggers import base  # noqa: PLC0415 - a DAG file that watches no asset does not pay for it

    try:
        from airflow.triggers.shared_stream import SharedStreamProducer  # noqa: PLC0415 - new in 3.3
    except ImportError:
        return getattr(base, "BaseEventTrigger", base.BaseTrigger), object
    return base.BaseEventTrigger, SharedStreamProducer
