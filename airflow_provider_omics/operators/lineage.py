# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - a facet's members have the API's names
"""What OpenLineage is told of a task; imported only when its provider, which need not be installed, asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.providers.openlineage.extractors import OperatorLineage
from attrs import define
from openlineage.client.event_v2 import Dataset
from openlineage.client.facet_v2 import RunFacet, dataset_version_dataset

from airflow_provider_omics.core import documents
from airflow_provider_omics.core.console import run_url
from airflow_provider_omics.core.lineage import dataset, datasets, uris
from airflow_provider_omics.hooks.aftermath import description
from airflow_provider_omics.operators.attempt import IN_A_HURRY, pushed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_omics.compat import RunningTask
    from airflow_provider_omics.core.run import Run
    from airflow_provider_omics.operators.start_run_task import StartRunTask

Lineage: TypeAlias = OperatorLineage[Dataset, RunFacet]
FACET = "healthOmics_run"
_OTHERS = (
    "workflowId",
    "workflowType",
    "workflowVersionName",
    "digest",
    "engine",
    "engineVersion",
    "failureReason",
    "statusMessage",
)


@define(kw_only=True)
class HealthOmicsRunFacet(RunFacet):
    """The HealthOmics run of a task, in the words of GetRun; ``engine`` is GetWorkflow's."""

    runId: str
    uuid: str
    arn: str
    status: str
    runOutputUri: str
    consoleUrl: str
    workflowId: str | None = None
    workflowType: str | None = None
    workflowVersionName: str | None = None
    digest: str | None = None
    engine: str | None = None
    engineVersion: str | None = None
    failureReason: str | None = None
    statusMessage: str | None = None


def of_start(operator: StartRunTask) -> Lineage:
    """Return the inputs that the rendered parameters name, and the file that holds the parameters."""
    return Lineage(inputs=_inputs(operator, operator.parameters, {}))


def of_end(operator: StartRunTask, ti: RunningTask) -> Lineage:
    """Return inputs, outputs and the run's facet; all that GetRun adds is left out if it does not answer at once."""
    # In `dag.test()` on Airflow 3 the provider's process hangs when it asks Airflow: only who knows nothing does.
    run = operator.attempt.run if operator.attempt else pushed(ti)
    if run is None:
        return of_start(operator)
    # The provider gives all of this ten seconds ([openlineage] execution_timeout).
    about = description(operator.hook(**IN_A_HURRY), run)
    run = replace(run, status=about.get("status", run.status))
    writes = run.succeeded or not (run.ended or operator.wait_for_completion)
    return Lineage(
        inputs=_inputs(operator, about.get("parameters", operator.parameters), about.get("resourceDigests", {})),
        outputs=_outputs(operator, run) if writes else [],
        run_facets={FACET: _facet(operator, run, about)},
    )


def _inputs(operator: StartRunTask, parameters: object, digests: Mapping[str, str]) -> list[Dataset]:
    if isinstance(parameters, str):
        try:
            parameters = documents.parse(parameters)
        except ValueError:
            return []  # The task fails of it, and says why.
    versions = {dataset(uri): digest for uri, digest in digests.items()}
    return [
        Dataset(
            name.namespace,
            name.name,
            facets={"version": dataset_version_dataset.DatasetVersionDatasetFacet(versions[name])}
            if name in versions
            else {},
        )
        for name in datasets(uris([operator.parameters_uri, parameters]))
    ]


def _outputs(operator: StartRunTask, run: Run) -> list[Dataset]:
    found = datasets(uris(operator.named_outputs)) or datasets([run.output_uri])
    return [Dataset(name.namespace, name.name) for name in found]


def _facet(operator: StartRunTask, run: Run, about: Mapping[str, Any]) -> HealthOmicsRunFacet:
    known: dict[str, Any] = {
        "workflowId": operator.workflow_id,
        "workflowType": operator.workflow_type,
        "workflowVersionName": operator.workflow_version_name,
        "failureReason": run.failure_reason,
        "statusMessage": run.status_message,
        **about,
    }
    return HealthOmicsRunFacet(
        # GetRun's own runId is that of the run that a duplicate was made from.
        runId=run.id,
        uuid=run.uuid,
        arn=run.arn,
        status=run.status,
        runOutputUri=run.output_uri,
        consoleUrl=run_url(run.arn),
        **{member: known[member] for member in _OTHERS if member in known},
    )
