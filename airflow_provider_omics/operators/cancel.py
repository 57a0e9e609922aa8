# SPDX-License-Identifier: Apache-2.0
"""End runs and tidy up after them: for teardown tasks, and for what a machine's death left running."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.cancellation.cancel import cancel
from airflow_provider_omics.core.intention import tag_value
from airflow_provider_omics.core.run import Run
from airflow_provider_omics.exceptions import OmicsRequestError
from airflow_provider_omics.operators.base import OmicsOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_omics.compat import Context


class CancelOmicsRunOperator(OmicsOperator):
    """
    Cancel one run by its id, or, by their tags, all active runs that tasks of a Dag run have started.

    A run that has ended or does not exist is no error, and neither is an id that renders to nothing.

    :param run_id: run to cancel (templated).
    :param uuid: the run's uuid; a run of another uuid, which has taken over the id, is left alone (templated).
    :param airflow_run_id: without ``run_id``: Dag run whose runs to cancel; by default this one (templated).
    :param airflow_dag_id: its DAG; by default this task's (templated).
    :param airflow_task_ids: its tasks whose runs to cancel; by default all (templated).
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    """

    template_fields: Sequence[str] = (
        "run_id",
        "uuid",
        "airflow_run_id",
        "airflow_dag_id",
        "airflow_task_ids",
        *OmicsOperator.template_fields,
    )

    def __init__(
        self,
        *,
        run_id: str | None = None,
        uuid: str | None = None,
        airflow_run_id: str | None = None,
        airflow_dag_id: str | None = None,
        airflow_task_ids: Sequence[str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - whatever BaseOperator takes
    ) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id
        self.uuid = uuid
        self.airflow_run_id = airflow_run_id
        self.airflow_dag_id = airflow_dag_id
        self.airflow_task_ids = airflow_task_ids
        # What was written counts: an id that renders to nothing must not turn into "all of this Dag run".
        self.by_id = run_id is not None
        if self.by_id and (airflow_run_id or airflow_dag_id or airflow_task_ids):
            raise OmicsRequestError(
                f"{type(self).__name__} {self.task_id}: give run_id, or the tasks whose runs to cancel, not both"
            )

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Cancel, and return each run as it is then: STOPPING, or ended."""
        hook = self.hook()
        if self.by_id:
            run = run_of(self.run_id, self.uuid)
            runs = [run] if run else []
        else:
            ti = context["ti"]
            tags = {
                "airflow:dag_id": tag_value(self.airflow_dag_id or ti.dag_id),
                "airflow:run_id": tag_value(self.airflow_run_id or ti.run_id),
            }
            tasks = self.airflow_task_ids
            wanted = [tags | {"airflow:task_id": tag_value(task)} for task in tasks] if tasks else [tags]
            runs = [run for tags in wanted for run in hook.active_runs(tags)]
        if not runs:
            self.log.info("There is no run to cancel")
        cancelled = [hook.get_run(cancel(hook, run, known=False, until=time.monotonic() + 60).run) for run in runs]
        for run in cancelled:
            self.log.info("HealthOmics %s", run)
        return [run.xcom() for run in cancelled]


class DeleteOmicsRunOperator(OmicsOperator):
    """
    Delete HealthOmics' record of a run that has ended; its outputs in S3 and its logs stay.

    A run that does not exist is no error, and neither is an id that renders to nothing.

    :param run_id: run to delete (templated).
    :param uuid: the run's uuid; a run of another uuid, which has taken over the id, is left alone (templated).
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    :raises OmicsError: if the run has not ended.
    """

    template_fields: Sequence[str] = ("run_id", "uuid", *OmicsOperator.template_fields)

    def __init__(
        self,
        *,
        run_id: str,
        uuid: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - whatever BaseOperator takes
    ) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id
        self.uuid = uuid

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Delete the run."""
        run = run_of(self.run_id, self.uuid)
        if run is None:
            self.log.info("There is no run to delete")
            return
        self.hook().delete_run(run)
        self.log.info("Run %s is deleted", run.id)


def run_of(run_id: object, uuid: object) -> Run | None:
    """Return a run of which only the id is known; None for what an XCom that was never pushed renders to."""
    text = "" if run_id in (None, "None") else str(run_id).strip()
    if not text:
        return None
    if not text.isdecimal():
        raise OmicsRequestError(f"run_id must be digits, not {text!r}")
    return Run(text, "" if uuid in (None, "None") else str(uuid), "", "", "")
