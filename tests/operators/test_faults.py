# SPDX-License-Identifier: Apache-2.0
"""Faults that pass while a worker waits for its run, or has not started it yet."""

import json
import logging
from datetime import timedelta

import pytest
from botocore.exceptions import NoCredentialsError

from airflow_provider_omics.exceptions import (
    ConnectionNotFoundError,
    RunWaitError,
    StartRunRefusedError,
)
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.lifecycle import in_worker
from airflow_provider_omics.sensors.run import OmicsRunSensor
from tests.operators.deferring import deferred, next_try, resumed

# More than a client repeats by itself.
SOME = 4
ONCE = {"retries": {"mode": "standard", "total_max_attempts": 1}}
PASSING = ["429", "408", "503", "Throttling", "RequestTimeout", "UnrecognizedClientException"]


@pytest.mark.parametrize("code", PASSING)
def test_a_worker_that_waits_bears_them(start_run, context, omics_local, code, caplog):
    omics_local.fault("GetRun", "error", code=code, times=SOME)
    caplog.set_level(logging.INFO)
    assert start_run(botocore_config=ONCE).execute(context)["status"] == "COMPLETED"
    assert omics_local.faults() == []
    told = [record.levelname for record in caplog.records if "trying again" in record.getMessage()]
    assert told == ["WARNING", *["INFO"] * (SOME - 1)]


@pytest.mark.parametrize("code", PASSING)
def test_start_run_is_asked_again(start_run, context, omics_local, code):
    omics_local.fault("StartRun", "error", code=code, times=SOME)
    assert start_run().execute(context)["status"] == "COMPLETED"
    assert len(omics_local.runs()) == 1


@pytest.mark.parametrize("code", PASSING)
def test_a_retry_that_looks_for_its_run_bears_them(start_run, context, ti, omics_local, code):
    ti.try_number = 2
    omics_local.fault("ListRuns", "error", code=code, times=SOME)
    assert start_run(botocore_config=ONCE).execute(context)["status"] == "COMPLETED"
    assert omics_local.faults() == []
    assert len(omics_local.runs()) == 1


def test_the_connection_is_read_anew_while_a_worker_waits(start_run, context, omics_local, monkeypatch):
    there = json.dumps(omics_local.airflow_connection())
    looks = []
    get_run = OmicsHook.get_run

    def look(self, run):
        looks.append(run)
        if len(looks) == 1:  # What is read from now on leads nowhere.
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", there.replace(omics_local.url, "http://127.0.0.1:9"))
            raise ConnectionResetError("cut off")
        if len(looks) == SOME:
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", there)
        if len(looks) < SOME:
            raise ConnectionResetError("cut off")
        return get_run(self, run)

    monkeypatch.setattr(OmicsHook, "get_run", look)
    assert start_run(botocore_config=ONCE).execute(context)["status"] == "COMPLETED"


def test_when_the_time_to_start_is_up_the_error_says_what_is_wrong(start_run, context, omics_local):
    omics_local.fault("StartRun", "drop", probability=1)
    with pytest.raises(StartRunRefusedError, match=r"HealthOmics does not answer: Connection.*a retry finds it"):
        start_run(submit_timeout=timedelta(seconds=0.2)).execute(context)


def test_missing_credentials_end_the_try_when_the_time_to_start_is_up(
    start_run, context, omics_local, monkeypatch, caplog
):
    monkeypatch.setattr(in_worker, "back_off", lambda _faults: 0.02)
    monkeypatch.setattr(in_worker, "_MAX_FAULTS", 1)
    without = omics_local.airflow_connection()
    del without["login"], without["password"]
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(without))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    caplog.set_level(logging.INFO)
    with pytest.raises(StartRunRefusedError, match="does not answer: Unable to locate credentials") as caught:
        start_run(submit_timeout=6).execute(context)
    assert isinstance(caught.value.__cause__, NoCredentialsError)
    told = [record.levelname for record in caplog.records if "Trying again in" in record.getMessage()]
    assert len(told) > 2
    assert told.count("WARNING") == 1


def test_keys_that_are_replaced_meanwhile_are_read(start_run, context, omics_local, monkeypatch):
    without = omics_local.airflow_connection()
    del without["login"], without["password"]
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(without))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    asked = []

    def back_off(_faults):
        asked.append(_faults)
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(omics_local.airflow_connection()))
        return 0.01

    monkeypatch.setattr(in_worker, "back_off", back_off)
    assert start_run().execute(context)["status"] == "COMPLETED"
    assert asked == [1]


def test_a_connection_that_is_not_there_is_an_error_before_any_call(start_run, context, omics_local):
    with pytest.raises(ConnectionNotFoundError, match=r"aws_conn_id='nowhere'.*aws_conn_id=None"):
        start_run(aws_conn_id="nowhere").execute(context)
    assert omics_local.counts() == {}


def test_what_does_not_pass_is_an_error_at_once(start_run, context, omics_local):
    omics_local.fault("GetRun", "error", code="AccessDeniedException", times=1)
    with pytest.raises(RunWaitError, match=r"^Waiting for run \d+ \(\w+\) failed, and the run goes on: .*AccessDenied"):
        start_run().execute(context)
    assert len(omics_local.runs()) == 1


@pytest.fixture
def denied(start_run, context, ti, omics_local):
    """Let a second try start in which GetRun is denied; return the run's id."""
    omics_local.clock.freeze()
    deferred(start_run(deferrable=True), context)
    next_try(ti)
    omics_local.fault("GetRun", "error", code="AccessDeniedException", probability=1)
    return omics_local.runs()[0]["id"]


def goes_on(run_id):
    return pytest.raises(RunWaitError, match=rf"^Waiting for run {run_id} .* and the run goes on: .*AccessDenied")


def test_a_retry_that_may_not_get_its_run_says_that_it_goes_on(denied, start_run, context):
    with goes_on(denied):
        start_run().execute(context)


def test_a_retry_that_may_not_get_its_run_in_the_triggerer_says_so_too(denied, start_run, context, in_triggerer):  # noqa: ARG001 - the fixture
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    with goes_on(denied):
        resumed(operator, context, deferral)


def test_a_sensor_in_its_worker_bears_them_and_warns_once(start_run, context, omics_local, monkeypatch, caplog):
    run = start_run(wait_for_completion=False).execute(context)
    there = json.dumps(omics_local.airflow_connection())
    monkeypatch.setenv("AIRFLOW_CONN_AWS_OWN", there)
    looks, get_run = [], OmicsHook.get_run

    def look(self, run):
        looks.append(run)
        if len(looks) == 1:  # A secrets backend fails once.
            monkeypatch.delenv("AIRFLOW_CONN_AWS_OWN")
            self.renew()
        try:
            return get_run(self, run)
        finally:
            monkeypatch.setenv("AIRFLOW_CONN_AWS_OWN", there)

    monkeypatch.setattr(OmicsHook, "get_run", look)
    omics_local.fault("GetRun", "error", code="503", times=SOME)
    caplog.set_level(logging.INFO)
    sensor = OmicsRunSensor(
        task_id="wait", run_id=run["run_id"], aws_conn_id="aws_own", poke_interval=0.05, botocore_config=ONCE
    )
    assert sensor.execute(context)["status"] == "COMPLETED"
    told = [record.levelname for record in caplog.records if "trying again" in record.getMessage()]
    assert told == ["WARNING", *["INFO"] * SOME]


def test_a_sensor_whose_connection_is_not_there_fails_before_any_call(start_run, context, omics_local):
    start_run()
    with pytest.raises(ConnectionNotFoundError):
        OmicsRunSensor(task_id="wait", run_id="1234567", aws_conn_id="nowhere").execute(context)
    assert omics_local.counts() == {}
