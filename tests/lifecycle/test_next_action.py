# SPDX-License-Identifier: Apache-2.0
"""What an attempt does next: a row for each thing that it may know."""

import pytest

from airflow_provider_omics.lifecycle.attempt import next_action
from airflow_provider_omics.lifecycle.protocol import (
    ExistingRun,
    Fail,
    GiveUp,
    Known,
    LookAt,
    LookUp,
    Record,
    Start,
    Succeed,
    Wait,
)
from airflow_provider_omics.records.run import Run


def run(status, number=0):
    return Run(f"100000{number}", f"uuid-{number}", "arn:aws:omics:…", "s3://bucket/runs", status)


PENDING, RUNNING, STOPPING = run("PENDING"), run("RUNNING"), run("STOPPING")
COMPLETED, FAILED, CANCELLED, DELETED = run("COMPLETED"), run("FAILED"), run("CANCELLED"), run("DELETED")
ACTIVE = (PENDING, run("STARTING"), RUNNING)
BAD = (FAILED, CANCELLED, DELETED)


def retry(**more):
    return Known(retry=True, **more)


def looked(seen=None, submission=0, **more):
    """What a retry knows after its look-up."""
    return retry(seen=seen and ExistingRun(seen, submission), looked_up=True, **more)


ROWS = {
    "a first attempt starts at once": (Known(retry=False), Start(0)),
    "a retry looks up": (retry(), LookUp()),
    "a retry looks at the recorded run first": (retry(record=Record(2, RUNNING)), LookAt(RUNNING, 2)),
    "a record without a run spares no look-up": (retry(record=Record(2)), LookUp()),
    "nothing found: the first submission": (looked(), Start(0)),
    "nothing found: the recorded submission": (looked(record=Record(2)), Start(2)),
    "nothing found, and the record's run is looked at once": (looked(record=Record(2, RUNNING)), Start(2)),
    # --- a run is seen ---
    **{f"{seen.status}: wait": (looked(seen), Wait(seen)) for seen in ACTIVE},
    "STOPPING: wait, its end is not the attempt's": (looked(STOPPING), Wait(STOPPING, dying=True)),
    "COMPLETED: succeed": (looked(COMPLETED), Succeed(COMPLETED)),
    **{f"{seen.status}: next submission": (looked(seen, 3), Start(4)) for seen in BAD},
    "FAILED: the recorded submission, if it is a later one": (looked(FAILED, 1, record=Record(5)), Start(5)),
    "FAILED: not the recorded submission, if it is an older one": (looked(FAILED, 5, record=Record(1)), Start(6)),
    # --- that this attempt created ---
    "own RUNNING: wait": (Known(retry=False, seen=ExistingRun(RUNNING, 0, own=True)), Wait(RUNNING)),
    "own STOPPING: wait, its end is the attempt's": (retry(seen=ExistingRun(STOPPING, 0, own=True)), Wait(STOPPING)),
    "own COMPLETED: succeed": (retry(seen=ExistingRun(COMPLETED, 0, own=True)), Succeed(COMPLETED)),
    **{f"own {seen.status}: fail": (retry(seen=ExistingRun(seen, 0, own=True)), Fail(seen)) for seen in BAD},
    # --- that a record named ---
    "recorded RUNNING: wait without a look-up": (retry(seen=ExistingRun(RUNNING, 1)), Wait(RUNNING)),
    "recorded COMPLETED: succeed without a look-up": (retry(seen=ExistingRun(COMPLETED, 1)), Succeed(COMPLETED)),
    **{f"recorded {seen.status}: look for a later one": (retry(seen=ExistingRun(seen, 1)), LookUp()) for seen in BAD},
    # --- 409 ---
    "409: look for that submission or a later one": (retry(conflict=2), LookUp(2)),
    "409 of a first attempt, too": (Known(retry=False, conflict=0), LookUp(0)),
    "409 over an older run: look": (retry(seen=ExistingRun(FAILED, 1), conflict=2), LookUp(2)),
    "409 and nothing found: give up": (looked(conflict=2), GiveUp(2)),
    "409 and only an older run found: give up": (looked(FAILED, 1, conflict=2), GiveUp(2)),
    "409 and that run found: wait": (looked(RUNNING, 2, conflict=2), Wait(RUNNING)),
    "409 and that run found FAILED: next submission": (looked(FAILED, 2, conflict=2), Start(3)),
    "409 and a later run found: wait": (looked(RUNNING, 3, conflict=2), Wait(RUNNING)),
    # --- a requestId of the caller's ---
    **{f"the caller's {s.status}: fail": (looked(s, own_request_id=True), Fail(s)) for s in BAD},
    "the caller's RUNNING: wait": (looked(RUNNING, own_request_id=True), Wait(RUNNING)),
    "the caller's STOPPING: wait, its end is the attempt's": (looked(STOPPING, own_request_id=True), Wait(STOPPING)),
    "the caller's COMPLETED: succeed": (looked(COMPLETED, own_request_id=True), Succeed(COMPLETED)),
    "the caller's, recorded FAILED: fail": (retry(seen=ExistingRun(FAILED, 0), own_request_id=True), Fail(FAILED)),
    "the caller's, nothing found: start": (looked(own_request_id=True), Start(0)),
    # --- without waiting ---
    **{f"not waiting, {s.status}: succeed": (looked(s, waits=False), Succeed(s)) for s in (RUNNING, STOPPING, *BAD)},
    "not waiting, nothing found: start": (looked(waits=False), Start(0)),
    "not waiting, 409 and nothing found: give up": (looked(waits=False, conflict=0), GiveUp(0)),
}


@pytest.mark.parametrize(("known", "action"), ROWS.values(), ids=ROWS)
def test_what_is_known_decides_the_next_action(known, action):
    assert next_action(known) == action
