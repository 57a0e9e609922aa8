# SPDX-License-Identifier: Apache-2.0
"""Differences between Airflow's versions, by topic. No other module checks Airflow's version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink, Context, XCom, conf

from airflow_provider_omics.compat.context import (
    first_poke,
    is_deferral_timeout,
    is_failed_deferral,
    loop_pass,
    resolved_when_unmapped,
    resumed_too_late,
    state_store,
)
from airflow_provider_omics.compat.rendering import check_storable, render_text
from airflow_provider_omics.compat.task_instance import TaskKey
from airflow_provider_omics.compat.task_states import is_current_try, note_try, task_states, waits_for
from airflow_provider_omics.compat.triggers import (
    asking_context,
    event_trigger_classes,
    is_in_triggerer,
    is_triggerer_process,
)
from airflow_provider_omics.compat.versions import AIRFLOW_2, KILL_SECONDS
from airflow_provider_omics.compat.xcom import (
    pull_in_trigger,
    push_from_trigger,
    push_link,
    push_link_from_trigger,
)

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:
    from airflow.exceptions import AirflowRescheduleException

if TYPE_CHECKING:
    from airflow_provider_omics.compat.context import StateStore as StateStore
    from airflow_provider_omics.compat.task_instance import RunningTask as RunningTask
    from airflow_provider_omics.compat.task_instance import TaskInstance as TaskInstance

__all__ = [
    "AIRFLOW_2",
    "KILL_SECONDS",
    "AirflowRescheduleException",
    "BaseOperator",
    "BaseOperatorLink",
    "Context",
    "TaskKey",
    "XCom",
    "asking_context",
    "check_storable",
    "conf",
    "event_trigger_classes",
    "first_poke",
    "is_current_try",
    "is_deferral_timeout",
    "is_failed_deferral",
    "is_in_triggerer",
    "is_triggerer_process",
    "loop_pass",
    "note_try",
    "pull_in_trigger",
    "push_from_trigger",
    "push_link",
    "push_link_from_trigger",
    "render_text",
    "resolved_when_unmapped",
    "resumed_too_late",
    "state_store",
    "task_states",
    "waits_for",
]
