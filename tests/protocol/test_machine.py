# SPDX-License-Identifier: Apache-2.0
"""
Whatever happens in whatever order, a task has one run per intention, and a clear opens every dead end.

Hypothesis makes up schedules of tries that crash, hang, overlap and lose answers, of people who cancel, delete, clear
and edit, and of a service that throttles, forgets and lists late; the real operator, hook and boto3 client go through
them over the local endpoint's engine. What is assumed, since HealthOmics publishes no more and nobody could do better:

- a requestId is remembered for longer than a new run takes to be listed and visible, plus the time from a try's last
  look-up (a first try's begin) to its StartRun: no process hangs in between and goes on after all that time;
- where no look-up works (ListRuns or GetRun denied, or no tags and a name of one's own) it is remembered for ever;
- nobody deletes a task's old run, whose requestId is forgotten, while the next one is too young to be listed;
- no run is invisible for longer than 15 minutes: until then a 404 says nothing;
- that a run succeeded is not known any more when it is deleted and its requestId forgotten or its manifest missing;
- a run that is deleted before a retry sees it may fail that retry, because nobody tells when it was created.
"""

from __future__ import annotations

import logging
import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.protocol.schedule import Schedule
from tests.protocol.world_time import world_time

# A mutation is noticed as soon as a schedule fails; a person wants the shortest one that does.
PHASES = [Phase.generate, *([] if os.environ.get("OMICS_SHRINK") == "no" else [Phase.shrink])]
# What a few hundred schedules come to many times, and a thousand as well.
OFTEN = {
    *("submission 0", "submission 1", "submission 2", "requestId repeated", "StartRun ConflictException"),
    *("StartRun ThrottlingException", "ListRuns AccessDeniedException", "GetRun ResourceNotFoundException"),
    *("Wait", "Succeed", "Fail", "GiveUp", "taken over", "first run by a retry", "reattached to PENDING"),
}
SELDOM = {
    *("submission 3", "submission 4", "next run", "manifest"),
    *(f"reattached to {status}" for status in ("STOPPING", "COMPLETED", "FAILED", "CANCELLED")),
}


def _run(examples: int, **more):
    logging.disable(logging.CRITICAL)
    Schedule.schedules, Schedule.seen = 0, Counter()
    try:
        with world_time():
            run_state_machine_as_test(
                Schedule,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=25,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                    report_multiple_bugs=False,
                    phases=PHASES,
                    **more,
                ),
            )
    finally:
        logging.disable(logging.NOTSET)
    assert Schedule.schedules >= examples


def test_a_few_hundred_schedules():
    _run(400, derandomize=True)
    assert not OFTEN - Schedule.seen.keys(), "what the schedules are about must happen in them"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", range(10))
def test_ten_thousand_schedules(number):
    seed(number)(Schedule)
    _run(1000)
    assert not (OFTEN | SELDOM) - Schedule.seen.keys(), "what the schedules are about must happen in them"
