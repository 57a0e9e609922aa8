# SPDX-License-Identifier: Apache-2.0
"""Every reason for which a run may fail, through real tasks: class of the error, state of the task, message."""

import json
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_omics.exceptions import RunCancelledError, RunFailedError, RunFailedForGoodError
from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.testing.airflow_home import AIRFLOW_3

# The user guide's reasons, each with whether Airflow may try again and a word of the advice: not read from the code.
REASONS = {
    "SERVICE_ERROR": (True, "a retry starts another run"),
    "MODIFIED_INPUT_RESOURCE": (True, "a retry starts another run"),
    "INSTANCE_RESERVATION_FAILED": (True, "had no instance"),
    "ALL_PROFILES_INSTANCE_RESERVATION_FAILED": (True, "had no instance"),
    "RUN_TASK_FAILED": (False, "A task of the workflow failed"),
    "WORKFLOW_RUN_FAILED": (False, "review the engine log"),
    "IMPORT_FAILED": (False, "Check the parameters"),
    "EXPORT_FAILED": (False, "Check role_arn"),
    "INACTIVE_OMICS_STORAGE_RESOURCE": (False, "be active"),
    "ASSUME_ROLE_FAILED": (False, "Check role_arn"),
    "ECR_PERMISSION_ERROR": (False, "Check role_arn"),
    "CANNOT_START_CONTAINER_ERROR": (False, "images"),
    "CANNOT_START_CONTAINER_SIZE_ERROR": (False, "images"),
    "IMAGE_VERIFICATION_FAILURE": (False, "images"),
    "INVALID_ECR_IMAGE_URI": (False, "images"),
    "INPUT_URI_NOT_FOUND": (False, "Check the parameters"),
    "INVALID_RUN_PARAMETERS": (False, "Check the parameters: a parameters_uri must hold one JSON object"),
    "INVALID_URI_INPUT": (False, "Check the parameters"),
    "UNSUPPORTED_INPUT_SIZE": (False, "Check the parameters"),
    "INVALID_TASK_RESOURCE_VALUE": (False, "task resources"),
    "UNSUPPORTED_GPU_INSTANCE_TYPE": (False, "task resources"),
    "WORKFLOW_VER_VALIDATION_FAILED": (False, "version"),
    "OUT_OF_MEMORY_ERROR": (False, "more memory"),
    "FILE_SYSTEM_OUT_OF_SPACE": (False, "more storage"),
    "RUN_TIMED_OUT": (False, "time limit"),
    "TASK_TIMED_OUT": (False, "time limit"),
    "A_NEW_REASON": (False, "not in the user guide's list"),
}


@pytest.fixture
def dag_of(omics_local, monkeypatch):
    """Return a Dag of one task for each name, and the errors that end its tries, by the task's id."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(omics_local.airflow_connection()))
    omics_local.workflow(id="1234567", name="cram-to-bam")
    omics_local.switch(speed=1000)
    errors = {}

    def note(context):
        errors.setdefault(context["ti"].task_id, []).append(context["exception"])

    def make(dag_id, names, **arguments):
        with DAG(dag_id, schedule=None) as dag:
            for name in names:
                StartOmicsRunOperator(
                    task_id=name,
                    name=name,
                    workflow_id="1234567",
                    role_arn="arn:aws:iam::123456789012:role/omics",
                    output_uri="s3://bucket/runs/",
                    poll_interval=0.05,
                    retries=1,
                    retry_delay=timedelta(0),
                    on_retry_callback=note,
                    on_failure_callback=note,
                    **arguments,
                )
        return dag, errors

    return make


@pytest.mark.parametrize(
    "deferrable",
    [
        # So many tasks take long: each way on one line of Airflow, and both on both in test-all.
        pytest.param(False, id="sync", marks=[pytest.mark.slow] if AIRFLOW_3 else []),
        pytest.param(True, id="deferred", marks=[] if AIRFLOW_3 else [pytest.mark.slow]),
    ],
)
def test_every_reason_ends_in_its_class_state_and_message(deferrable, dag_of, run_dag, omics_local):
    for reason in REASONS:
        omics_local.script(
            name=reason, status="FAILED", failureReason=reason, statusMessage=f"told by {reason}", tasks=[]
        )
    dag, errors = dag_of(f"reasons_{deferrable}".lower(), REASONS, deferrable=deferrable)
    done = run_dag(dag, ends=None)
    assert "failed" in done.state.lower()
    runs = {}
    for run in omics_local.runs():
        runs.setdefault(run["request"]["name"], []).append(run["id"])
    for reason, (again, advice) in REASONS.items():
        [task] = [it for it in done.tasks if it.task_id == reason]
        tries = 2 if again else 1
        assert (reason, task.state, task.try_number, len(runs[reason])) == (reason, "failed", tries, tries)
        assert len(errors[reason]) == tries
        for error, run_id in zip(errors[reason], runs[reason], strict=True):
            assert type(error) is (RunFailedError if again else RunFailedForGoodError), reason
            assert isinstance(error, AirflowFailException) is not again
            first, told, *links = str(error).splitlines()
            assert first == f"HealthOmics run {run_id} FAILED: {reason}: told by {reason}"
            assert advice in told
            assert [link.partition(": ")[0] for link in links] == [
                *(["HealthOmics engine log"] if reason == "WORKFLOW_RUN_FAILED" else []),
                "HealthOmics run",
                "HealthOmics run log",
                "HealthOmics run outputs",
            ]


def test_a_retry_policy_is_not_asked_about_a_failure_for_good(dag_of, run_dag, omics_local):
    """What README and ``retry_on`` say of Airflow 3.3's own retry policies."""
    policies = pytest.importorskip("airflow.sdk.definitions.retry_policy")
    asked = []

    class Always(policies.RetryPolicy):
        def evaluate(self, exception, *_args, **_kwargs):
            asked.append(type(exception))
            return policies.RetryDecision(action=policies.RetryAction.RETRY)

    omics_local.script(status="FAILED", failureReason="OUT_OF_MEMORY_ERROR")
    dag, errors = dag_of("policy", ["mem"], retry_policy=Always())
    run_dag(dag, ends=None)
    assert [type(error) for error in errors["mem"]] == [RunFailedForGoodError]
    assert asked == []
    dag, errors = dag_of("policy_asked", ["again"], retry_policy=Always(), retry_on=["sizing"])
    run_dag(dag, ends=None)
    assert [type(error) for error in errors["again"]] == [RunFailedError] * 2
    assert asked[0] is RunFailedError


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
def test_what_else_ends_a_run_ends_its_task(deferrable, dag_of, run_dag, omics_local):
    """A person's cancelling, and a task's reason that is the run's."""
    task = {"name": "call", "status": "FAILED", "failureReason": "SERVICE_ERROR"}
    omics_local.script(name="CANCELLED", status="CANCELLED")
    omics_local.script(name="of_its_task", status="FAILED", failureReason="RUN_TASK_FAILED", tasks=[task])
    dag, errors = dag_of(f"others_{deferrable}".lower(), ["CANCELLED", "of_its_task"], deferrable=deferrable)
    done = run_dag(dag, ends=None)
    assert {it.task_id: (it.state, it.try_number) for it in done.tasks} == {
        "CANCELLED": ("failed", 1),
        "of_its_task": ("failed", 2),
    }
    assert [type(error) for error in errors["CANCELLED"]] == [RunCancelledError]
    assert [type(error) for error in errors["of_its_task"]] == [RunFailedError] * 2
    assert "a retry starts another run" in str(errors["of_its_task"][1])
