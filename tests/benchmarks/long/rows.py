# SPDX-License-Identifier: Apache-2.0
"""Fill a home's database with deferred task instances, as workers would; run in that home, with triggers as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import timedelta

from airflow._shared.timezones.timezone import utcnow
from airflow.models.dagbundle import DagBundleModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.models.xcom import XComModel
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType

from airflow_provider_omics.lifecycle.intention import Intention
from airflow_provider_omics.lifecycle.marker import KEY, Marker


def main() -> None:
    triggers = json.load(sys.stdin)
    # A scheduler, if there is one, leaves alone what has waited.
    with DAG("waiting", schedule=None, is_paused_upon_creation=True) as dag:
        EmptyOperator(task_id="wait")
    lazy = LazyDeserializedDAG.from_dag(dag)
    now = utcnow()
    with create_session() as session:
        session.add(DagBundleModel(name="benchmark"))
        session.flush()
        SerializedDAG.bulk_write_to_db("benchmark", None, [lazy], session=session)
        SerializedDagModel.write_dag(lazy, "benchmark", session=session)
        session.flush()
        dag_run = SerializedDagModel.get("waiting", session=session).dag.create_dagrun(
            run_id="crowd",
            run_after=now,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            start_date=now,
            session=session,
        )
        (first,) = dag_run.get_task_instances(session=session)
        task = SerializedDagModel.get("waiting", session=session).dag.get_task("wait")
        version = first.dag_version_id
        session.delete(first)
        session.flush()
        for number, (classpath, kwargs) in enumerate(triggers):
            trigger = Trigger(classpath, kwargs, created_date=now + timedelta(milliseconds=number))
            ti = TaskInstance(task, version, "crowd", TaskInstanceState.DEFERRED, number)
            ti.state, ti.try_number, ti.start_date, ti.trigger = TaskInstanceState.DEFERRED, 1, now, trigger
            ti.next_method = "execute_complete"
            session.add(ti)
            if "intention" in kwargs:  # The worker has written its marker.
                session.flush()
                marker = Marker(Intention.deserialize(kwargs["intention"]).digest, ti.try_number)
                key = {"dag_id": "waiting", "task_id": "wait", "run_id": "crowd", "map_index": number}
                XComModel.set(KEY, asdict(marker), **key, serialize=False, session=session)
            if not number % 100:
                session.commit()  # SQLite has one writer at a time


if __name__ == "__main__":
    main()
