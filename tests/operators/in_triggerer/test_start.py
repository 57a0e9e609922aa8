# SPDX-License-Identifier: Apache-2.0
"""A deferrable task's run is started in the triggerer: what is asked, kept, shown and told."""

import asyncio
import json
from dataclasses import asdict
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.compat import AIRFLOW_2
from airflow_provider_omics.exceptions import (
    OmicsRequestError,
    StartRunConflictError,
    StartRunDeniedError,
    StartRunElsewhereError,
    StartRunRefusedError,
    StartRunRequestError,
)
from airflow_provider_omics.lifecycle.marker import KEY, Marker
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.triggers.start_run import OmicsStartRunTrigger
from tests.operators.conftest import INTENTION
from tests.operators.deferring import deferred
from tests.operators.in_triggerer.triggerer import THROTTLED, fired, of_database, resumed, started

pytestmark = pytest.mark.usefixtures("in_triggerer")


def test_a_worker_only_defers(start_run, context, ti, omics_local):
    deferral = deferred(start_run(deferrable=True), context)
    assert isinstance(deferral.trigger, OmicsStartRunTrigger)
    assert set(omics_local.counts()) <= {"sts:GetCallerIdentity"}
    assert set(ti.xcom) == {KEY}
    assert deferral.trigger.account == "123456789012"
    assert deferral.trigger.region == "us-east-1"


def test_the_run_is_started_waited_for_and_shown(start_run, context, ti, omics_local):
    operator = start_run(deferrable=True, parameters={"sample": "as rendered"})
    result = resumed(start_run(deferrable=True), context, deferred(operator, context))
    [run] = omics_local.runs()
    assert run["request"]["parameters"] == {"sample": "as rendered"}
    assert run["tags"] == INTENTION.tags(INTENTION.request_id(0))
    assert result["status"] == "COMPLETED"
    assert {key: ti.xcom[key] for key in result if key != "status"} == {
        key: value for key, value in result.items() if key != "status"
    }
    assert omics_local.counts()["StartRun"] == 1
    assert "ListRuns" not in omics_local.counts()


@pytest.mark.parametrize("region", [None, "us-east-1"])
def test_a_region_of_botocores_own_options_holds_in_worker_and_triggerer(region, start_run, context, omics_local):
    operator = start_run(deferrable=True, region_name=region, botocore_config={"region_name": "eu-north-1"})
    deferral = deferred(operator, context)
    assert deferral.trigger.region == "eu-north-1"
    assert resumed(operator, context, deferral)["status"] == "COMPLETED"
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen")
def test_xcoms_and_links_are_there_while_it_waits(start_run, context, ti, omics_local):
    operator = start_run(deferrable=True)
    trigger = of_database(deferred(operator, context).trigger)

    async def go():
        going = await started(trigger, omics_local)
        going.cancel()

    asyncio.run(go())
    assert ti.xcom["run_id"] == omics_local.runs()[0]["id"]
    links = {link.xcom_key for link in operator.operator_extra_links if hasattr(link, "xcom_key")}
    assert {key for key in ti.xcom if key.startswith("_link_")} == links


@pytest.mark.usefixtures("frozen")
def test_a_waiting_trigger_has_let_the_request_go(start_run, context, omics_local):
    trigger = of_database(deferred(start_run(deferrable=True), context).trigger)

    async def go():
        (await started(trigger, omics_local)).cancel()

    asyncio.run(go())
    assert (trigger.request, trigger._driver) == ({}, None)


@pytest.mark.usefixtures("frozen")
def test_without_waiting_the_task_ends_when_the_run_has_started(start_run, context, omics_local):
    operator = start_run(deferrable=True, wait_for_completion=False)
    assert resumed(operator, context, deferred(operator, context))["status"] == "PENDING"
    assert len(omics_local.runs()) == 1


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_task_that_is_to_wait_by_now_waits(deferrable, start_run, context, omics_local):
    """The DAG file was edited while the task was deferred."""
    omics_local.clock.freeze()
    deferral = deferred(start_run(deferrable=True, wait_for_completion=False), context)
    event = fired(deferral)
    edited = start_run(deferrable=deferrable)
    omics_local.clock.resume()
    if deferrable:
        deferral = deferred_again(edited, context, event, deferral)
        event = fired(deferral)
    assert edited.execute_complete(context, event, **deferral.kwargs)["status"] == "COMPLETED"
    assert len(omics_local.runs()) == 1


def deferred_again(operator, context, event, deferral):
    with pytest.raises(TaskDeferred) as again:
        operator.execute_complete(context, event, **deferral.kwargs)
    return again.value


def test_a_refusal_is_waited_out_and_told(start_run, context, omics_local, caplog):
    omics_local.fault("StartRun", times=2, **THROTTLED)
    operator = start_run(deferrable=True)
    assert resumed(operator, context, deferred(operator, context))["status"] == "COMPLETED"
    assert omics_local.counts()["StartRun"] == 3
    assert any("StartRun is called again" in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (THROTTLED, "No run was started: .*ThrottlingException.*include_deferred"),
        (
            {"kind": "error", "code": "ServiceQuotaExceededException", "message": "You have 100000 runs"},
            "retention_mode",
        ),
        ({"kind": "drop"}, "does not answer: .*a retry finds it"),
    ],
    ids=["throttled", "full", "drop"],
)
def test_when_the_time_is_up_it_says_why(fault, told, start_run, context, omics_local):
    omics_local.fault("StartRun", probability=1, **fault)
    operator = start_run(deferrable=True, submit_timeout=timedelta(seconds=2))
    with pytest.raises(StartRunRefusedError, match=told):
        resumed(operator, context, deferred(operator, context))
    assert omics_local.runs() == []


@pytest.mark.parametrize(
    ("code", "error", "told"),
    [
        ("AccessDeniedException", StartRunDeniedError, "denied to arn:aws:iam::123456789012:user/local.*iam:PassRole"),
        ("ValidationException", StartRunRequestError, "ValidationException"),
    ],
)
def test_what_is_refused_for_good_fails_as_in_a_worker(code, error, told, start_run, context, omics_local):
    omics_local.fault("StartRun", "error", code=code, probability=1)
    operator = start_run(deferrable=True)
    with pytest.raises(error, match=told):
        resumed(operator, context, deferred(operator, context))
    assert omics_local.counts()["StartRun"] == 1


@pytest.mark.usefixtures("frozen")
def test_a_lost_answer_starts_nothing_twice(start_run, context, omics_local):
    omics_local.fault("StartRun", "lost", times=1)
    trigger = of_database(deferred(start_run(deferrable=True), context).trigger)

    async def go():
        (await started(trigger, omics_local)).cancel()

    asyncio.run(go())
    assert len(omics_local.runs()) == 1


def test_a_triggerer_of_another_account_asks_nothing(start_run, context, omics_local):
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    deferral.trigger.account = "999999999999"
    with pytest.raises(StartRunElsewhereError, match=r"aws_default.*999999999999.*123456789012"):
        resumed(operator, context, deferral)
    assert not {"StartRun", "ListRuns", "GetRun"} & omics_local.counts().keys()


def test_a_409_about_a_run_that_nothing_finds_names_the_request_id(start_run, context, omics_local):
    omics_local.fault("StartRun", "error", code="ConflictException", probability=1)
    operator = start_run(deferrable=True)
    with pytest.raises(StartRunConflictError, match=rf"requestId {INTENTION.request_id(0)} is taken"):
        resumed(operator, context, deferred(operator, context))


@pytest.mark.skipif(AIRFLOW_2, reason="Airflow 3 keeps such keys for its own objects")
def test_what_airflow_cannot_store_is_refused(start_run, context, omics_local):
    odd = start_run(deferrable=True, start_run_kwargs={"futureMember": {"__classname__": "x", "__version__": 1}})
    with pytest.raises(OmicsRequestError, match="Airflow cannot store the arguments of the trigger"):
        odd.execute(context)
    assert omics_local.counts() == {}


def test_an_event_of_a_start_that_failed_survives_json():
    event = RunEvent(None, error="no", failure="StartRunDeniedError")
    assert RunEvent.deserialize(json.loads(json.dumps(event.serialize()))) == event


def test_the_worker_and_the_trigger_write_the_same_marker(start_run, context, ti):
    deferred(start_run(deferrable=True), context)
    assert ti.xcom[KEY] == asdict(Marker(INTENTION.digest, 1))
