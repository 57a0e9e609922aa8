# SPDX-License-Identifier: Apache-2.0
"""Cancel runs: in teardown tasks, and runs that a crashed worker or triggerer has left."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_omics.exceptions import OmicsError
from airflow_provider_omics.lifecycle.intention import tag_value
from airflow_provider_omics.tasks.base import OmicsOperator
from airflow_provider_omics.tasks.runs_to_end import NOT_GIVEN, NotGiven, is_nothing, pushed_runs, run_of, task_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_omics.cancellation.cancel_run import Cancellation
    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)
# Seconds to cancel all runs, and at least for each one.
_CANCEL_SECONDS = 60.0
_EACH_SECONDS = 10.0


class CancelOmicsRunOperator(OmicsOperator):
    """
    Cancel one run by its id, or, by their tags, all active runs that tasks of a Dag run have started.

    A run that has ended is no error. An argument that renders to nothing (None, "None", an empty text or list) cancels
    nothing: only an argument that is left out means "this DAG", "this Dag run" or "all tasks". If a run cannot be
    cancelled, the task cancels the others and then fails.

    :param run_id: run to cancel (templated); if it is not found within a minute, the task fails.
    :param uuid: the run's uuid, with ``run_id``; if the id now belongs to a run with another uuid, that one is not
        cancelled (templated).
    :param airflow_run_id: without ``run_id``: Dag run whose runs to cancel; by default this one (templated).
    :param airflow_dag_id: its DAG; by default this task's (templated).
    :param airflow_task_ids: its tasks whose runs to cancel, a list, JSON text of one, or one task id; by default all
        (templated). The task fails if this DAG does not have one of them, or if one of their runs is in another
        account or Region than the connection's.
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    :raises OmicsRequestError: if an argument breaks a rule; no retry.
    :raises OmicsError: if a run is not found, or could not be cancelled; a retry cancels the remaining ones.
    """

    template_fields: Sequence[str] = (
        "run_id",
        "uuid",
        "airflow_run_id",
        "airflow_dag_id",
        "airflow_task_ids",
        *OmicsOperator.template_fields,
    )
    _stays_text: ClassVar[Sequence[str]] = (
        "run_id",
        "uuid",
        "airflow_run_id",
        "airflow_dag_id",
        *OmicsOperator.template_fields,
    )

    _none_matters: ClassVar[Sequence[str]] = ("uuid", *OmicsOperator.template_fields)

    def __init__(
        self,
        *,
        run_id: str | NotGiven | None = NOT_GIVEN,
        uuid: str | NotGiven | None = NOT_GIVEN,
        airflow_run_id: str | NotGiven | None = NOT_GIVEN,
        airflow_dag_id: str | NotGiven | None = NOT_GIVEN,
        airflow_task_ids: Sequence[str] | str | NotGiven | None = NOT_GIVEN,
        **kwargs: Any,  # noqa: ANN401 - whatever BaseOperator takes
    ) -> None:
        super().__init__(**kwargs)
        whose = {
            "airflow_run_id": airflow_run_id,
            "airflow_dag_id": airflow_dag_id,
            "airflow_task_ids": airflow_task_ids,
        }
        # A mapped task's argument that renders to None was given all the same.
        self.given = frozenset(
            name for name, value in {"run_id": run_id, "uuid": uuid, **whose}.items() if not isinstance(value, NotGiven)
        )
        self.run_id = None if isinstance(run_id, NotGiven) else run_id
        self.uuid = None if isinstance(uuid, NotGiven) else uuid
        self.has_uuid = self.uuid is not None
        self.airflow_run_id = None if isinstance(airflow_run_id, NotGiven) else airflow_run_id
        self.airflow_dag_id = None if isinstance(airflow_dag_id, NotGiven) else airflow_dag_id
        self.airflow_task_ids = None if isinstance(airflow_task_ids, NotGiven) else airflow_task_ids
        if "run_id" in self.given and self.given & whose.keys():
            raise self._request_error("give run_id, or the tasks whose runs to cancel, not both")
        if "uuid" in self.given and "run_id" not in self.given:
            raise self._request_error("uuid needs run_id: HealthOmics finds no run by its uuid")

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Cancel the runs, and return each as it is then: STOPPING, or ended."""
        from airflow_provider_omics.cancellation.cancel_run import cancel  # noqa: PLC0415 - keep DAG parsing fast

        hook = self.hook()
        runs, problems = self._by_id(hook) if "run_id" in self.given else self._by_tags(hook, context)
        if not runs and not problems:
            self.log.info("There is no run to cancel")
        cancelled = []
        until = time.monotonic() + _CANCEL_SECONDS
        for run in runs:
            try:
                # Each run has at least ten seconds, however many there are.
                done = cancel(hook, run, known=True, until=max(until, time.monotonic() + _EACH_SECONDS))
                self.log.info("%s", done)
                cancelled.append(_as_it_is(hook, done))
            except Exception as error:  # noqa: BLE001 - the others are cancelled all the same
                self.log.warning("Run %s: %s", run.id, error)
                problems.append(f"run {run.id}: {error}")
        if problems:
            raise OmicsError(f"{len(cancelled)} of {len(runs)} runs are cancelled; {'; '.join(problems)}")
        return [run.xcom() for run in cancelled]

    def _by_id(self, hook: OmicsHook) -> tuple[list[Run], list[str]]:
        from airflow_provider_omics.cancellation.find import VISIBLE_SECONDS, by_id  # noqa: PLC0415 - likewise

        run = run_of(self.run_id, self.uuid, has_uuid=self.has_uuid or "uuid" in self._rendered_to_none())
        return ([by_id(hook, run, time.monotonic() + VISIBLE_SECONDS)] if run else []), []

    def _by_tags(self, hook: OmicsHook, context: Context) -> tuple[list[Run], list[str]]:
        from airflow_provider_omics.cancellation.find import by_tags  # noqa: PLC0415 - likewise

        ti = context["ti"]
        dag_id = self.airflow_dag_id if "airflow_dag_id" in self.given else ti.dag_id
        run_id = self.airflow_run_id if "airflow_run_id" in self.given else ti.run_id
        tasks = task_ids(self.airflow_task_ids) if "airflow_task_ids" in self.given else None
        for name, value in (("airflow_dag_id", dag_id), ("airflow_run_id", run_id)):
            if not isinstance(value, str) and not is_nothing(value):
                raise self._request_error(f"{name} must be a string, not {value!r:.80}")
        if is_nothing(dag_id) or is_nothing(run_id) or tasks == []:
            self.log.info("An argument rendered to nothing, so no run is cancelled")
            return [], []
        # A template may leave spaces around them, which Airflow's ids do not have.
        dag_id, run_id = str(dag_id).strip(), str(run_id).strip()
        of_run = {"airflow:dag_id": tag_value(dag_id), "airflow:run_id": tag_value(run_id)}
        of_tasks = None if tasks is None else {tag_value(task) for task in tasks}

        def wanted(tags: Mapping[str, str]) -> bool:
            return of_run.items() <= tags.items() and (of_tasks is None or tags.get("airflow:task_id") in of_tasks)

        here = (dag_id, run_id) == (ti.dag_id, ti.run_id)
        found = by_tags(hook, wanted, pushed_runs(context, tasks) if here else ())
        dag = context.get("dag") if here else None
        unknown = [task for task in tasks or () if dag and task not in dag.task_dict]
        found.problems += [f"DAG {dag_id} has no task {task!r}" for task in unknown]
        return list(found.runs.values()), found.problems


def _as_it_is(hook: OmicsHook, done: Cancellation) -> Run:
    """Return the present state of a cancelled run; STOPPING if GetRun fails."""
    if not done.accepted:
        return done.run
    try:
        return hook.get_run(done.run)
    except Exception as error:  # noqa: BLE001 - it is cancelled
        log.info("Run %s is cancelled, its present status is not known: %s", done.run.id, error)
        return replace(done.run, status="STOPPING")
