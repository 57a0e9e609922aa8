# SPDX-License-Identifier: Apache-2.0
"""What may happen to a task while it looks, waits or is about to start: a kill, a deadline, expired credentials."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from airflow.providers.common.compat.sdk import TaskDeferred
from botocore.exceptions import ClientError

from airflow_provider_omics.cancellation import worker
from airflow_provider_omics.compat import AIRFLOW_2
from airflow_provider_omics.exceptions import OmicsError, RunTimeoutError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.lifecycle.run_submissions import RunSubmissions
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.tasks import attempt_end


class Terminated(BaseException):
    """What Airflow 2.11 raises in a task that gets SIGTERM."""


@pytest.fixture(autouse=True)
def ended_by_a_person(monkeypatch, omics_local):
    """Let the endpoint's clock stand, and Airflow say that somebody marked the task failed."""
    omics_local.clock.freeze()
    monkeypatch.setattr(worker, "task_states", lambda _tis: ["failed"])


def deferred(operator, context):
    with pytest.raises(TaskDeferred) as deferral:
        operator.execute(context)
    return deferral.value


def test_a_kill_while_a_retry_waits_for_a_dying_run_starts_nothing(start_run, context, ti, omics_local, monkeypatch):
    deferred(start_run(deferrable=True), context)
    [run] = omics_local.runs()
    omics_local.force(run["id"], "STOPPING")
    ti.try_number = 2
    operator = start_run()

    def killed_while_waiting(_attempt, run):
        operator.on_kill()
        omics_local.force(run.id, "CANCELLED")
        return OmicsHook("aws_default").get_run(run)  # Airflow 3 lets the process go on

    monkeypatch.setattr(attempt_end, "wait", killed_while_waiting)
    with pytest.raises(OmicsError, match="nothing was started"):
        operator.execute(context)
    assert omics_local.counts()["StartRun"] == 1


def test_a_kill_before_anything_was_asked_starts_nothing(start_run, context, omics_local):
    operator = start_run()
    operator.on_kill()
    with pytest.raises(OmicsError, match="nothing was started"):
        operator.execute(context)
    assert "StartRun" not in omics_local.counts()


def test_a_kill_while_a_retry_looks_ends_the_run_of_the_try_before(start_run, context, ti, omics_local, monkeypatch):
    deferred(start_run(deferrable=True), context)
    ti.try_number = 2
    operator = start_run()

    def killed_while_looking(*_):
        operator.on_kill()
        raise Terminated

    monkeypatch.setattr(RunSubmissions, "look_up", killed_while_looking)
    with pytest.raises(Terminated):
        operator.execute(context)
    assert omics_local.runs()[0]["status"] == "STOPPING"


def test_a_kill_while_a_retry_that_has_no_run_looks_is_quick(start_run, context, ti, omics_local, monkeypatch):
    ti.try_number = 2
    operator = start_run()

    def killed_while_looking(*_):
        operator.on_kill()
        raise Terminated

    monkeypatch.setattr(RunSubmissions, "look_up", killed_while_looking)
    with pytest.raises(Terminated):
        operator.execute(context)
    assert omics_local.counts() == {"ListRuns": 1}


@pytest.mark.parametrize("call", ["start_run", "list_runs", "get_run"])
def test_expired_credentials_cost_no_try(call, start_run, context, ti, omics_local, monkeypatch):
    if call != "start_run":
        deferred(start_run(deferrable=True), context)
        ti.try_number = 2
    expired = [ClientError({"Error": {"Code": "ExpiredTokenException"}}, call)]
    real = getattr(OmicsHook, call)
    monkeypatch.setattr(
        OmicsHook, call, lambda *given: (_ for _ in ()).throw(expired.pop()) if expired else real(*given)
    )
    deferred(start_run(deferrable=True), context)
    assert expired == []
    assert len(omics_local.runs()) == 1


def test_a_run_that_follows_a_dying_one_gets_no_more_time(start_run, context, ti, omics_local):
    operator = start_run(deferrable=True, execution_timeout=timedelta(hours=1))
    deferred(operator, context)
    omics_local.force(ti.xcom["run_id"], "STOPPING")
    ti.try_number = 2
    waiting = deferred(operator, context)
    run = Run(**waiting.trigger.run_args)
    omics_local.force(run.id, "FAILED", failureReason="SERVICE_ERROR")
    event = RunEvent(replace(run, status="FAILED")).serialize()
    kwargs = {**waiting.kwargs, "deadline": waiting.kwargs["deadline"] - 1000}
    with pytest.raises(TaskDeferred) as again:
        operator.execute_complete(context, event, **kwargs)
    assert again.value.trigger.deadline == kwargs["deadline"]


def test_a_run_that_ended_before_the_deadline_was_noticed_counts(start_run, context, omics_local):
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=10))
    run = Run(**deferred(operator, context).trigger.run_args)
    omics_local.force(run.id, "COMPLETED")
    event = RunEvent(run, timed_out=True).serialize()
    assert operator.execute_complete(context, event)["status"] == "COMPLETED"


def test_a_run_that_the_trigger_cancelled_is_a_time_out_whatever_became_of_it(start_run, context, omics_local):
    operator = start_run(deferrable=True, execution_timeout=timedelta(seconds=10))
    run = Run(**deferred(operator, context).trigger.run_args)
    event = RunEvent(replace(run, status="RUNNING"), timed_out=True, cancelled=True).serialize()
    with pytest.raises(RunTimeoutError, match=r"run .* RUNNING: not ended within execution_timeout 0:00:10; cancelled"):
        operator.execute_complete(context, event)
    assert "CancelRun" not in omics_local.counts()


def test_the_deadline_counts_from_before_anything_is_imported(start_run, context, monkeypatch):
    """On a slow machine boto3 takes seconds, for which Airflow's own clock runs."""
    operator = start_run(deferrable=True, execution_timeout=timedelta(hours=1))
    real_begin = operator._begin
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False) as now:
        began = time.time()

        def begin_late(*given):
            now.shift(12)
            return real_begin(*given)

        monkeypatch.setattr(operator, "_begin", begin_late)
        assert deferred(operator, context).trigger.deadline == began + 3590


@pytest.mark.skipif(not AIRFLOW_2, reason="Airflow 3 resumes a task whatever the time")
@pytest.mark.parametrize(("cancel_on_kill", "late", "cancelled"), [(True, 1, 1), (False, 1, 0), (True, -600, 0)])
def test_a_task_that_airflow_ends_in_place_of_resuming_it(
    cancel_on_kill, late, cancelled, start_run, context, ti, omics_local
):
    from airflow.exceptions import AirflowTaskTimeout  # noqa: PLC0415 - of Airflow 2 alone
    from airflow.models.taskinstance import _execute_task, set_current_context  # noqa: PLC0415 - likewise

    deferred(start_run(deferrable=True), context)
    operator = start_run(deferrable=True, execution_timeout=timedelta(hours=1), cancel_on_kill=cancel_on_kill)
    ti.start_date = datetime.now(UTC) - timedelta(hours=1, seconds=late)
    ti.task, ti.next_method, ti.next_kwargs = operator, "execute_complete", {}
    with set_current_context(context):
        if late > 0:
            with pytest.raises(AirflowTaskTimeout):
                _execute_task(ti, context, operator)
        else:
            operator.on_kill()
    assert omics_local.counts().get("CancelRun", 0) == cancelled
