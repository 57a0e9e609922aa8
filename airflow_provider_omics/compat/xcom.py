# SPDX-License-Identifier: Apache-2.0
"""How XComs are written and read where ``ti.xcom_push`` and ``ti.xcom_pull`` do not do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_omics.compat.versions import AIRFLOW_2

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context


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
