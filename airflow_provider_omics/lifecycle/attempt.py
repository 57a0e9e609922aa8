# SPDX-License-Identifier: Apache-2.0
"""
One attempt of a task: its actions, one after the other, until the verdict; by its rules an intention has one run.

:func:`attempt` makes no call: the driver :mod:`.in_worker` does its actions in a worker, :mod:`.in_hub` in a triggerer.
:func:`next_action` holds the rules: a pure function from what is known to what to do next. Safety is more important
than progress: if it cannot be known whether a run exists, the attempt ends with :class:`GiveUp` and never starts a
second run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias, cast

from airflow_provider_omics.lifecycle.protocol import (
    ExistingRun,
    Fail,
    Found,
    GiveUp,
    Known,
    LookAt,
    LookUp,
    NoRun,
    R,
    Record,
    Show,
    Start,
    Succeed,
    Wait,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from airflow_provider_omics.lifecycle.protocol import Action, Verdict

# The answers: to LookAt and Wait the present run, to LookUp what was found, to Start the run or why there is none, and
# to Write UNANSWERED if another process of this attempt has written meanwhile, and may have called StartRun.
Answer: TypeAlias = R | Found[R] | NoRun | None


def attempt(known: Known[R]) -> Generator[Action[R], Answer[R], Verdict[R]]:
    """Yield the next action, and return the verdict; the end of a run that is found STOPPING is waited for first."""
    if known.own_request_id:
        known = replace(known, retry=True)  # Another task, or this one before a clear, may have used it.
    if not known.retry:
        known = replace(known, since=0.0)  # No earlier attempt can have created a run.
    while True:
        match next_action(known):
            case LookAt(run, submission) as look:
                run = cast("R", (yield look))
                known = replace(known, seen=ExistingRun(run, submission, known.owns(run, submission)))
            case LookUp(at_least) as look_up:
                known = _found(known, at_least, cast("Found[R]", (yield look_up)))
            case Start() as start:
                known = yield from _start(known, start)
            case Wait(run, dying=True) as wait:
                yield Show(run, own=False)
                known = _after(known, cast("R", (yield wait)))
            case Wait(run) | Succeed(run) | Fail(run) as verdict:
                own = known.seen is not None and known.seen.own
                yield Show(run, own)
                if isinstance(verdict, Wait) and known.seen and not own:
                    yield Write(Record(known.seen.submission, run, adopted=True))
                return verdict
            case give_up:
                return give_up


def why_started(start: Start, *, operation: str, what: str, key: str) -> str:
    """Return the log line on why a run or a job is started; it names what is started, its operation and its token."""
    return start.why.format(operation=operation, what=what, key=key, before=start.before)


def next_run_follows(run: object) -> str:
    """Return the log line on a run that was found STOPPING and ended without success."""
    return f"HealthOmics {run}; it was STOPPING before this try began: this try starts the next run"


def _found(known: Known[R], at_least: int | None, found: Found[R]) -> Known[R]:
    if known.since is None:
        known = replace(known, since=found.at)
    newest = found.newest
    if newest is not None:
        # It may be this attempt's own run, whose StartRun was not answered.
        asked = replace(known, asked=at_least) if at_least is not None else known
        newest = replace(newest, own=asked.owns(newest.run, newest.submission))
    if newest is None or (known.seen is not None and known.seen.submission > newest.submission):
        newest = known.seen
    return replace(known, seen=newest, looked_up=True)


def _start(known: Known[R], start: Start) -> Generator[Action[R], Answer[R], Known[R]]:
    submission = start.submission
    answer = yield Write(Record(submission, since=known.since))
    if answer is not NoRun.UNANSWERED:
        answer = yield start
    if answer is NoRun.CONFLICT:
        return replace(known, conflict=submission, looked_up=False)
    if answer is NoRun.UNANSWERED:
        return replace(known, retry=True, asked=submission, looked_up=False)
    run = cast("R", answer)
    yield Show(run)
    if known.retry:  # It may be an older run: its status is not in StartRun's answer.
        run = cast("R", (yield LookAt(run, submission)))
    yield Write(Record(submission, run, since=known.since))
    return replace(known, seen=ExistingRun(run, submission, known.owns(run)))


def _after(known: Known[R], run: R) -> Known[R]:
    """Return what is known after the end of a run that was STOPPING: without success, everything is looked up again."""
    if run.succeeded and known.seen:
        return replace(known, seen=replace(known.seen, run=run))
    return Known(retry=True, waits=known.waits, own_request_id=known.own_request_id)


def next_action(known: Known[R]) -> LookAt[R] | LookUp | Start | Verdict[R]:
    """Return the next action of an attempt."""
    if known.conflict is not None and (known.seen is None or known.seen.submission < known.conflict):
        return GiveUp(known.conflict) if known.looked_up else LookUp(known.conflict)
    if known.seen is not None:
        return _next_about(known, known.seen)
    if not known.retry:
        return Start(0)
    if known.record is not None and known.record.run is not None and not known.looked_up:
        return LookAt(known.record.run, known.record.submission)
    if not known.looked_up:
        return LookUp()
    why = "No {what} of an earlier try was found; if there is one, {operation} returns it"
    if known.asked is not None:
        why = "No {what} of this try is listed: {operation} is called, with the same {key} if it was called before"
    return Start(_next_submission(known), why)


def _next_about(known: Known[R], seen: ExistingRun[R]) -> LookUp | Start | Verdict[R]:
    run = seen.run
    if run.succeeded or not known.waits:
        return Succeed(run)
    if not run.ended:
        # STOPPING comes before every end, with success or without; this attempt did not cause it. A caller's requestId
        # has no next run.
        return Wait(run, dying=run.status == "STOPPING" and not (seen.own or known.own_request_id))
    if seen.own or known.own_request_id:
        return Fail(run)
    if not known.looked_up:
        return LookUp()  # The recorded run has ended, but a later one may be active.
    return Start(_next_submission(known), "{before}, before this try began: this try starts the next {what}", str(run))


def _next_submission(known: Known[R]) -> int:
    """Return the lowest submission that is not known to have ended."""
    begun = max(known.record.submission if known.record else 0, known.asked or 0)
    return max(begun, known.seen.submission + 1) if known.seen else begun
