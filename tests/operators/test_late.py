# SPDX-License-Identifier: Apache-2.0
"""When a try's time is up: what its worker cannot cancel, or not learn, and what it says then."""

import json
import threading
import time
from datetime import timedelta

import pytest

from airflow_provider_omics.cancellation import cancel_run, worker
from airflow_provider_omics.exceptions import ReadSetJobWaitError, RunTimeoutError, StartRunRefusedError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.tasks import attempt_end
from tests.operators.deferring import deferred, fired
from tests.operators.test_faults import ONCE


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(cancel_run, "_AGAIN", 0.05)
    monkeypatch.setattr(cancel_run.cancel, "__kwdefaults__", {"pause": lambda _faults: 0.05})


@pytest.fixture
def late(start_run, omics_local, monkeypatch):
    """Return a function that makes an operator whose run outlives it."""
    omics_local.clock.freeze()
    monkeypatch.setattr(worker, "task_states", lambda _tis: ["running"])
    monkeypatch.setattr(worker, "is_current_try", lambda _ti: True)
    return lambda **arguments: start_run(execution_timeout=timedelta(seconds=0.5), **arguments)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_time_out_of_zero_is_none_as_for_airflow(deferrable, start_run, context, omics_local):
    omics_local.clock.freeze()
    ending = threading.Timer(0.5, omics_local.clock.resume)
    operator = start_run(execution_timeout=timedelta(0), deferrable=deferrable)
    ending.start()
    if deferrable:
        waiting = deferred(operator, context)
        assert operator.execute_complete(context, fired(waiting), **waiting.kwargs)["status"] == "COMPLETED"
    else:
        assert operator.execute(context)["status"] == "COMPLETED"
    ending.join()
    assert "CancelRun" not in omics_local.counts()


def at_the_deadline(monkeypatch, what):
    """Do something when the time is up."""
    time_out = attempt_end.time_out
    monkeypatch.setattr(attempt_end, "time_out", lambda attempt, run: what() or time_out(attempt, run))


def test_a_connection_that_is_missing_for_a_moment_leaves_no_run(late, context, omics_local, monkeypatch):
    there = json.dumps(omics_local.airflow_connection())
    monkeypatch.setenv("AIRFLOW_CONN_AWS_OWN", there)
    at_the_deadline(monkeypatch, lambda: monkeypatch.delenv("AIRFLOW_CONN_AWS_OWN"))
    renew = OmicsHook.renew
    monkeypatch.setattr(
        OmicsHook, "renew", lambda self: monkeypatch.setenv("AIRFLOW_CONN_AWS_OWN", there) or renew(self)
    )
    with pytest.raises(RunTimeoutError, match="cancelled"):
        late(aws_conn_id="aws_own").execute(context)
    assert omics_local.runs()[0]["status"] == "STOPPING"


def test_credentials_that_are_missing_for_a_moment_leave_no_run(late, context, omics_local, monkeypatch):
    there = omics_local.airflow_connection()
    without = {name: value for name, value in there.items() if name not in ("login", "password")}
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def lead(connection):
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))

    at_the_deadline(monkeypatch, lambda: lead(without))
    renew = OmicsHook.renew
    monkeypatch.setattr(OmicsHook, "renew", lambda self: lead(there) or renew(self))
    with pytest.raises(RunTimeoutError, match="cancelled"):
        late().execute(context)
    assert omics_local.runs()[0]["status"] == "STOPPING"


def test_a_run_that_may_not_be_cancelled_is_named(late, context, omics_local):
    omics_local.fault("CancelRun", "error", code="AccessDeniedException")
    with pytest.raises(RunTimeoutError, match=r"is not cancelled and goes on: .*AccessDenied.*CancelOmicsRunOperator"):
        late().execute(context)


def test_a_run_that_is_left_alone_may_be_out_of_sight(late, context, omics_local, monkeypatch):
    at_the_deadline(monkeypatch, lambda: omics_local.fault("GetRun", "error", code="503"))
    with pytest.raises(RunTimeoutError, match="it goes on, as cancel_on_kill=False says"):
        late(cancel_on_kill=False, botocore_config=ONCE).execute(context)


@pytest.mark.parametrize("missing", [(), ("uuid", "arn", "run_output_uri")], ids=["all XComs", "its id alone"])
def test_a_run_that_is_not_visible_yet_when_airflow_ends_the_deferral_is_cancelled(
    missing, start_run, context, ti, omics_local
):
    """The process that pushed its XComs may have died before the last one."""
    omics_local.clock.freeze()
    deferred(start_run(deferrable=True), context)
    for key in missing:
        del ti.xcom[key]
    omics_local.fault("GetRun", "error", code="ResourceNotFoundException", times=2)
    attempt_end.cancel_deferred(start_run(deferrable=True)._begin(context))
    assert omics_local.runs()[0]["status"] == "STOPPING"


def test_what_stands_in_the_way_of_that_does_not_hide_the_time_out(start_run, context, omics_local, caplog):
    omics_local.clock.freeze()
    deferred(start_run(deferrable=True), context)
    omics_local.fault("CancelRun", "error", code="AccessDeniedException")
    attempt_end.cancel_deferred(start_run(deferrable=True)._begin(context))
    assert "is not cancelled and may go on: An error occurred (AccessDenied" in caplog.text


def test_an_import_whose_read_sets_nobody_could_ask_for_is_no_success(stored, context, omics_local):
    operator = stored.importing("a", deferrable=True, botocore_config=ONCE)
    waiting = deferred(operator, context)
    event = fired(waiting)
    omics_local.fault("GetReadSetImportJob", "error", code="503")
    late = {**waiting.kwargs["waiting"], "deadline": time.time() - 1}
    with pytest.raises(ReadSetJobWaitError, match="does not return which sources"):
        operator.execute_complete(context, event, **{**waiting.kwargs, "waiting": late})


def test_a_run_whose_start_was_never_answered_does_not_outlive_the_deadline(late, context, omics_local):
    omics_local.fault("StartRun", "lost", times=1)
    omics_local.fault("ListRuns", "error", code="503", times=8)
    with pytest.raises(StartRunRefusedError, match="does not answer"):
        late(botocore_config=ONCE).execute(context)
    assert [run["status"] for run in omics_local.runs()] == ["STOPPING"]
