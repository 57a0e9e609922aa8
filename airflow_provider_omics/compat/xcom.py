# SPDX-License-Identifier: Apache-2.0
"""Write and read XComs of a task where there is no ``ti.xcom_push``: in its trigger, and for links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import XCom

from airflow_provider_omics.compat.task_instance import TaskKey
from airflow_provider_omics.compat.versions import AIRFLOW_2

if TYPE_CHECKING:
    from typing import Any

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from airflow_provider_omics.records.documents import JsonValue


def push_from_trigger(task: TaskKey, key: str, value: JsonValue) -> None:
    """
    Write an XCom of the task that a trigger waits for, through a custom XCom backend if there is one.

    Called by ``ask_airflow``, in asgiref's thread, as it blocks. It takes about 20 ms on Airflow 3, which answers the
    calls of a triggerer one by one, and 3 ms on 2.11. On every Airflow but 3.4 a trigger of an earlier try can write,
    too.

    :raises AirflowRuntimeError: if Airflow 3 refuses it: 3.4 does if the task no longer waits for a trigger of this
        triggerer. ``dag.test()`` raises other errors, on 3.4 always in a task loop.
    """
    XCom.set(key=key, value=value, **task._asdict())


def pull_in_trigger(task: TaskKey, key: str, *, ended: str | None = None) -> Any:  # noqa: ANN401 - any JSON
    """
    Return an XCom of the task that a trigger waits for, None if there is none; called as :func:`push_from_trigger`.

    :param ended: what to return on Airflow 3.4 if the trigger's try has ended.
    """
    if AIRFLOW_2:
        return XCom.get_one(key=key, **task._asdict())
    from airflow.sdk.exceptions import AirflowRuntimeError  # noqa: PLC0415 - Airflow 2 has none

    try:
        return XCom.get_one(key=key, **task._asdict())
    except AirflowRuntimeError as error:
        if "not a live attempt" not in str(error):
            raise
        return ended


def push_link_from_trigger(task: TaskKey, link: BaseOperatorLink, url: str) -> None:
    """
    Show a link of the task from now on; called in a trigger like :func:`push_from_trigger`.

    Airflow 3 reads a link from the table of XComs, and writes it only when the task leaves the worker, too late for a
    task that waits; 2.11 computes it when a page is opened. Neither uses a custom XCom backend for it.
    """
    if AIRFLOW_2:
        return
    from airflow.sdk.bases.xcom import BaseXCom  # noqa: PLC0415 - Airflow 2 lacks it

    BaseXCom.set(key=link.xcom_key, value=url, **task._asdict())


def push_link(context: Context, link: BaseOperatorLink, url: str) -> None:
    """Show a link of the task that this worker executes, before the task ends."""
    push_link_from_trigger(TaskKey.of(context["ti"]), link, url)
