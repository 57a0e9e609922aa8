# SPDX-License-Identifier: Apache-2.0
"""A task whose trigger writes and reads its XComs."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_omics.cancellation.ask_airflow import ask_airflow
from airflow_provider_omics.compat import TaskKey, pull_in_trigger, push_from_trigger, push_link_from_trigger
from airflow_provider_omics.links.run import OmicsRunLink

PAGE = "https://example.com/runs/1234567"
RECORD = {"intention": "0f", "try_number": 1, "submission": None, "since": 1.5, "text": "größer"}


class PushingTrigger(BaseTrigger):
    def __init__(self, key):
        super().__init__()
        self.key = key

    def serialize(self):
        return f"{__name__}.PushingTrigger", {"key": self.key}

    async def run(self):
        task = TaskKey(*self.key)
        said = {"worker": await ask_airflow(pull_in_trigger, task, "from_worker")}
        said["absent"] = await ask_airflow(pull_in_trigger, task, "start_run")
        await ask_airflow(push_from_trigger, task, "start_run", {"map_index": task.map_index})
        await ask_airflow(push_from_trigger, task, "start_run", RECORD | {"map_index": task.map_index})
        said["present"] = await ask_airflow(pull_in_trigger, task, "start_run")
        await ask_airflow(push_link_from_trigger, task, OmicsRunLink(), PAGE)
        yield TriggerEvent(said)


class PushingOperator(BaseOperator):
    def __init__(self, *, number=0, **arguments):
        super().__init__(**arguments)
        self.number = number

    def execute(self, context):
        context["ti"].xcom_push(key="from_worker", value=[self.number, None])
        self.defer(trigger=PushingTrigger(list(TaskKey.of(context["ti"]))), method_name="resume")

    def resume(self, context, event):
        ti = context["ti"]
        pulled = ti.xcom_pull(task_ids=self.task_id, key="start_run", map_indexes=ti.map_index)
        return event | {"worker_again": pulled}
