# SPDX-License-Identifier: Apache-2.0
"""The end of a run in the task: the log line, XComs, outlets and lineage, or the error."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_omics.exceptions import RequestIdSpentError, RunCancelledError, RunDeletedError
from airflow_provider_omics.lifecycle.run_links import RUN_LINKS, run_links
from airflow_provider_omics.tasks.start_run_fields import StartRunFields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_omics.compat import Context, RunningTask
    from airflow_provider_omics.exceptions import RunFailedError
    from airflow_provider_omics.links.run import RunLink
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.run import Run
    from airflow_provider_omics.results.lineage import Lineage
    from airflow_provider_omics.tasks.worker_attempt import WorkerAttempt

_ENDINGS = {"CANCELLED": RunCancelledError, "DELETED": RunDeletedError}


class RunEnd(StartRunFields):
    """An operator that reports the end of its run: in the log, XCom, outlets and OpenLineage, or by an error."""

    operator_extra_links: Sequence[RunLink] = RUN_LINKS

    workflow_id: str | None
    run_id: str | None
    name: str | None
    workflow_type: str | None
    workflow_version_name: str | None
    cache_id: str | None
    parameters: Mapping[str, object] | str | None
    parameters_uri: str | None
    request_id: str | None
    wait_for_completion: bool
    retry_on: Sequence[str] | None
    fetch_outputs: bool
    attempt: WorkerAttempt | None = None
    named_outputs: dict[str, JsonValue] | None = None

    def _finish(self, context: Context, run: Run) -> dict[str, str]:
        if self.attempt and run.ended:
            self.attempt.progress.copy_log(run)
        if run.succeeded or not self.wait_for_completion:
            self.log.info("HealthOmics %s", self._summary(run))
            self._push_results(context, run)
            return run.xcom()
        if self.request_id:
            raise RequestIdSpentError(run, "Only one run for a request_id: give another one to start a new run.")
        if run.status == "FAILED":
            raise self._failure(run)
        raise _ENDINGS[run.status](run)

    def _summary(self, run: Run) -> str:
        """Return one line on the run: workflow, name, times and outputs, without a call."""
        from airflow_provider_omics.results.progress import summary  # noqa: PLC0415 - keep DAG parsing fast

        workflow = f"workflow {self.workflow_id}" if self.workflow_id else f"the workflow of run {self.run_id}"
        if self.workflow_version_name:
            workflow += f" version {self.workflow_version_name}"
        name = self.name or self.request_id or (self.attempt and self.attempt.intention.run_name)
        return summary(run, [workflow, *([f"name {name}"] if name else [])])

    def _push_results(self, context: Context, run: Run) -> None:
        """Push a completed run's named outputs, and add the run to the events of the task's outlets."""
        from airflow_provider_omics.results.description import description  # noqa: PLC0415 - not for DAG files
        from airflow_provider_omics.results.outlets import set_outlet_events  # noqa: PLC0415 - likewise
        from airflow_provider_omics.results.outputs import names_of, outputs  # noqa: PLC0415 - likewise

        if run.succeeded and self.fetch_outputs:
            self.named_outputs = outputs(self.hook(), run)
        if self.named_outputs is not None:
            context["ti"].xcom_push(key="outputs", value=self.named_outputs)
            self.log.info("Named outputs, in XCom outputs: %s", names_of(self.named_outputs))
        if self.outlets:
            # A duplicate's workflow is that of the copied run, which only GetRun returns.
            about = {} if self.workflow_id else description(self.hook(), run)
            extra: dict[str, JsonValue] = {
                **run.xcom(),
                "workflow_id": self.workflow_id or about.get("workflowId"),
                "workflow_version_name": self.workflow_version_name or about.get("workflowVersionName"),
            }
            set_outlet_events(self.outlets, context["outlet_events"], run, self.named_outputs, extra)

    def _failure(self, run: Run) -> RunFailedError:
        from airflow_provider_omics.aws.hook_params import ONE_ATTEMPT  # noqa: PLC0415 - keep DAG parsing fast
        from airflow_provider_omics.results.failure_report import failure_of  # noqa: PLC0415 - not for DAG files

        # Fewer retries than by default: the log is not worth a long delay of the failure.
        hook = self.hook(retries={**ONE_ATTEMPT, "total_max_attempts": 3})
        links = [(link.name, page) for link, page in run_links(self.operator_extra_links, run)]
        return failure_of(hook, run, retry_on=self.retry_on, cached=bool(self.cache_id), links=links)

    def get_openlineage_facets_on_start(self) -> Lineage:
        """Return the run's inputs; the OpenLineage provider calls this, if it is installed."""
        from airflow_provider_omics.results import lineage  # noqa: PLC0415 - needs OpenLineage

        return lineage.of_start(self.parameters, self.parameters_uri)

    def get_openlineage_facets_on_complete(self, task_instance: RunningTask) -> Lineage:
        """
        Return the run's inputs, outputs and end; the OpenLineage provider calls this, after a failure, too.

        :param task_instance: the task instance, whose XComs name the run.
        """
        from airflow_provider_omics.results import lineage  # noqa: PLC0415 - needs OpenLineage
        from airflow_provider_omics.results.description import description  # noqa: PLC0415 - not for DAG files
        from airflow_provider_omics.tasks.attempt_end import pushed  # noqa: PLC0415 - not for DAG files
        from airflow_provider_omics.tasks.worker_attempt import BRIEF  # noqa: PLC0415 - likewise

        # In `dag.test()` on Airflow 3 the OpenLineage process hangs if it reads XComs: only if the run is unknown.
        run = self.attempt.run if self.attempt else pushed(task_instance)
        if run is None:
            return lineage.of_start(self.parameters, self.parameters_uri)
        # Without what GetRun adds if it does not answer at once: the OpenLineage provider waits ten seconds.
        about = description(self.hook(**BRIEF), run)
        return lineage.of_end(
            replace(run, status=about.get("status", run.status)),
            {**self._workflow(), **about},
            self.parameters,
            self.parameters_uri,
            named_outputs=self.named_outputs,
            waits=self.wait_for_completion,
        )

    def _workflow(self) -> dict[str, JsonValue]:
        """Return the workflow as the arguments name it."""
        return {
            "workflowId": self.workflow_id,
            "workflowType": self.workflow_type,
            "workflowVersionName": self.workflow_version_name,
        }
