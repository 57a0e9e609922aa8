# SPDX-License-Identifier: Apache-2.0
"""A task that waits for its run: what it hands to its trigger, which faults and events end it, and its deadline."""

import json
import time
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_omics.exceptions import RunDeletedError, RunFailedError, RunTimeoutError, RunWaitError
from airflow_provider_omics.hooks.omics import VISIBLE_AFTER
from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.tasks.attempt_end import wait
from airflow_provider_omics.triggers.run import OmicsRunTrigger
from tests.operators.deferring import deferred, fired


@dataclass
class OneMore:
    """A deferred operator that is resumed."""

    operator: StartOmicsRunOperator
    event: dict
    kwargs: dict

    def execute(self, context):
        return self.operator.execute_complete(context, self.event, **self.kwargs)


@pytest.mark.usefixtures("frozen")
def test_a_run_that_is_deleted_while_waited_for(start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    run = operator.attempt.run
    omics_local.force(run.id, "COMPLETED")
    omics_local.client().delete_run(id=run.id)
    old = replace(run, creation_time=run.creation_time - VISIBLE_AFTER)
    with pytest.raises(RunDeletedError, match=f"run {run.id} DELETED: GetRun does not find it"):
        operator._finish(context, wait(operator.attempt, old))


@pytest.mark.usefixtures("frozen")
def test_an_event_of_another_try_is_not_believed(start_run, context, ti, omics_local):
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    event = RunEvent(replace(operator.attempt.run, status="FAILED")).serialize()
    ti.try_number = 2
    deferred(OneMore(start_run(deferrable=True), event, deferral.kwargs), context)
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
def test_an_event_of_another_release_is_not_believed(start_run, context):
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    deferred(OneMore(start_run(deferrable=True), {"status": "done"}, deferral.kwargs), context)


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("deferrable", [True, False])
def test_a_run_that_failed_is_the_tries_own_whatever_the_trigger_said(deferrable, start_run, context, ti, omics_local):
    deferral = deferred(start_run(deferrable=True), context)
    omics_local.force(ti.xcom["run_id"], "FAILED")
    # Whoever upgrades may take deferrable away, too.
    blind = OneMore(start_run(deferrable=deferrable), {"version": "0.9"}, deferral.kwargs)
    if deferrable:
        again = deferred(blind, context)
        blind = OneMore(blind.operator, fired(again), again.kwargs)
    with pytest.raises(RunFailedError):
        blind.execute(context)
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
def test_a_deferred_task_hands_over_one_typed_event(start_run, context, ti):
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    assert deferral.timeout is None
    assert isinstance(deferral.trigger, OmicsRunTrigger)
    path, arguments = deferral.trigger.serialize()
    assert path == "airflow_provider_omics.triggers.run.OmicsRunTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    assert set(ti.xcom) >= {"run_id", "uuid", "arn", "run_output_uri"}


@pytest.mark.usefixtures("frozen")
def test_links_are_there_while_it_waits(start_run, context, ti):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    shown = {key: value for key, value in ti.xcom.items() if key.startswith("_link_")}
    keys = {getattr(link, "xcom_key", None) for link in operator.operator_extra_links} - {None}
    assert set(shown) == keys
    assert all(value.startswith("https://us-east-1.console.aws.amazon.com/") for value in shown.values())


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop"},
        {"kind": "error", "code": "ThrottlingException"},
        {"kind": "error", "code": "InternalServerException"},
    ],
    ids=lambda fault: fault.get("code", "drop"),
)
def test_a_passing_fault_does_not_end_the_waiting(fault, start_run, context, omics_local):
    no_retries = {"retries": {"total_max_attempts": 1}}
    operator = start_run(deferrable=True, botocore_config=no_retries)
    deferred(operator, context)
    omics_local.fault("GetRun", **fault, times=3)
    assert wait(operator.attempt, operator.attempt.run).succeeded
    assert omics_local.counts()["GetRun"] > 3


@pytest.mark.usefixtures("frozen")
def test_a_lasting_fault_ends_the_waiting(start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    omics_local.fault("GetRun", "error", code="AccessDeniedException")
    with pytest.raises(Exception, match="AccessDenied"):
        wait(operator.attempt, operator.attempt.run)


@pytest.mark.usefixtures("frozen")
def test_an_event_with_an_error_says_that_the_run_goes_on(start_run, context):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    event = RunEvent(operator.attempt.run, error="AccessDeniedException: no").serialize()
    with pytest.raises(
        RunWaitError, match=rf"run {operator.attempt.run.id} \(PENDING\) failed, and the run goes on: AccessDenied"
    ):
        start_run().execute_complete(context, event)


@pytest.mark.usefixtures("frozen")
def test_the_trigger_reaches_the_runs_region_with_all_the_operator_was_given(start_run, context):
    operator = start_run(deferrable=True, verify=False, botocore_config={"read_timeout": 7})
    params = deferred(operator, context).trigger.serialize()[1]["hook_params"]
    assert params == {
        "aws_conn_id": "aws_default",
        "region_name": "us-east-1",
        "verify": False,
        "botocore_config": {"read_timeout": 7},
    }


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("cancels", [True, False])
def test_the_deadline_cancels_the_run(cancels, start_run, context, omics_local):
    operator = start_run(execution_timeout=timedelta(seconds=1), cancel_on_kill=cancels)
    with pytest.raises(
        RunTimeoutError, match="execution_timeout 0:00:01; " + ("cancelled" if cancels else "it goes on")
    ):
        operator.execute(context)
    assert omics_local.counts().get("CancelRun", 0) == cancels


@pytest.mark.usefixtures("frozen")
def test_the_deadline_of_a_deferred_task_cancels_the_run(start_run, context, omics_local):
    operator = start_run(deferrable=True, execution_timeout=timedelta(hours=1))
    before = time.time()
    deferral = deferred(operator, context)
    # Ten seconds before Airflow's own time-out.
    assert before + 3590 <= deferral.trigger.deadline <= time.time() + 3590
    event = RunEvent(operator.attempt.run, timed_out=True).serialize()
    with pytest.raises(RunTimeoutError, match=r"not ended within .*; cancelled"):
        operator.execute_complete(context, event, **deferral.kwargs)
    assert omics_local.counts()["CancelRun"] == 1


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    ("error", "cancels"),
    [("Trigger timeout", 1), ("Trigger/execution timeout", 1), ("Trigger failure", 0)],
)
def test_airflows_own_time_out_cancels_and_a_lost_trigger_does_not(error, cancels, start_run, context, ti, omics_local):
    operator = start_run(deferrable=True)
    deferred(operator, context)
    ti.xcom_pull = lambda task_ids, key, map_indexes: ti.xcom[key]  # noqa: ARG005 - Airflow's signature
    with pytest.raises(AirflowException):
        operator.resume_execution("__fail__", {"error": error}, context)
    assert omics_local.counts().get("CancelRun", 0) == cancels


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("error", ["Trigger failure", "Trigger timeout"])
def test_a_task_whose_trigger_is_lost_names_the_run_that_goes_on(error, start_run, context, ti, omics_local):
    """A triggerer without this provider cannot make the trigger."""
    operator = start_run(deferrable=True, cancel_on_kill=False)
    deferred(operator, context)
    with pytest.raises(
        RunWaitError, match=rf"^Waiting for run {ti.xcom['run_id']} .* and the run goes on: the trigger failed: {error}"
    ):
        operator.resume_execution("__fail__", {"error": error}, context)
    assert "CancelRun" not in omics_local.counts()


def test_a_task_whose_trigger_is_lost_before_there_was_a_run_names_none(start_run, context):
    with pytest.raises(AirflowException, match="Trigger failure") as caught:
        start_run(deferrable=True).resume_execution("__fail__", {"error": "Trigger failure"}, context)
    assert not isinstance(caught.value, RunWaitError)
