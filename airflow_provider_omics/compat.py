# SPDX-License-Identifier: Apache-2.0
"""Where Airflow's versions differ. Nothing else in the provider asks for a version."""

from __future__ import annotations

import copy
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow import __version__
from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink, Context, XCom, conf

from airflow_provider_omics.cancellation.decision import REMOVED

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:
    from airflow.exceptions import AirflowRescheduleException

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import timedelta
    from typing import Any, Protocol

    import jinja2
    from airflow.sdk.types import RuntimeTaskInstanceProtocol
    from airflow.triggers.base import BaseTrigger

    RunningTask = RuntimeTaskInstanceProtocol

    class StateStore(Protocol):
        """What of a task instance outlives its attempts, on Airflow 3.3 and newer; a clear does not empty it."""

        def get(self, key: str) -> object:
            """Return the value of a key, None if there is none."""

        def set(self, key: str, value: object) -> None:
            """Keep a JSON value under a key."""

    class TaskInstance(Protocol):
        """What names a task instance, in a worker and in a triggerer."""

        dag_id: str
        run_id: str
        task_id: str
        map_index: int | None
        try_number: int


__all__ = [
    "KILL_SECONDS",
    "AirflowRescheduleException",
    "BaseOperator",
    "BaseOperatorLink",
    "Context",
    "XCom",
    "check_storable",
    "conf",
    "event_trigger_classes",
    "is_current_try",
    "is_deferral_timeout",
    "is_in_triggerer",
    "is_triggerer_process",
    "loop_pass",
    "note_try",
    "push_link",
    "render_text",
    "resolved_when_unmapped",
    "resumed_too_late",
    "state_store",
    "task_states",
    "waits_for",
]


AIRFLOW_2 = __version__.startswith("2.")
# Seconds between SIGTERM and SIGKILL that a task may use: Airflow 2 has 60 by default, Airflow 3 has 5.
KILL_SECONDS = 30.0 if AIRFLOW_2 else 4.0
# The run ids and task ids of one question are a part of its URL; each may have 250 characters.
_IDS_AT_ONCE = 100
_TRY_KEY = "try_number"


def state_store(context: Context) -> StateStore | None:
    """Return the task's state store, None below Airflow 3.3."""
    return context.get("task_state_store")  # type: ignore[return-value]  # unknown to older ones


def loop_pass(context: Context) -> dict[str, Any]:
    """
    Return what tells the passes of a task in a task loop apart, in the words of an intention; nothing of other tasks.

    Airflow 3.4 and newer put ``loop`` into the context of a task if a task group around it is a loop. The region alone
    says nothing: a mapped task has one outside loops, too.
    """
    loop: Any = context.get("loop")
    if loop is None:
        return {}
    ti: Any = context["ti"]
    return {"region_id": str(ti.region_id), "region_index": ti.region_index, "loop_index": loop.index}


def task_states(tis: Sequence[TaskInstance]) -> list[str | None]:
    """
    Ask Airflow for the present states of task instances of one Dag, in few questions.

    The state of one that is no longer there is ``REMOVED``.
    """
    if AIRFLOW_2:
        return [_row_of(ti)[0] for ti in tis]
    states: dict[tuple[str, str, int], str | None] = {}
    rest = list(tis)
    while rest:
        rest = _ask_states(rest, states)
    return [states[_key(ti)] for ti in tis]


def _ask_states(tis: list[TaskInstance], states: dict[tuple[str, str, int], str | None]) -> list[TaskInstance]:
    """Ask one question; return the task instances that did not fit into it."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415 - needed in a running task only

    asked: list[TaskInstance] = []
    rest: list[TaskInstance] = []
    run_ids: dict[str, None] = {}
    task_ids: dict[str, None] = {}
    for ti in tis:
        # In the answer, which has every map index of a task, task `a` with map index 1 has the name of a task `a_1`.
        clash = ti.task_id not in task_ids and any(
            ti.task_id == _unmapped(other) or other == _unmapped(ti.task_id) for other in task_ids
        )
        fits = len({*run_ids, ti.run_id}) + len({*task_ids, ti.task_id}) <= _IDS_AT_ONCE
        if not clash and fits:
            run_ids[ti.run_id] = task_ids[ti.task_id] = None
            asked.append(ti)
        else:
            rest.append(ti)
    answer = RuntimeTaskInstance.get_task_states(dag_id=tis[0].dag_id, task_ids=sorted(task_ids), run_ids=list(run_ids))
    for ti in asked:
        run_id, task_id, map_index = _key(ti)
        state = answer.get(run_id, {}).get(_name(task_id, map_index), REMOVED)
        states[run_id, task_id, map_index] = state and str(state)
    return rest


def _key(ti: TaskInstance) -> tuple[str, str, int]:
    return ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index


def _name(task_id: str, map_index: int) -> str:
    return task_id if map_index < 0 else f"{task_id}_{map_index}"


def _unmapped(name: str) -> str | None:
    """Return the task whose mapped instance would have a task's name, None if there can be none."""
    task_id, _, map_index = name.rpartition("_")
    return task_id if map_index.isdecimal() else None


def is_current_try(ti: TaskInstance) -> bool:
    """Tell whether a task instance is still in the try that :func:`note_try` has noted, and not in a later one."""
    if AIRFLOW_2:
        return _row_of(ti)[1] == ti.try_number
    return waits_for(ti, _TRY_KEY, ti.try_number)


def note_try(ti: RunningTask) -> None:
    """Note which try this is, for :func:`is_current_try`: Airflow 3 tells no task which try it is in by now."""
    if not AIRFLOW_2:
        ti.xcom_push(key=_TRY_KEY, value=ti.try_number)


def waits_for(ti: TaskInstance, key: str, value: object) -> bool:
    """Tell whether a deferred task instance still waits for what an XCom of it names, and not, after a clear, anew."""
    if AIRFLOW_2:
        return _row_of(ti)[1] == ti.try_number
    from airflow.sdk.exceptions import AirflowRuntimeError  # noqa: PLC0415 - Airflow 2 has none

    of_task = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
    try:
        return bool(XCom.get_one(key=key, **of_task) == value)
    except AirflowRuntimeError as error:
        # In a loop 3.4 tells it the present try alone. It ends no trigger that another triggerer has taken over.
        if "A loop producer requires" not in str(error):
            raise
        return False


def _row_of(ti: TaskInstance) -> tuple[str | None, int]:
    """Return state and try number as Airflow 2's database has them."""
    from airflow.models.taskinstance import TaskInstance as Row  # noqa: PLC0415 - Airflow 3 lets no task import it
    from airflow.utils.session import create_session  # noqa: PLC0415 - likewise

    key = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
    with create_session() as session:
        row = session.query(Row.state, Row.try_number).filter_by(**key).one_or_none()
    return (row[0], row[1]) if row else (REMOVED, 0)


def check_storable(values: dict[str, Any]) -> None:
    """
    Store values as Airflow stores a trigger's arguments and a resumed task's, and read them again.

    Airflow 3 raises what its serialiser does not know when the task defers; 2.11 makes text of it.

    :raises TypeError: or ValueError, AttributeError, RecursionError, of Airflow's, if they do not come back the same.
    """
    kept: Any
    try:
        from airflow.sdk import serde as kept  # noqa: PLC0415 - new in 3.2
    except ImportError:
        from airflow.serialization.serialized_objects import BaseSerialization as kept  # noqa: PLC0415, N813 - before
    read = kept.deserialize(json.loads(json.dumps(kept.serialize(values), allow_nan=False)))
    if read != values:
        raise ValueError(f"it would come back as {read!r:.500}")


def resolved_when_unmapped(operator: Any, handed_on: Collection[str]) -> set[str]:  # noqa: ANN401 - of either line
    """
    Return the arguments of a mapped task that Airflow resolved before it made the operator: what its constructor sees.

    What is written in the DAG itself, ``expand(name=["a", None])``, is not among them. Of ``expand_kwargs()`` Airflow
    keeps what each constructor was called with: what one hands on to its base looks given, and is not told.
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


def is_deferral_timeout(next_method: str, next_kwargs: dict[str, Any] | None) -> bool:
    """Tell whether a task is resumed because Airflow's own deadline for its deferral has passed."""
    return next_method == "__fail__" and "timeout" in str((next_kwargs or {}).get("error", "")).lower()


def resumed_too_late(execution_timeout: timedelta | None) -> Context | None:
    """Return the context of a task that Airflow 2 ends, as its time is up, and does not resume; None of any other."""
    if not AIRFLOW_2 or execution_timeout is None:
        return None
    from airflow.providers.common.compat.sdk import (  # noqa: PLC0415 - a DAG file does not pay for it
        AirflowException,
        get_current_context,
    )

    try:
        context: Context = get_current_context()
    except AirflowException:
        return None
    begun = context["ti"].start_date
    return context if begun is not None and datetime.now(UTC) >= begun + execution_timeout else None


def is_triggerer_process() -> bool:
    """Tell whether this is a triggerer's process, of Airflow 3: what parses DAG files does not know its module."""
    return "airflow.jobs.triggerer_job_runner" in sys.modules


def is_in_triggerer(trigger: BaseTrigger) -> bool:
    """Tell whether a triggerer runs a trigger, which alone gives it an id, and not ``dag.test()``."""
    return getattr(trigger, "trigger_id", None) is not None


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


def push_link(context: Context, link: BaseOperatorLink, url: str) -> None:
    """
    Show an operator's link from now on.

    Airflow 3 reads a link from the table of XComs and writes it when the task leaves the worker, too late for one who
    waits in it; 2.11 asks the link whenever somebody looks. Neither asks a custom XCom backend for it.
    """
    if AIRFLOW_2:
        return
    from airflow.sdk.bases.xcom import BaseXCom  # noqa: PLC0415 - Airflow 2 lacks it

    ti = context["ti"]
    BaseXCom.set(
        key=link.xcom_key,
        value=url,
        dag_id=ti.dag_id,
        task_id=ti.task_id,
        run_id=ti.run_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
    )


def render_text(template: jinja2.Template, context: Context) -> str:
    """Render to text even in a native environment, which would turn version ``1.10`` into the number 1.1."""
    values = copy.copy(context)
    values.update((key, value) for key, value in template.globals.items() if key not in context)  # type: ignore[typeddict-item]
    environment = template.environment
    nodes = template.root_render_func(
        environment.context_class(environment, values, template.name, template.blocks)  # type: ignore[arg-type]
    )
    return "".join(str(node) for node in nodes)


def first_poke(context: Context) -> float:
    """Return when a sensor that is rescheduled looked first, in epoch seconds."""
    ti = context["ti"]
    # Airflow 2 keeps the start of the first one as that of all.
    first = ti.get_first_reschedule_date(context) if hasattr(ti, "get_first_reschedule_date") else ti.start_date
    return (first or datetime.now(UTC)).timestamp()
