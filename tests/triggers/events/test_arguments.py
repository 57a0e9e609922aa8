# SPDX-License-Identifier: Apache-2.0
"""Arguments of OmicsEventTrigger: which are the same, and which are refused."""

import json

import pytest

from airflow_provider_omics.exceptions import OmicsRequestError
from airflow_provider_omics.records.eventbridge import STATUSES
from airflow_provider_omics.triggers.events import OmicsEventTrigger

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/omics-events"


def test_it_is_the_same_trigger_however_it_is_written():
    one = OmicsEventTrigger(queue_url=URL, status="COMPLETED", workflow_id="1")
    other = OmicsEventTrigger(
        queue_url=URL, detail_type=["Run Status Change"], status=("COMPLETED",), workflow_id=["1"]
    )
    path, arguments = one.serialize()
    assert (path, arguments) == other.serialize()
    assert json.loads(json.dumps(arguments)) == arguments
    assert OmicsEventTrigger(**arguments).serialize() == one.serialize()
    assert path == "airflow_provider_omics.triggers.events.OmicsEventTrigger"
    statuses = STATUSES["Run Status Change"]
    assert OmicsEventTrigger(queue_url=URL, status=set(statuses)).serialize()[1]["status"] == sorted(statuses)


@pytest.mark.parametrize(
    "arguments",
    [
        {"queue_url": "omics-events"},
        {"queue_url": "arn:aws:sqs:us-east-1:123456789012:omics-events"},
        {"queue_url": None},
        {"visibility_timeout": 29},
        {"visibility_timeout": 43_201},
        {"visibility_timeout": "60"},
        {"visibility_timeout": True},
        {"status": "COMPLETE"},
        {"detail_type": "Run status change"},
        {"status": 7},
        {"workflow_id": "germline"},
        {"workflow_id": 1234567},
        {"run_name": ""},
    ],
)
def test_what_cannot_be_is_refused_when_the_dag_is_parsed(arguments):
    [name] = arguments
    with pytest.raises(OmicsRequestError, match=f"^OmicsEventTrigger: {name} must be"):
        OmicsEventTrigger(**{"queue_url": URL, **arguments})


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(OmicsRequestError, match=r"queue_url .*; status .*; run_name "):
        OmicsEventTrigger(queue_url="x", status="DONE", run_name="")


@pytest.mark.parametrize("url", [URL, f"{URL}.fifo", "https://vpce-1.sqs.us-east-1.vpce.amazonaws.com/123456789012/q"])
def test_queues_of_every_kind_can_be_watched(url):
    assert OmicsEventTrigger(queue_url=url).queue_url == url
