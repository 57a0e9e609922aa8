# SPDX-License-Identifier: Apache-2.0
"""What a task takes with it into its deferral, of each version, is enough for this release to resume it."""

import json
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.records import versioned
from airflow_provider_omics.records.versioned import VERSION
from airflow_provider_omics.sensors.run import OmicsRunSensor
from tests.operators.deferring import deferred, fired
from tests.operators.stores import ROLE
from tests.operators.test_upgrades import GOLDEN, UNTIL

FULL = {"kind": "error", "code": "ServiceQuotaExceededException", "times": 1}


@pytest.fixture
def operators(start_run, stored, omics_local):
    """Return functions that make the operators, by the names of the examples."""
    [read_set] = stored.archived("c")
    omics_local.script(pending=1000, times=1)
    request = {"workflowId": "1234567", "roleArn": ROLE, "outputUri": "s3://bucket/runs"}
    run = omics_local.client("omics").start_run(**request)
    return {
        "StartOmicsRunOperator.execute_complete": lambda: start_run(deferrable=True),
        "ImportOmicsReadSetsOperator.execute_complete": lambda: stored.importing("a", "b", deferrable=True),
        "ImportOmicsReadSetsOperator.execute_again": lambda: stored.importing("a", "b", deferrable=True),
        "ActivateOmicsReadSetsOperator.execute_complete": lambda: stored.activating(read_set, deferrable=True),
        "ActivateOmicsReadSetsOperator.execute_again": lambda: stored.activating(read_set, deferrable=True),
        "OmicsRunSensor.execute_complete": lambda: OmicsRunSensor(
            task_id="run",
            run_id=run["id"],
            poll_interval=0.05,
            deferrable=True,
            execution_timeout=timedelta(hours=1),
        ),
    }


NAMES = (
    "StartOmicsRunOperator.execute_complete",
    "ImportOmicsReadSetsOperator.execute_complete",
    "ImportOmicsReadSetsOperator.execute_again",
    "ActivateOmicsReadSetsOperator.execute_complete",
    "ActivateOmicsReadSetsOperator.execute_again",
    "OmicsRunSensor.execute_complete",
)


@pytest.fixture
def deferral(operators, context, omics_local):
    """Return a function that lets a task be deferred so that it is resumed by a method."""

    def defer(name):
        if not name.endswith("execute_complete"):
            for operation in ("StartRun", "StartReadSetImportJob", "StartReadSetActivationJob"):
                omics_local.fault(operation, **FULL)
        return deferred(operators[name](), context)

    return defer


def example(name, version=VERSION):
    return json.loads((GOLDEN / version / f"{name}.json").read_text())


def members(value):
    """Return the names of all members but those of a request, which are the API's."""
    if not isinstance(value, dict):
        return None
    return {name: members(inner) if name != "request" else None for name, inner in value.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_task_takes_with_it_what_the_newest_example_shows(name, deferral):
    deferral = deferral(name)
    assert deferral.method_name == name.rpartition(".")[2]
    assert members(deferral.kwargs) == members(example(name)), f"see {GOLDEN} and records.versioned.VERSION"


@pytest.mark.parametrize("version", [VERSION])
@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_resumed_with_what_any_version_took_with_it(name, version, deferral, operators, context, stored):
    deferral = deferral(name)
    kwargs = example(name, version)
    for known in (kwargs, kwargs.get("waiting", {})):
        if name.startswith(("Import", "Activate")) and "request" in known:
            known["request"] |= {"sequenceStoreId": stored.id, "sources": sources_of(deferral)}
    event = None if name.endswith("again") else fired(deferral)
    versioned._warn.cache_clear()
    resume = getattr(operators[name](), deferral.method_name)
    try:
        done = resume(context, event, **kwargs, colour="red")
    except TaskDeferred as again:
        assert again.trigger.deadline == UNTIL  # noqa: PT017 - only some are deferred again
    else:
        assert done["status"] == "COMPLETED"


def sources_of(deferral):
    return {**deferral.kwargs, **deferral.kwargs.get("waiting", {})}["request"]["sources"]


def test_what_an_import_does_not_know_of_its_past_has_a_default(deferral, operators, context):
    name = "ImportOmicsReadSetsOperator.execute_complete"
    event = fired(deferral(name))
    for member in example(name)["waiting"]:
        kwargs = example(name)
        del kwargs["waiting"][member]
        assert operators[name]().execute_complete(context, event, **kwargs)["status"] == "COMPLETED"


def test_an_event_of_another_major_version_leaves_the_deadline(deferral, operators, context, omics_local):
    omics_local.clock.freeze()
    name = "ImportOmicsReadSetsOperator.execute_complete"
    job = deferral(name).trigger.job_args
    event = {"version": "2.0", "job": job}
    with pytest.raises(TaskDeferred) as again:
        operators[name]().execute_complete(context, event, **example(name))
    assert again.value.trigger.deadline == UNTIL
