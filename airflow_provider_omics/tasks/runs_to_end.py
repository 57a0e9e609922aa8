# SPDX-License-Identifier: Apache-2.0
"""Which runs an operator is to cancel or delete, as its arguments and the XComs of other tasks name them."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from airflow_provider_omics.exceptions import OmicsRequestError
from airflow_provider_omics.records.run import Run, is_id, uuid_of
from airflow_provider_omics.tasks.start_run_task import StartRunTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_omics.compat import Context

log = logging.getLogger(__name__)
# Airflow's rule for task ids.
_TASK_ID = re.compile(r"[\w.-]+")


class NotGiven:
    """Marks an argument that was left out, unlike one that renders to None."""


NOT_GIVEN = NotGiven()


def is_nothing(value: object) -> bool:
    """Whether an argument rendered to nothing, as an XCom that was never pushed does."""
    return value is None or (isinstance(value, str) and value.strip() in ("", "None"))


def task_ids(value: Sequence[str] | str | None) -> list[str]:
    """Return task ids from a list, JSON text of a list, or one id as text."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise OmicsRequestError(
                f"airflow_task_ids must be a list, JSON text of one, or a task id: {error}"
            ) from None
    if value is not None and (not isinstance(value, Iterable) or isinstance(value, Mapping | bytes)):
        raise OmicsRequestError(f"airflow_task_ids must be a list, JSON text of one, or a task id, not {value!r:.80}")
    ids = [value] if isinstance(value, str) or value is None else list(value)
    names = [str(task).strip() for task in ids if not is_nothing(task)]
    if strange := [name for name in names if not _TASK_ID.fullmatch(name)]:
        raise OmicsRequestError(
            f"airflow_task_ids must be a list, JSON text of one, or a task id; {strange[0]!r} is not a task id"
        )
    return names


def pushed_runs(context: Context, tasks: Sequence[str] | None) -> list[Run]:
    """Return the runs in the XComs of this Dag run's tasks, with those that are too new for ListRuns."""
    if tasks is None:
        dag = context.get("dag")
        tasks = [task.task_id for task in dag.tasks if _starts_runs(task)] if dag else []
    if not tasks:
        return []
    try:
        run_ids, arns = (context["ti"].xcom_pull(task_ids=list(tasks), key=key) or () for key in ("run_id", "arn"))
    except Exception as error:  # noqa: BLE001 - runs that HealthOmics lists are cancelled all the same
        log.warning("The XComs of the tasks cannot be read, so a run that is too new for ListRuns is missed: %s", error)
        return []
    by_id = {str(arn).rpartition("/")[2]: str(arn) for arn in arns}
    started = context["dag_run"].start_date
    return [
        Run(str(run_id), arn=by_id.get(str(run_id), ""), creation_time=started.timestamp() if started else None)
        for run_id in run_ids
        if not is_nothing(run_id)
    ]


def _starts_runs(task: object) -> bool:
    kind = getattr(task, "operator_class", type(task))
    return isinstance(kind, type) and issubclass(kind, StartRunTask)


def run_of(run_id: object, uuid: object, *, has_uuid: bool) -> Run | None:
    """
    Return a run by its id; None for an XCom that was never pushed.

    :param has_uuid: whether the uuid was given: if it renders to nothing, the id may belong to another run.
    """
    if is_nothing(run_id):
        return None
    text = str(run_id).strip()
    if not is_id(text):
        raise OmicsRequestError(f"run_id must be digits, not {text!r:.80}")
    if has_uuid and is_nothing(uuid):
        log.warning("uuid rendered to nothing, and id %s may belong to another run by now: nothing is done", text)
        return None
    return Run(text, "" if is_nothing(uuid) else uuid_of(uuid), "", "", "")
