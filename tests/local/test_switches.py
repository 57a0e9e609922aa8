# SPDX-License-Identifier: Apache-2.0
"""The behaviours that HealthOmics has not published, faults, and quotas."""

from __future__ import annotations

import threading
import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from airflow_provider_omics.local.server import Server
from airflow_provider_omics.local.testing import LocalOmics

CONFLICT = ("ConflictException", 409)


def test_a_repeated_request_gets_the_first_answer(start, omics_local, frozen):
    first = start(requestId="r", parameters={"a": 1})
    frozen.advance(3600)
    again = start(requestId="r", parameters={"a": 1})
    assert {**first, "ResponseMetadata": None} == {**again, "ResponseMetadata": None}
    assert len(omics_local.runs()) == 1


def test_a_repeated_request_can_conflict(start, omics_local, refused):
    omics_local.switch(request_id_repeat="conflict")
    start(requestId="r")
    assert refused(start, requestId="r") == CONFLICT
    assert len(omics_local.runs()) == 1


def test_other_input_conflicts_or_not(start, omics_local, refused):
    first = start(requestId="r", parameters={"a": 1})
    assert refused(start, requestId="r", parameters={"a": 2}) == CONFLICT
    omics_local.switch(request_id_other_input="replay")
    assert start(requestId="r", parameters={"a": 2})["id"] == first["id"]
    assert len(omics_local.runs()) == 1


def test_a_request_id_can_be_forgotten(start, omics_local, frozen):
    omics_local.switch(request_id_lifetime=100)
    first = start(requestId="r")
    frozen.advance(99)
    assert start(requestId="r")["id"] == first["id"]
    frozen.advance(1)
    assert start(requestId="r")["id"] != first["id"]


def test_a_refused_request_leaves_its_id_free(start, refused):
    assert refused(start, requestId="r", workflowId="9") == ("ResourceNotFoundException", 404)
    assert start(requestId="r")["status"] == "PENDING"


def test_an_ended_run_can_or_cannot_be_cancelled(start, client, omics_local, refused, frozen):
    run_id = start()["id"]
    frozen.advance(60)
    assert refused(client.cancel_run, id=run_id) == CONFLICT
    omics_local.switch(cancel_ended="accept")
    client.cancel_run(id=run_id)
    assert client.get_run(id=run_id)["status"] == "COMPLETED"


def test_ids_of_deleted_runs_come_back(start, client, omics_local, frozen):
    omics_local.switch(reuse_run_ids=True)
    first = start()
    frozen.advance(60)
    client.delete_run(id=first["id"])
    again = start()
    assert (again["id"], again["uuid"] != first["uuid"]) == (first["id"], True)
    assert client.get_run(id=first["id"])["status"] == "PENDING"


def test_a_new_run_is_listed_and_found_late(start, client, omics_local, refused, frozen):
    omics_local.switch(list_delay=10, get_delay=3)
    run_id = start()["id"]
    assert refused(client.get_run, id=run_id) == ("ResourceNotFoundException", 404)
    frozen.advance(3)
    assert client.get_run(id=run_id)["id"] == run_id
    assert client.list_runs()["items"] == []
    frozen.advance(7)
    assert [run["id"] for run in client.list_runs()["items"]] == [run_id]


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"},
        {"speed": 0},
        {"speed": "fast"},
        {"request_id_repeat": "maybe"},
        {"quotas": {"GetRun": 0}},
        {"event_copies": 11},
    ],
)
def test_a_setting_that_means_nothing_is_refused(change, omics_local):
    before = omics_local.switch()
    with pytest.raises(ValueError, match=next(iter(change))):
        omics_local.switch(**change)
    assert omics_local.switch() == before


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


def test_a_fault_of_any_operation_until_it_is_forgiven(start, client, omics_local):
    omics_local.fault("*", "error", times=None)
    for call in (start, client.list_runs, client.list_runs):
        with pytest.raises(ClientError, match="InternalServerException"):
            call()
    omics_local.forgive()
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
    omics_local.forgive()
    assert omics_local.faults() == []


@pytest.mark.parametrize(
    "fault", [("StartRuns", "drop", {}), ("StartRun", "burn", {}), ("StartRun", "error", {"code": "Oops"})]
)
def test_a_fault_that_cannot_be_is_refused(fault, omics_local):
    operation, kind, members = fault
    with pytest.raises(ValueError, match=r"no (operation|error)|kind cannot be"):
        omics_local.fault(operation, kind, **members)


@pytest.mark.parametrize(
    ("path", "document", "says"),
    [
        ("faults", {"operation": "GetRun", "kind": "drop", "times": 0}, "times cannot be 0"),
        ("faults", {"operation": "GetRun", "kind": "drop", "times": -1}, "times cannot be -1"),
        ("faults", {"operation": "GetRun", "kind": "drop", "probability": 7}, "probability cannot be 7"),
        ("faults", {"operation": "GetRun", "kind": "drop", "probability": 0}, "probability cannot be 0"),
        ("faults", {"operation": "GetRun", "kind": "delay", "seconds": -1}, "seconds cannot be -1"),
        ("scripts", {"times": 0}, "times cannot be 0"),
        ("scripts", {"running": -5}, "running cannot be -5"),
        ("settings", {"quotas": {"StartRuns": 1}}, "quotas cannot be of 'StartRuns'"),
        ("settings", {"list_delay": -1}, "list_delay cannot be -1"),
        ("workflows", {"nmae": "x"}, "A workflow has no 'nmae'"),
    ],
)
def test_what_means_nothing_is_refused(path, document, says, omics_local):
    with pytest.raises(ValueError, match=says):
        omics_local.call("POST", path, document)


CLOCK = [
    {"advance": 1e15},
    {"advance": 1e400},
    {"advance": -1e11},
    {"advance": 10**400},
    {"advance": "1"},
    {"freeze": 1},
]
FAULT = {"operation": "GetRun", "kind": "drop"}
FAULTS = [{**FAULT, name: "x"} for name in ("probability", "times", "seconds")] + [
    {**FAULT, "message": 1},
    {**FAULT, "struck": 1},
    {"kind": "drop"},
]
TASKS = [{"status": "NOPE"}, {"cpus": "2"}, {"log": "text"}, {"log": [1]}, {"statusMessage": 1}]
SCRIPTS = [
    {"running": "5"},
    {"times": "x"},
    {"name": 1},
    {"tasks": 5},
    {"tasks": [5]},
    {"log": "text"},
    {"outputs": []},
]
SCRIPTS += [{"tasks": [{"name": "t", **task}]} for task in TASKS]
SETTINGS = [{"speed": float("nan")}, {"speed": float("inf")}, {"list_delay": 10**400}, {"quotas": {"GetRun": "x"}}]
WORKFLOWS = [{"id": 1}, {"name": []}, {"parameterTemplate": "x"}]
RUNS = [{}, {"id": "1"}, {"id": "9", "status": "FAILED"}, {"id": [], "status": "FAILED"}]
CALLS = {
    "clock": CLOCK, "faults": FAULTS, "scripts": SCRIPTS, "settings": SETTINGS, "workflows": WORKFLOWS, "runs": RUNS
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "document"), [(path, each) for path, documents in CALLS.items() for each in documents]
)
def test_what_would_break_later_calls_is_refused_in_one_sentence(path, document, start, client, omics_local):
    with pytest.raises(ValueError, match=r"^[A-Z][^\n]*\.$"):
        omics_local.call("POST", path, document)
    client.get_run(id=start()["id"])
    omics_local.clock.advance(3600)
    assert client.list_runs()["items"]
    omics_local.reset()


def test_an_endless_delay_lists_nothing(start, client, omics_local):
    omics_local.switch(list_delay=1e300)
    start()
    assert client.list_runs()["items"] == []


def test_quotas_throttle_by_the_endpoints_clock(start, client, omics_local, refused, frozen):
    omics_local.switch(quotas="published")
    for _ in range(5):
        start()
    assert refused(start) == ("ThrottlingException", 429)
    frozen.advance(0.2)
    start()
    assert refused(start) == ("ThrottlingException", 429)
    assert len(omics_local.runs()) == 6
    for _ in range(10):
        client.list_runs()
    assert refused(client.list_runs) == ("ThrottlingException", 429)


def test_nothing_is_throttled_unasked(client):
    for _ in range(30):
        client.list_runs()


def test_a_reset_forgets_everything(start, omics_local, client, frozen):
    frozen.advance(86_400)
    start(requestId="r")
    omics_local.switch(speed=5)
    omics_local.fault("*", "error", times=None)
    omics_local.client("s3").create_bucket(Bucket="left")
    omics_local.reset()
    assert client.list_runs()["items"] == client.list_workflows()["items"] == []
    assert omics_local.switch()["speed"] == 1
    assert omics_local.counts() == {"ListRuns": 1, "ListWorkflows": 1}
    assert omics_local.client("s3").list_buckets()["Buckets"] == []


def test_a_reset_leaves_nothing_of_what_was_under_way(start, omics_local, client, wait_for):
    omics_local.switch(traces=True, speed=1000)
    omics_local.client("events").list_rules()
    omics_local.client("s3").create_bucket(Bucket="bucket")
    omics_local.script(outputs={"o": {"file": "f", "text": "t"}})
    for _ in range(30):
        start()
    wait_for(lambda: any(run["status"] == "COMPLETED" for run in omics_local.runs()))
    omics_local.reset()
    logs, s3 = omics_local.client("logs"), omics_local.client("s3")
    for _ in range(2):
        assert logs.describe_log_groups()["logGroups"] == []
        assert s3.list_buckets()["Buckets"] == []
        assert client.list_runs()["items"] == []
    assert threading.active_count() < 40
    assert [thread.name for thread in threading.enumerate()].count("omics-local-publishing") == 0


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


@pytest.mark.parametrize(("kind", "error"), [("drop", ConnectionClosedError), ("delay", ReadTimeoutError)])
def test_services_beside_it_hang_up_or_wait(kind, error, omics_local):
    s3 = omics_local.client("s3", read_timeout=1)
    s3.create_bucket(Bucket="bucket")
    omics_local.fault("s3:ListObjectsV2", kind, seconds=3.0)
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


def test_the_account_of_a_configuration_is_that_of_all_it_registers():
    with Server({"workflows": [{"id": "7"}], "account": "210987654321", "examples": True}) as server:
        omics = LocalOmics(server.url).client("omics")
        assert ":210987654321:" in omics.get_workflow(id="7")["arn"]
        assert ":210987654321:" in omics.get_run(id="3282892")["arn"]


def test_a_script_of_the_user_comes_before_the_examples_own():
    with Server({"examples": True, "scripts": [{"status": "FAILED", "outputs": {}}]}) as server:
        omics = LocalOmics(server.url).client("omics")
        omics.start_run(workflowId="1234567", roleArn="arn:x", outputUri="s3://b", requestId="r")
        [run] = [run for run in server.endpoint.state.runs.values() if run.request["workflowId"] == "1234567"]
        assert run.plan.status == "FAILED"
