# SPDX-License-Identifier: Apache-2.0
"""An attempt from what it knows to its verdict, answered by a script."""

from dataclasses import dataclass, field, replace

import pytest

from airflow_provider_omics.lifecycle.attempt import attempt
from airflow_provider_omics.lifecycle.protocol import (
    ExistingRun,
    Fail,
    Found,
    GiveUp,
    Known,
    LookAt,
    LookUp,
    NoRun,
    Record,
    Show,
    Start,
    Succeed,
    Wait,
    Write,
)
from airflow_provider_omics.records.run import Run

RUNNING = Run("1000000", "uuid-0", "arn:aws:omics:…", "s3://bucket/runs", "RUNNING")
FAILED, COMPLETED = replace(RUNNING, status="FAILED"), replace(RUNNING, status="COMPLETED")
LATER = replace(RUNNING, id="1000001", uuid="uuid-1")
LATEST = replace(RUNNING, id="1000002", uuid="uuid-2")


@dataclass
class Script:
    """
    What answers an attempt's actions, and notes them.

    ``found`` are the answers of the look-ups, one after the other; ``runs`` those of StartRun by submission, where None
    is 409; ``now`` what GetRun says of a run; ``here`` the runs that this attempt has created; ``written`` what comes
    of writing, one after the other; ``end`` how a run ends that is dying.
    """

    found: list = field(default_factory=list)
    runs: dict = field(default_factory=dict)
    now: dict = field(default_factory=dict)
    here: tuple = ()
    written: list = field(default_factory=list)
    end: Run = COMPLETED
    asked: list = field(default_factory=list)

    def created(self, run):
        """Return a run as HealthOmics shows it, created before the attempt began, at 100, or after it."""
        return replace(run, creation_time=200.0 if run.uuid in self.here else 50.0)

    def answer(self, action):
        match action:
            case LookAt(run):
                self.asked.append(("get_run", run.uuid))
                return self.created(self.now.get(run.uuid, run))
            case LookUp(at_least):
                self.asked.append(("look_up", at_least))
                found = self.found.pop(0)
                return Found(found and replace(found, run=self.created(found.run)), 100.0)
            case Start(submission):
                self.asked.append(("start_run", submission))
                run = self.runs[submission]
                return run if isinstance(run, NoRun) else self.created(run) if run else NoRun.CONFLICT
            case Write(record):
                self.asked.append(replace(record, run=record.run and replace(record.run, creation_time=None)))
                return self.written.pop(0) if self.written else None
            case Show():
                return None
            case Wait(run):
                self.asked.append(("wait", run.uuid))
                return self.created(self.end)
        raise AssertionError(action)


def pursue(known, script):
    """Return the verdict; times, which a test does not ask for, are left out of its run."""
    actions, answer = attempt(known), None
    while True:
        try:
            answer = script.answer(actions.send(answer))
        except StopIteration as done:
            verdict = done.value
            return (
                replace(verdict, run=replace(verdict.run, creation_time=None)) if hasattr(verdict, "run") else verdict
            )


@pytest.mark.parametrize("here", [True, False])
def test_a_run_whose_answer_was_lost_is_the_attempts_own(here):
    service = Script(
        found=[ExistingRun(FAILED, 1)], runs={2: LATER}, here=("uuid-1", "uuid-0") if here else ("uuid-1",)
    )
    assert pursue(Known(retry=True, asked=1), service) == (Fail(FAILED) if here else Wait(LATER))


def test_a_run_of_before_the_lost_answer_is_not():
    service = Script(found=[ExistingRun(FAILED, 0)], runs={1: LATER}, here=("uuid-0", "uuid-1"))
    assert pursue(Known(retry=True, asked=1), service) == Wait(LATER)


def test_a_first_attempt_writes_starts_and_writes():
    service = Script(runs={0: RUNNING})
    assert pursue(Known(retry=False), service) == Wait(RUNNING)
    assert service.asked == [Record(0), ("start_run", 0), Record(0, RUNNING)]


def test_a_retry_takes_the_run_that_it_finds():
    service = Script(found=[ExistingRun(RUNNING, 0)])
    assert pursue(Known(retry=True), service) == Wait(RUNNING)
    assert service.asked == [("look_up", None), Record(0, RUNNING)]


def test_a_record_of_a_run_that_lives_is_enough():
    service = Script()
    assert pursue(Known(retry=True, record=Record(0, RUNNING)), service) == Wait(RUNNING)
    assert service.asked == [("get_run", "uuid-0"), Record(0, RUNNING)]


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
    assert service.asked == [("look_up", None), Record(0), ("start_run", 0), ("look_up", 0), Record(0, RUNNING)]


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


def test_a_start_run_that_was_not_answered_is_looked_for_before_it_is_asked_again():
    service = Script(found=[None], runs={0: NoRun.UNANSWERED})
    actions = attempt(Known(retry=False))
    assert [next(actions), actions.send(None), actions.send(NoRun.UNANSWERED)] == [Write(Record(0)), Start(0), LookUp()]
    assert actions.send(service.answer(LookUp())) == Write(Record(0))
    assert actions.send(None) == Start(0)


@pytest.mark.parametrize("here", [True, False])
def test_its_run_is_the_attempts_own_if_it_is_found(here):
    service = Script(found=[None, ExistingRun(FAILED, 0)], runs={0: NoRun.UNANSWERED, 1: LATER}, here=("uuid-1",))
    if here:
        service.here = ("uuid-0",)
    assert pursue(Known(retry=True), service) == (Fail(FAILED) if here else Wait(LATER))


def test_what_another_process_of_the_attempt_may_have_asked_for_is_looked_up():
    service = Script(found=[ExistingRun(RUNNING, 0)], written=[NoRun.UNANSWERED], here=("uuid-0",))
    assert pursue(Known(retry=False), service) == Wait(RUNNING)
    assert ("start_run", 0) not in service.asked


def test_who_takes_an_attempts_place_knows_what_it_had_asked_for():
    """The submission before it has failed, and is no longer listed."""
    service = Script(found=[None], runs={1: RUNNING})
    assert pursue(Known(retry=True, asked=1, since=100.0, record=Record(1)), service) == Wait(RUNNING)


def test_a_dying_run_is_waited_for_and_followed_by_the_next():
    dying = replace(RUNNING, status="STOPPING")
    service = Script(
        found=[ExistingRun(dying, 0), ExistingRun(FAILED, 0)], runs={1: LATER}, here=("uuid-1",), end=FAILED
    )
    assert pursue(Known(retry=True), service) == Wait(LATER)
    assert service.asked[:3] == [("look_up", None), ("wait", "uuid-0"), ("look_up", None)]


def test_a_dying_run_that_completes_is_what_the_task_wanted():
    service = Script(found=[ExistingRun(replace(RUNNING, status="STOPPING"), 0)])
    assert pursue(Known(retry=True), service) == Succeed(COMPLETED)


def test_an_adopted_run_is_written_down_as_the_one_whose_end_is_the_attempts():
    actions = attempt(Known(retry=True))
    next(actions)
    found = Found(ExistingRun(RUNNING, 2), 100.0)
    assert actions.send(found) == Show(RUNNING, own=False)
    record = actions.send(None).record
    assert (record.submission, record.adopted) == (2, True)
