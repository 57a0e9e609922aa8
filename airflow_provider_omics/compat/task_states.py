# SPDX-License-Identifier: Apache-2.0
"""The present state of a task instance in Airflow: its state, its try, and what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_omics.compat.task_instance import TaskKey
from airflow_provider_omics.compat.versions import AIRFLOW_2
from airflow_provider_omics.compat.xcom import pull_in_trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_omics.compat.task_instance import Named, RunningTask, TaskInstance

# The run ids and task ids of one call are in its URL; each may have 250 characters.
_IDS_AT_ONCE = 100
_TRY_KEY = "try_number"
# Airflow's state of a task instance that its Dag no longer has.
_REMOVED = "removed"


def task_states(tis: Sequence[Named]) -> list[str | None]:
    """
    Return the present states of task instances of one Dag, by few calls of Airflow.

    The state of one that no longer exists is "removed".
    """
    if AIRFLOW_2:
        return [_row_of(ti)[0] for ti in tis]
    states: dict[tuple[str, str, int], str | None] = {}
    rest = list(tis)
    while rest:
        rest = _ask_states(rest, states)
    return [states[_key(ti)] for ti in tis]


def _ask_states(tis: list[Named], states: dict[tuple[str, str, int], str | None]) -> list[Named]:
    """Make one call; return the task instances that did not fit into it."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415 - needed in a running task only

    asked: list[Named] = []
    rest: list[Named] = []
    run_ids: dict[str, None] = {}
    task_ids: dict[str, None] = {}
    for ti in tis:
        # In the answer, task `a` with map index 1 has the same name as a task `a_1`: not both in one call.
        clash = ti.task_id not in task_ids and any(
            ti.task_id == _unmapped(other) or other == _unmapped(ti.task_id) for other in task_ids
        )
        fits = len({*run_ids, ti.run_id}) + len({*task_ids, ti.task_id}) <= _IDS_AT_ONCE
        if not clash and fits:
            run_ids[ti.run_id] = task_ids[ti.task_id] = None
            asked.append(ti)
        else:
            rest.append(ti)
    # Without the map index Airflow reads all instances of a mapped task, for each of a cohort's tasks.
    indexes = {map_index for _, _, map_index in map(_key, asked)}
    answer = RuntimeTaskInstance.get_task_states(
        dag_id=tis[0].dag_id,
        map_index=indexes.pop() if len(indexes) == 1 else None,
        task_ids=sorted(task_ids),
        run_ids=list(run_ids),
    )
    for ti in asked:
        run_id, task_id, map_index = _key(ti)
        state = answer.get(run_id, {}).get(_name(task_id, map_index), _REMOVED)
        states[run_id, task_id, map_index] = state and str(state)
    return rest


def _key(ti: Named) -> tuple[str, str, int]:
    return ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index


def _name(task_id: str, map_index: int) -> str:
    return task_id if map_index < 0 else f"{task_id}_{map_index}"


def _unmapped(name: str) -> str | None:
    """Return the task id whose mapped instance would have this name, None if there is none."""
    task_id, _, map_index = name.rpartition("_")
    return task_id if map_index.isdecimal() else None


def is_current_try(ti: TaskInstance) -> bool:
    """Tell whether a task instance is still in the try that :func:`note_try` has noted."""
    if AIRFLOW_2:
        return _row_of(ti)[1] == ti.try_number
    return waits_for(ti, _TRY_KEY, ti.try_number)


def note_try(ti: RunningTask) -> None:
    """Push the try as an XCom, for :func:`is_current_try`: Airflow 3 does not return a task's present try."""
    if not AIRFLOW_2:
        ti.xcom_push(key=_TRY_KEY, value=ti.try_number)


def waits_for(ti: TaskInstance, key: str, value: object) -> bool:
    """Tell whether a deferred task instance has this XCom, and so is still in the same try."""
    if AIRFLOW_2:
        return _row_of(ti)[1] == ti.try_number
    from airflow.sdk.exceptions import AirflowRuntimeError  # noqa: PLC0415 - Airflow 2 has none

    try:
        return bool(pull_in_trigger(TaskKey.of(ti), key) == value)
    except AirflowRuntimeError as error:
        # For a task in a loop, 3.4 answers only calls on behalf of a live trigger.
        if "A loop producer requires" not in str(error):
            raise
        return False


def _row_of(ti: Named) -> tuple[str | None, int]:
    """Return state and try number as Airflow 2's database has them."""
    from airflow.models.taskinstance import TaskInstance as Row  # noqa: PLC0415 - Airflow 3 lets no task import it
    from airflow.utils.session import create_session  # noqa: PLC0415 - likewise

    key = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
    with create_session() as session:
        row = session.query(Row.state, Row.try_number).filter_by(**key).one_or_none()
    return (row[0], row[1]) if row else (_REMOVED, 0)
