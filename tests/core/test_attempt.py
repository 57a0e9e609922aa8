# SPDX-License-Identifier: Apache-2.0
"""The protocol carried out, over a service that answers by a script."""

from dataclasses import dataclass, field, replace

import pytest

from airflow_provider_omics.core.attempt import pursue
from airflow_provider_omics.core.protocol import ExistingRun, Fail, GiveUp, Known, Record, Succeed, Wait
from airflow_provider_omics.core.run import Run

RUNNING = Run("1000000", "uuid-0", "arn:aws:omics:…", "s3://bucket/runs", "RUNNING")
FAILED, COMPLETED = replace(RUNNING, status="FAILED"), replace(RUNNING, status="COMPLETED")
LATER = replace(RUNNING, id="1000001", uuid="uuid-1")
LATEST = replace(RUNNING, id="1000002", uuid="uuid-2")


@dataclass
class Script:
    """
    A service that notes what it is asked.

    ``found`` are the answers of the look-ups, one after the other; ``runs`` those of StartRun by submission, where None
    is 409; ``now`` what GetRun says of a run; ``here`` the runs that this attempt has created; ``starting`` the
    submission that it has asked for before.
    """

    found: list = field(default_factory=list)
    runs: dict = field(default_factory=dict)
    now: dict = field(default_factory=dict)
    here: tuple = ()
    starting: int | None = None
    asked: list = field(default_factory=list)

    def write(self, record):
        self.asked.append(record)

    def look_up(self, at_least):
        self.asked.append(("look_up", at_least))
        return self.found.pop(0)

    def start_run(self, submission):
        self.asked.append(("start_run", submission))
        return self.runs[submission]

    def get_run(self, run):
        self.asked.append(("get_run", run.uuid))
        return self.now.get(run.uuid, run)

    def created_here(self, run):
        return run.uuid in self.here


@pytest.mark.parametrize("here", [True, False])
def test_a_run_whose_answer_was_lost_is_the_attempts_own(here):
    service = Script(
        found=[ExistingRun(FAILED, 1)], runs={2: LATER}, here=("uuid-1", "uuid-0") if here else ("uuid-1",), starting=1
    )
    assert pursue(Known(retry=True), service) == (Fail(FAILED) if here else Wait(LATER))


def test_a_run_of_before_the_lost_answer_is_not():
    service = Script(found=[ExistingRun(FAILED, 0)], runs={1: LATER}, here=("uuid-0", "uuid-1"), starting=1)
    assert pursue(Known(retry=True), service) == Wait(LATER)


def test_a_first_attempt_writes_starts_and_writes():
    service = Script(runs={0: RUNNING})
    assert pursue(Known(retry=False), service) == Wait(RUNNING)
    assert service.asked == [Record(0), ("start_run", 0), Record(0, RUNNING)]


def test_a_retry_takes_the_run_that_it_finds():
    service = Script(found=[ExistingRun(RUNNING, 0)])
    assert pursue(Known(retry=True), service) == Wait(RUNNING)
    assert service.asked == [("look_up", None)]


def test_a_record_of_a_run_that_lives_is_enough():
    service = Script()
    assert pursue(Known(retry=True, record=Record(0, RUNNING)), service) == Wait(RUNNING)
    assert service.asked == [("get_run", "uuid-0")]


def test_a_record_of_a_run_that_ended_is_no_proof_that_none_lives():
    service = Script(now={"uuid-0": FAILED}, found=[ExistingRun(LATER, 1)])
    assert pursue(Known(retry=True, record=Record(0, RUNNING)), service) == Wait(LATER)


@pytest.mark.parametrize("found", [None, ExistingRun(replace(LATEST, status="FAILED"), 0)])
def test_a_look_up_that_finds_nothing_newer_leaves_the_record(found):
    service = Script(now={"uuid-0": FAILED}, found=[found], runs={2: LATER}, here=("uuid-1",))
    assert pursue(Known(retry=True, record=Record(1, RUNNING)), service) == Wait(LATER)


def test_what_a_repeated_request_id_answers_is_looked_at():
    service = Script(found=[None], runs={0: RUNNING}, now={"uuid-0": COMPLETED})
    assert pursue(Known(retry=True), service) == Succeed(COMPLETED)


def test_runs_that_ended_before_are_climbed_over():
    failed = {"uuid-0": FAILED, "uuid-1": replace(LATER, status="CANCELLED")}
    service = Script(found=[None], runs={0: RUNNING, 1: LATER, 2: LATEST}, now=failed, here=("uuid-2",))
    assert pursue(Known(retry=True), service) == Wait(LATEST)
    assert service.asked[-3:] == [("start_run", 2), ("get_run", "uuid-2"), Record(2, LATEST)]


def test_a_run_that_this_attempt_started_and_that_failed_at_once_ends_it():
    service = Script(found=[None], runs={0: RUNNING}, now={"uuid-0": FAILED}, here=("uuid-0",))
    assert pursue(Known(retry=True), service) == Fail(FAILED)
    assert service.asked.count(("start_run", 0)) == 1


def test_409_is_answered_by_looking_for_that_run():
    service = Script(found=[None, ExistingRun(RUNNING, 0)], runs={0: None})
    assert pursue(Known(retry=True), service) == Wait(RUNNING)
    assert service.asked == [("look_up", None), Record(0), ("start_run", 0), ("look_up", 0)]


def test_409_to_a_first_attempt_is_about_its_own_lost_answer():
    service = Script(found=[ExistingRun(FAILED, 0)], runs={0: None})
    assert pursue(Known(retry=False), service) == Fail(FAILED)


def test_409_to_a_retry_is_about_its_own_lost_answer_if_the_run_is_not_older():
    service = Script(found=[None, ExistingRun(FAILED, 0)], runs={0: None}, here=("uuid-0",))
    assert pursue(Known(retry=True), service) == Fail(FAILED)


def test_409_about_each_run_in_turn():
    service = Script(found=[None, ExistingRun(FAILED, 0), ExistingRun(LATER, 1)], runs={0: None, 1: None})
    assert pursue(Known(retry=True), service) == Wait(LATER)
    assert ("look_up", 1) in service.asked


def test_409_about_a_run_that_is_not_found_starts_nothing_else():
    service = Script(found=[None, None], runs={0: None})
    assert pursue(Known(retry=True), service) == GiveUp(0)


@pytest.mark.parametrize("retry", [False, True])
def test_a_request_id_of_the_callers_is_looked_for_by_every_try(retry):
    service = Script(found=[ExistingRun(FAILED, 0)])
    assert pursue(Known(retry=retry, own_request_id=True), service) == Fail(FAILED)
    assert service.asked == [("look_up", None)]
