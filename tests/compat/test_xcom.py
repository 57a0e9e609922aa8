# SPDX-License-Identifier: Apache-2.0
"""A trigger writes and reads the XComs of its task."""

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_omics.links.run import OmicsRunLink
from airflow_provider_omics.testing.airflow_home import AIRFLOW_3
from tests.compat.pushing import PAGE, RECORD, PushingOperator


def said(number=0, map_index=-1):
    record = RECORD | {"map_index": map_index}
    return {"worker": [number, None], "absent": None, "present": record, "worker_again": record}


def test_a_task_has_what_its_trigger_pushed(run_dag):
    with DAG("pushing", schedule=None) as dag:
        PushingOperator(task_id="push")
    done = run_dag(dag)
    assert done.xcom("push") == said()
    assert done.xcom("push", key="start_run") == RECORD | {"map_index": -1}


def test_each_mapped_task_has_its_own(run_dag):
    with DAG("pushing_each", schedule=None) as dag:
        PushingOperator.partial(task_id="push").expand(number=[5, 6])
    done = run_dag(dag)
    assert [done.xcom("push", map_index=index) for index in (0, 1)] == [said(5, 0), said(6, 1)]


@pytest.mark.skipif(not AIRFLOW_3, reason="2.11 stores no links")
def test_a_link_is_shown_that_the_trigger_pushed(run_dag):
    with DAG("pushing_a_link", schedule=None) as dag:
        PushingOperator(task_id="push")
    assert run_dag(dag).xcom("push", key=OmicsRunLink().xcom_key) == PAGE
