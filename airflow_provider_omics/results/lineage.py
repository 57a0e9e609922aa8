# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - a facet's members have the API's names
"""Inputs, outputs and run facet for OpenLineage; imported only if OpenLineage's provider calls for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.providers.openlineage.extractors import OperatorLineage
from attrs import define
from openlineage.client.event_v2 import Dataset
from openlineage.client.facet_v2 import RunFacet, dataset_version_dataset

from airflow_provider_omics.aws.console import run_url
from airflow_provider_omics.records import documents
from airflow_provider_omics.results.datasets import dataset, datasets, uris

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_omics.records.run import Run

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
    """The HealthOmics run of a task, with GetRun's names; ``engine`` is GetWorkflow's."""

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


def of_start(parameters: object, parameters_uri: str | None) -> Lineage:
    """
    Return the inputs that a task's arguments name.

    :param parameters: the rendered parameters.
    :param parameters_uri: the file that holds them.
    """
    return Lineage(inputs=_inputs(parameters, parameters_uri, {}))


def of_end(
    run: Run,
    about: Mapping[str, Any],
    parameters: object,
    parameters_uri: str | None,
    *,
    named_outputs: Mapping[str, object] | None,
    waits: bool,
) -> Lineage:
    """
    Return inputs, outputs and the run's facet.

    :param run: the run as it is now.
    :param about: what is known of it, by GetRun's names.
    :param parameters: its parameters, if GetRun's answer does not have them.
    :param parameters_uri: the file that holds them.
    :param named_outputs: its named outputs, if they were read.
    :param waits: whether its task waits for its end.
    """
    writes = run.succeeded or not (run.ended or waits)
    return Lineage(
        inputs=_inputs(about.get("parameters", parameters), parameters_uri, about.get("resourceDigests", {})),
        outputs=_outputs(run, named_outputs) if writes else [],
        run_facets={FACET: _facet(run, about)},
    )


def _inputs(parameters: object, parameters_uri: str | None, digests: Mapping[str, str]) -> list[Dataset]:
    if isinstance(parameters, str):
        try:
            parameters = documents.parse(parameters)
        except ValueError:
            return []  # The task fails with this error.
    versions = {dataset(uri): digest for uri, digest in digests.items()}
    return [
        Dataset(
            name.namespace,
            name.name,
            facets={"version": dataset_version_dataset.DatasetVersionDatasetFacet(versions[name])}
            if name in versions
            else {},
        )
        for name in datasets(uris([parameters_uri, parameters]))
    ]


def _outputs(run: Run, named_outputs: Mapping[str, object] | None) -> list[Dataset]:
    found = datasets(uris(named_outputs)) or datasets([run.output_uri])
    return [Dataset(name.namespace, name.name) for name in found]


def _facet(run: Run, about: Mapping[str, Any]) -> HealthOmicsRunFacet:
    known = {"failureReason": run.failure_reason, "statusMessage": run.status_message, **about}
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
