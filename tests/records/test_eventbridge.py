# SPDX-License-Identifier: Apache-2.0
"""What is an event, and which are wanted."""

import json

import pytest

from airflow_provider_omics.records.eventbridge import Event, Wanted

RUN = {
    "version": "0",
    "id": "0b03b0b1-1111-2222-3333-444455556666",
    "detail-type": "Run Status Change",
    "source": "aws.omics",
    "account": "123456789012",
    "time": "2026-01-23T19:21:48Z",
    "region": "us-east-1",
    "resources": ["arn:aws:omics:us-east-1:123456789012:run/9724679"],
    "detail": {
        "omicsVersion": "1.0.0",
        "arn": "arn:aws:omics:us-east-1:123456789012:run/9724679",
        "runId": "9724679",
        "status": "COMPLETED",
        "uuid": "aecdf624-0000-4000-8000-000000000000",
        "runName": "cohort-12",
        "workflowId": "6203849",
    },
}


def event(**members):
    return Event.parse(json.dumps({**RUN, **members}))


def test_the_payload_is_the_event_under_its_own_names():
    told = event(extra="left out").payload()
    assert told == {name: value for name, value in RUN.items() if name != "version"}
    assert json.loads(json.dumps(told)) == told


def test_a_long_text_is_cut():
    told = event(detail={"statusMessage": "x" * 100_000, "status": "FAILED"}).payload()
    assert (len(told["detail"]["statusMessage"]), told["detail"]["status"]) == (2000, "FAILED")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "7",
        "{}",
        json.dumps({"Records": [{"eventSource": "aws:s3"}]}),
        json.dumps({**RUN, "detail": "text"}),
        json.dumps({**RUN, "id": None}),
        json.dumps({name: value for name, value in RUN.items() if name != "detail-type"}),
        json.dumps({**RUN, "source": "aws.ec2"}),
        json.dumps({**RUN, "source": ["aws.omics"]}),
        json.dumps({**RUN, "detail": {"status": "\ud800"}}),
        json.dumps({**RUN, "detail": {"status": float("nan")}}),
        json.dumps({**RUN, "detail": {"size": 2**64}}),
        json.dumps({**RUN, "detail": {"status": json.loads("[" * 250 + "]" * 250)}}),
    ],
)
def test_what_is_no_event_is_refused(body):
    with pytest.raises(ValueError, match=r"not an event|source|JSON|Expecting|cannot store"):
        Event.parse(body)


def test_odd_members_harm_nothing():
    told = event(resources=7, detail={"status": ["COMPLETED"], "runName": None, "workflowId": {}})
    assert told.resources == ()
    assert not Wanted(("Run Status Change",), ("COMPLETED",), ("1",), "x").matches(told)


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        ({}, True),
        ({"detail_types": ("Task Status Change",)}, False),
        ({"detail_types": ("Task Status Change", "Run Status Change")}, True),
        ({"statuses": ("FAILED", "COMPLETED")}, True),
        ({"statuses": ("FAILED",)}, False),
        ({"workflow_ids": ("1", "6203849")}, True),
        ({"workflow_ids": ("620384",)}, False),
        ({"run_name": "cohort-12"}, True),
        ({"run_name": "cohort-*"}, True),
        ({"run_name": "cohort-?"}, False),
        ({"run_name": "COHORT-*"}, False),
        ({"statuses": ("COMPLETED",), "workflow_ids": ("6203849",), "run_name": "other"}, False),
    ],
)
def test_an_event_is_wanted_if_everything_asked_for_fits(wanted, matches):
    asked = Wanted(**{"detail_types": ("Run Status Change",), **wanted})
    assert asked.violations() == []
    assert asked.matches(event()) is matches


def test_an_event_that_does_not_tell_what_is_asked_for_is_not_wanted():
    bare = event(detail={"omicsVersion": "1.0.0", "status": "COMPLETED"})
    for asked in ({"workflow_ids": ("6203849",)}, {"run_name": "cohort-*"}):
        assert not Wanted(("Run Status Change",), **asked).matches(bare)


@pytest.mark.parametrize(
    "wanted",
    [
        {"detail_types": ()},
        {"detail_types": ("run status change",)},
        {"detail_types": ("ReadSet Status Change",)},
        {"detail_types": ("COMPLETED",)},
        {"detail_types": (7,)},
        {"statuses": ("COMPLETE",)},
        {"statuses": ("completed",)},
        {"statuses": ("ACTIVE",)},
        {"statuses": (None,)},
        {"detail_types": ("Object Created",), "statuses": ("COMPLETED",)},
        {"detail_types": ("Run Status Change", "Object Created"), "statuses": ("COMPLETED",)},
        {"detail_types": ("Run Status Change", "Read Set Status Change"), "statuses": ("COMPLETED", "FAILED")},
        {"detail_types": ("Read Set Status Change",), "workflow_ids": ("1",)},
        {"detail_types": ("Run Status Change", "Read Set Status Change"), "run_name": "x"},
        {"workflow_ids": ("germline",)},
        {"workflow_ids": (1234567,)},
        {"run_name": ""},
        {"run_name": 7},
    ],
)
def test_what_could_never_match_is_told(wanted):
    [violation] = Wanted(**{"detail_types": ("Run Status Change",), **wanted}).violations()
    argument = next(name for name in reversed(wanted)).removesuffix("s").replace("statuse", "status")
    assert violation.startswith(argument)


@pytest.mark.parametrize(
    "wanted",
    [
        {"detail_types": ("Read Set Status Change",), "statuses": ("ACTIVE",)},
        {"detail_types": ("Read Set Import Job Status Change",), "statuses": ("COMPLETED_WITH_FAILURES",)},
        {"detail_types": ("Object Created",)},
        {"detail_types": ("Run Status Change", "Read Set Status Change"), "statuses": ("COMPLETED", "ACTIVE")},
        {"detail_types": ("S3 Access Policy Status Change",), "statuses": ("ANY",)},
    ],
)
def test_events_of_other_things_can_be_asked_for(wanted):
    assert Wanted(**wanted).violations() == []


@pytest.mark.parametrize("body", [{"Records": [{"eventSource": "aws:s3"}]}, {"Service": "S3", "Event": "s3:TestEvent"}])
def test_a_notification_that_s3_sends_by_itself_is_named_as_such(body):
    with pytest.raises(ValueError, match="a direct notification of S3, not an event of EventBridge"):
        Event.parse(json.dumps(body))
