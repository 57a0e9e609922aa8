# SPDX-License-Identifier: Apache-2.0
"""Runs of some tasks, to be cancelled or deleted."""

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.cancellation import find


@pytest.fixture
def started(start_run, context, ti, omics_local):
    """Start the runs of these tasks and return their XCom by task."""
    omics_local.clock.freeze()

    def start(*task_ids):
        by_task = {}
        for ti.task_id in task_ids:
            with pytest.raises(TaskDeferred):
                start_run(deferrable=True).execute(context)
            by_task[ti.task_id] = dict(ti.xcom)
        ti.task_id = "cancel"
        return by_task

    return start


def statuses(omics_local):
    return {run["tags"]["airflow:task_id"]: run["status"] for run in omics_local.runs()}


@pytest.fixture
def briefly(monkeypatch):
    """Look for a run that is not visible for some seconds."""
    monkeypatch.setattr(find, "VISIBLE_SECONDS", 5.0)
    monkeypatch.setattr(find, "_AGAIN", 0.1)
