# SPDX-License-Identifier: Apache-2.0
"""What OpenLineage is told; tests/airflow/test_lineage.py reads what its provider sends of it."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.exceptions import RunFailedError, RunTimeoutError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.results.lineage import FACET, HealthOmicsRunFacet

STORE = "omics://123456789012.storage.us-east-1.amazonaws.com"
PARAMETERS = {
    "sample_name": "NA12878",
    "reads": ["s3://bucket/reads/1.fq.gz", "s3://bucket/reads/2.fq.gz"],
    "reference": {"fasta": f"{STORE}/1/reference/2"},
    "intervals": "s3://bucket/intervals/",
}
INPUTS = [
    ("s3://bucket", "reads/1.fq.gz"),
    ("s3://bucket", "reads/2.fq.gz"),
    (STORE, "1/reference/2"),
    ("s3://bucket", "intervals"),
]


@pytest.fixture
def operator(start_run, omics_local):
    """Return an operator of a workflow of which GetRun and GetWorkflow say all."""

    def make(**arguments):
        made = start_run(**{"parameters": PARAMETERS, **arguments})
        omics_local.workflow(id="1234567", name="germline", digest="sha256:0a1b", engine="WDL")
        return made

    return make


def named(datasets):
    return [(dataset.namespace, dataset.name) for dataset in datasets]


def facet(told):
    [(name, found)] = told.run_facets.items()
    assert name == FACET
    return found


def test_the_start_tells_what_the_rendered_parameters_name(operator, omics_local):
    told = operator().get_openlineage_facets_on_start()
    assert named(told.inputs) == INPUTS
    assert (told.outputs, told.run_facets) == ([], {})
    assert omics_local.calls("GetRun") == []


@pytest.mark.parametrize(
    ("text", "inputs"), [(json.dumps(PARAMETERS), INPUTS), ('{"reads": "s3://bucket/1', []), ("s3: [", []), ("[]", [])]
)
def test_parameters_that_came_as_text_are_read(text, inputs, operator):
    made = operator()
    made.parameters = text  # As an XComArg may bring it.
    assert named(made.get_openlineage_facets_on_start().inputs) == inputs


def test_a_completed_run_tells_all(operator, context, ti, omics_local):
    omics_local.client("s3").create_bucket(Bucket="bucket")
    omics_local.switch(logs=True)
    outputs = {"germline.vcf": {"file": "a.vcf", "text": "##"}, "germline.bai": {"file": "a.bai", "text": ""}}
    omics_local.script(outputs=outputs, resourceDigests={"s3://bucket/reads/2.fq.gz": "etag:1234"})
    made = operator()
    answer = made.execute(context)
    told = made.get_openlineage_facets_on_complete(ti)
    assert named(told.inputs) == INPUTS
    assert [it.facets["version"].datasetVersion if it.facets else None for it in told.inputs[:2]] == [None, "etag:1234"]
    assert named(told.outputs) == [("s3://bucket", uri[12:]) for uri in ti.xcom["outputs"].values()]
    assert told.outputs[0].name == f"runs/{answer['run_id']}/out/vcf/a.vcf"
    assert facet(told) == HealthOmicsRunFacet(
        runId=answer["run_id"],
        uuid=answer["uuid"],
        arn=answer["arn"],
        status="COMPLETED",
        runOutputUri=answer["run_output_uri"],
        consoleUrl=f"https://us-east-1.console.aws.amazon.com/omics/home?region=us-east-1#/runs/{answer['run_id']}",
        workflowId="1234567",
        workflowType="PRIVATE",
        digest="sha256:0a1b",
        engine="WDL",
    )


def test_without_named_outputs_the_runs_folder_is_the_output(operator, context, ti):
    made = operator()
    answer = made.execute(context)
    told = made.get_openlineage_facets_on_complete(ti)
    assert named(told.outputs) == [("s3://bucket", f"runs/{answer['run_id']}")]


def test_a_failed_run_tells_why_and_wrote_nothing(operator, context, ti, omics_local):
    omics_local.script(status="FAILED", failureReason="RUN_TASK_FAILED", statusMessage="the message")
    made = operator()
    with pytest.raises(RunFailedError):
        made.execute(context)
    told = made.get_openlineage_facets_on_complete(ti)
    assert named(told.inputs) == INPUTS
    assert told.outputs == []
    found = facet(told)
    assert (found.status, found.failureReason, found.statusMessage) == ("FAILED", "RUN_TASK_FAILED", "the message")
    assert (found.digest, found.engine) == ("sha256:0a1b", "WDL")


def test_a_run_that_is_not_waited_for_will_write(operator, context, ti, omics_local):
    omics_local.script(running=3600)
    made = operator(wait_for_completion=False)
    answer = made.execute(context)
    told = made.get_openlineage_facets_on_complete(ti)
    assert named(told.outputs) == [("s3://bucket", f"runs/{answer['run_id']}")]
    assert facet(told).status in {"PENDING", "STARTING", "RUNNING"}
    omics_local.force(answer["run_id"], "FAILED")
    assert made.get_openlineage_facets_on_complete(ti).outputs == []


def test_a_duplicate_reads_what_the_run_before_it_read(operator, context, ti):
    first = operator().execute(context)
    again = operator(run_id=first["run_id"], workflow_id=None, parameters=None, request_id="again")
    answer = again.execute(context)
    told = again.get_openlineage_facets_on_complete(ti)
    assert named(told.inputs) == INPUTS
    assert (facet(told).runId, facet(told).workflowId) == (answer["run_id"], "1234567")
    assert answer["run_id"] != first["run_id"]


def test_what_was_deferred_is_told_by_a_fresh_operator(operator, context, ti):
    before = operator(deferrable=True)
    with pytest.raises(TaskDeferred):
        before.execute(context)
    hook, run = OmicsHook("aws_default"), before.attempt.run
    while not run.ended:
        run = hook.get_run(run)
    after = operator(deferrable=True)
    after.execute_complete(context, RunEvent(run).serialize())
    assert facet(after.get_openlineage_facets_on_complete(ti)).runId == run.id
    # One whose trigger failed resumes nothing: Airflow fails it, and only its XComs know the run.
    unresumed = operator(deferrable=True).get_openlineage_facets_on_complete(ti)
    assert (facet(unresumed).runId, facet(unresumed).status) == (run.id, "COMPLETED")


def test_a_task_that_came_to_no_run_tells_its_inputs(operator, ti):
    told = operator().get_openlineage_facets_on_complete(ti)
    assert named(told.inputs) == INPUTS
    assert (told.outputs, told.run_facets) == ([], {})


def test_a_run_that_outlived_its_time_is_told_as_it_is_now(operator, context, ti, omics_local):
    omics_local.script(running=3600, stopping=0)
    made = operator(execution_timeout=timedelta(seconds=1))
    with pytest.raises(RunTimeoutError):
        made.execute(context)
    told = made.get_openlineage_facets_on_complete(ti)
    assert facet(told).status in {"STOPPING", "CANCELLED"}
    assert told.outputs == []


@pytest.mark.parametrize(("operation", "kind"), [("GetRun", "error"), ("GetRun", "drop"), ("GetWorkflow", "error")])
def test_what_cannot_be_asked_is_left_out_and_fails_nothing(operation, kind, operator, context, ti, omics_local):
    made = operator()
    answer = made.execute(context)
    omics_local.fault(operation, kind, **({"code": "AccessDeniedException"} if kind == "error" else {}))
    told = made.get_openlineage_facets_on_complete(ti)
    assert named(told.inputs) == INPUTS
    assert len(told.outputs) == 1
    found = facet(told)
    assert (found.runId, found.status, found.workflowId) == (answer["run_id"], "COMPLETED", "1234567")
    assert found.engine is None
    assert found.digest == (None if operation == "GetRun" else "sha256:0a1b")


def test_a_run_that_does_not_answer_at_once_is_not_waited_for(operator, context, ti, omics_local):
    made = operator()
    made.execute(context)
    omics_local.fault("GetRun", "delay", seconds=4)
    assert facet(made.get_openlineage_facets_on_complete(ti)).digest is None


def test_another_run_of_the_same_id_is_not_taken_for_this_one(operator, context, ti):
    made = operator()
    made.execute(context)
    made.attempt.run = replace(made.attempt.run, uuid="another")
    assert facet(made.get_openlineage_facets_on_complete(ti)).digest is None
