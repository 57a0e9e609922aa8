# SPDX-License-Identifier: Apache-2.0
"""A task in its worker: state store, passes of a loop, arguments of a mapped task, and how the task was resumed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_omics.compat.versions import AIRFLOW_2

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import timedelta
    from typing import Any, Protocol

    from airflow.providers.common.compat.sdk import Context

    class StateStore(Protocol):
        """A task instance's store that is kept over tries, and over a clear, on Airflow 3.3 and newer."""

        def get(self, key: str) -> object:
            """Return the value of a key, None if there is none."""

        def set(self, key: str, value: object) -> None:
            """Keep a JSON value under a key."""


def state_store(context: Context) -> StateStore | None:
    """Return the task's state store, None below Airflow 3.3."""
    return context.get("task_state_store")  # type: ignore[return-value]  # unknown to older ones


def loop_pass(context: Context) -> dict[str, Any]:
    """
    Return the members of an intention that identify the pass of a task loop; none for a task outside loops.

    Airflow 3.4 and newer put ``loop`` into the context of a task if a task group around it is a loop. The region alone
    says nothing: a mapped task has one outside loops, too.
    """
    loop: Any = context.get("loop")
    if loop is None:
        return {}
    ti: Any = context["ti"]
    return {"region_id": str(ti.region_id), "region_index": ti.region_index, "loop_index": loop.index}


def resolved_when_unmapped(operator: Any, handed_on: Collection[str]) -> set[str]:  # noqa: ANN401 - of either line
    """
    Return the arguments of a mapped task that come from upstream, and that Airflow resolved before the constructor.

    Values that are written in the DAG, ``expand(name=["a", None])``, are not among them. Of ``expand_kwargs()`` Airflow
    keeps the arguments of each constructor: ``handed_on``, which a constructor passes to its base, look given and are
    left out.
    """
    dag = operator.get_dag()
    mapped = dag.task_dict.get(operator.task_id) if dag else None
    value = getattr(getattr(mapped, "expand_input", None), "value", None)
    if isinstance(value, dict):
        return {name for name, values in value.items() if hasattr(values, "resolve")}
    # expand_kwargs() takes one XComArg, or a list of dicts and XComArgs.
    whole = value if isinstance(value, list) else [value]
    if mapped is None or not any(hasattr(item, "resolve") for item in whole):
        return set()
    given = set(operator._BaseOperator__init_kwargs)  # noqa: SLF001 - nothing else tells
    return given - set(mapped.partial_kwargs) - set(handed_on)


def is_failed_deferral(next_method: str) -> bool:
    """Tell whether a task is resumed only to fail, because its trigger has failed or its deferral took too long."""
    return next_method == "__fail__"


def is_deferral_timeout(next_method: str, next_kwargs: dict[str, Any] | None) -> bool:
    """Tell whether a task is resumed because Airflow's own deadline for its deferral has passed."""
    return is_failed_deferral(next_method) and "timeout" in str((next_kwargs or {}).get("error", "")).lower()


def resumed_too_late(execution_timeout: timedelta | None) -> Context | None:
    """Return the context of a task that Airflow 2 ends because of its time-out, without resuming it; else None."""
    if not AIRFLOW_2 or not execution_timeout:
        return None
    from airflow.providers.common.compat.sdk import (  # noqa: PLC0415 - keep DAG parsing fast
        AirflowException,
        get_current_context,
    )

    try:
        context: Context = get_current_context()
    except AirflowException:
        return None
    begun = context["ti"].start_date
    return context if begun is not None and datetime.now(UTC) >= begun + execution_timeout else None


def first_poke(context: Context) -> float:
    """Return the time of a rescheduled sensor's first poke, in epoch seconds."""
    ti = context["ti"]
    # On Airflow 2 the start date is that of the first poke.
    first = ti.get_first_reschedule_date(context) if hasattr(ti, "get_first_reschedule_date") else ti.start_date
    return (first or datetime.now(UTC)).timestamp()
