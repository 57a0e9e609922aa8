# SPDX-License-Identifier: Apache-2.0
"""A trigger's word to its operator."""

import json

import pytest

from airflow_provider_omics.records.read_set_job import ReadSetJob
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.records.versioned import UnreadableError

RUN = Run("1", "u", "arn:x", "s3://b/1", "FAILED", "RUN_TASK_FAILED", "task x failed", 1.5)


@pytest.mark.parametrize("event", [RunEvent(RUN), RunEvent(RUN, error="gone wrong", said=("a", "b"))])
def test_an_event_survives_json(event):
    assert RunEvent.deserialize(json.loads(json.dumps(event.serialize()))) == event


def test_a_long_message_is_cut():
    run = Run("1", "u", "a", "o", "FAILED", "r", "x" * 100_000)
    event = RunEvent(run, error="y" * 100_000, said=("z" * 100_000,))
    assert len(json.dumps(event.serialize())) < 10_000


def test_what_airflow_cannot_keep_is_left_out():
    assert Run.from_response({"id": "1", "statusMessage": "no \0 room"}).status_message == "no  room"
    assert Run.from_response({"id": "1", "statusMessage": "cut \ud83d"}).status_message == "cut ?"
    event = RunEvent(Run("1", "u", "a", "o", "FAILED", "r", "\ud83d"), error="\0x", said=("\0\ud83d",)).serialize()
    assert (event["run"]["status_message"], event["error"], event["said"]) == ("?", "x", ["?"])
    answer = {"id": "1", "sequenceStoreId": "2", "status": "FAILED", "statusMessage": "\0"}
    item = {"readSetId": "3", "statusMessage": "a\0"}
    job = ReadSetJob.from_response("activation", {**answer, "sources": [item]})
    assert (job.status_message, job.sources[0].message) == ("", "a")


@pytest.mark.parametrize(
    "event",
    [
        *(None, {}, "COMPLETED", [1]),
        *({"version": 0, "run": {}}, {"version": 1, "run": None}, {"version": 1, "run": {"colour": "red"}}),
    ],
)
def test_an_event_of_another_release_is_refused(event):
    with pytest.raises(UnreadableError, match="another release"):
        RunEvent.deserialize(event)
