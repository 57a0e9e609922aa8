# SPDX-License-Identifier: Apache-2.0
"""Planned faults, of HealthOmics and of the services beside it."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

CONFLICT = ("ConflictException", 409)


def test_a_dropped_call_is_never_handled(start, omics_local):
    omics_local.fault("StartRun", "drop")
    with pytest.raises(ConnectionClosedError):
        start(requestId="r")
    assert omics_local.runs() == []
    assert start(requestId="r")
    assert omics_local.counts()["StartRun"] == 2


def test_a_lost_answer_is_of_a_handled_call(start, omics_local):
    omics_local.fault("StartRun", "lost")
    with pytest.raises(ConnectionClosedError):
        start(requestId="r")
    [run] = omics_local.runs()
    assert start(requestId="r")["id"] == run["id"]
    assert len(omics_local.runs()) == 1


def test_botocores_retries_after_a_lost_answer_start_one_run(omics_local):
    omics_local.workflow(id="1234567")
    omics_local.fault("StartRun", "lost", times=2)
    client = omics_local.client("omics", retries={"total_max_attempts": 3, "mode": "standard"})
    run = client.start_run(workflowId="1234567", roleArn="arn:x", outputUri="s3://b")
    assert [known["id"] for known in omics_local.runs()] == [run["id"]]
    assert len({call["request_id"] for call in omics_local.calls("StartRun")}) == 1
    assert omics_local.counts() == {"StartRun": 3}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ValidationException", 400),
        ("ServiceQuotaExceededException", 402),
        ("AccessDeniedException", 403),
        ("ExpiredTokenException", 403),
        ("ResourceNotFoundException", 404),
        ("RequestTimeoutException", 408),
        ("ConflictException", 409),
        ("ThrottlingException", 429),
        ("InternalServerException", 500),
    ],
)
def test_any_error(code, status, start, omics_local, refused):
    omics_local.fault("StartRun", "error", code=code, message="planned")
    assert refused(start) == (code, status)
    assert omics_local.runs() == []
    assert start()


def test_a_delayed_answer(start, client, omics_local):
    run_id = start()["id"]
    omics_local.fault("GetRun", "delay", seconds=0.5)
    began = time.monotonic()
    assert client.get_run(id=run_id)["id"] == run_id
    assert time.monotonic() - began >= 0.5
    # So long that the answer is not there even if this process sleeps for a while.
    omics_local.fault("GetRun", "delay", seconds=60)
    with pytest.raises(ReadTimeoutError):
        omics_local.client("omics", read_timeout=0.1).get_run(id=run_id)


def test_a_fault_of_any_operation_until_it_is_dropped(start, client, omics_local):
    omics_local.fault("*", "error", times=None)
    for call in (start, client.list_runs, client.list_runs):
        with pytest.raises(ClientError, match="InternalServerException"):
            call()
    omics_local.clear_faults()
    assert start()


def test_a_fault_with_a_probability_strikes_some(client, omics_local):
    omics_local.fault("ListRuns", "error", probability=0.5)
    outcomes = set()
    for _ in range(60):
        try:
            client.list_runs()
            outcomes.add("ok")
        except ClientError:
            outcomes.add("error")
    assert outcomes == {"ok", "error"}


def test_a_fault_strikes_calls_that_contain_a_text(start, omics_local, refused):
    omics_local.fault("StartRun", "error", code="ServiceQuotaExceededException", containing="NA12891", times=None)
    for _ in range(2):
        assert start(parameters={"sample": "NA12878"})
        assert refused(start, parameters={"sample": "NA12891"}) == ("ServiceQuotaExceededException", 402)


def test_a_fault_counts_the_calls_that_it_struck(start, client, omics_local):
    omics_local.fault("ListRuns", "delay", probability=1, seconds=0)
    assert start()
    for _ in range(2):
        client.list_runs()
    [fault] = omics_local.faults()
    assert (fault["operation"], fault["kind"], fault["struck"]) == ("ListRuns", "delay", 2)
    omics_local.clear_faults()
    assert omics_local.faults() == []


@pytest.mark.parametrize(
    "fault", [("StartRuns", "drop", {}), ("StartRun", "burn", {}), ("StartRun", "error", {"code": "Oops"})]
)
def test_a_fault_that_cannot_be_is_refused(fault, omics_local):
    operation, kind, members = fault
    with pytest.raises(ValueError, match=r"no (operation|error)|kind cannot be"):
        omics_local.fault(operation, kind, **members)


@pytest.mark.parametrize(
    ("operation", "code", "status"),
    [
        ("logs:GetLogEvents", "AccessDeniedException", 400),
        ("logs:GetLogEvents", "ThrottlingException", 400),
        ("s3:GetObject", "AccessDenied", 403),
        ("s3:GetObject", "SlowDown", 503),
    ],
)
def test_services_beside_it_fail_as_planned_and_others_go_on(operation, code, status, omics_local):
    s3, logs = omics_local.client("s3"), omics_local.client("logs")
    s3.create_bucket(Bucket="bucket")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    calls = {
        "s3:GetObject": lambda: s3.get_object(Bucket="bucket", Key="a/b"),
        "logs:GetLogEvents": lambda: logs.get_log_events(logGroupName="g", logStreamName="s"),
    }
    omics_local.fault(operation, "error", code=code, message="a < b")
    s3.put_object(Bucket="bucket", Key="a/b", Body=b"x")
    s3.list_objects_v2(Bucket="bucket")
    omics_local.client().list_runs()
    with pytest.raises(ClientError) as caught:
        calls[operation]()
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert answer["Error"]["Message"] == "a < b"
    for call in calls.values():
        call()


def test_a_fault_of_s3_is_for_clients_not_for_the_endpoints_own_calls(client, omics_local, start):
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="settings", Body=b'[{"runSettingId": "a"}]')
    omics_local.fault("s3:GetObject", "error", code="AccessDenied")
    start()
    setting = {"workflowId": "1234567", "roleArn": "arn:aws:iam::123456789012:role/omics", "outputUri": "s3://bucket"}
    client.start_run_batch(defaultRunSetting=setting, batchRunSettings={"s3UriSettings": "s3://bucket/settings"})
    assert [fault["struck"] for fault in omics_local.faults()] == [0]
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.get_object(Bucket="bucket", Key="settings")


def test_a_fault_of_any_operation_is_not_one_of_the_services_beside_it(omics_local):
    omics_local.fault("*", "error")
    omics_local.client("s3").create_bucket(Bucket="bucket")
    with pytest.raises(ClientError, match="InternalServerException"):
        omics_local.client().list_runs()


@pytest.mark.parametrize(
    ("fault", "error"),
    [({"kind": "drop"}, ConnectionClosedError), ({"kind": "delay", "seconds": 3.0}, ReadTimeoutError)],
)
def test_services_beside_it_hang_up_or_wait(fault, error, omics_local):
    s3 = omics_local.client("s3", read_timeout=1)
    s3.create_bucket(Bucket="bucket")
    omics_local.fault("s3:ListObjectsV2", **fault)
    with pytest.raises(error):
        s3.list_objects_v2(Bucket="bucket")
    s3.list_objects_v2(Bucket="bucket")


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"operation": "s3:GetObject", "kind": "error", "code": "ThrottlingException"}, "SlowDown"),
        ({"operation": "s3:GetObject", "kind": "lost"}, "cannot be lost"),
        ({"operation": "s3:GetObject", "kind": "drop", "containing": "NA12891"}, "any call"),
        ({"operation": "sqs:SendMessage", "kind": "drop"}, "no operation"),
    ],
)
def test_a_fault_that_no_service_has_is_refused(fault, why, omics_local):
    with pytest.raises(ValueError, match=why):
        omics_local.fault(**fault)
