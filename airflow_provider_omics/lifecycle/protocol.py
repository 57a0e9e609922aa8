# SPDX-License-Identifier: Apache-2.0
"""
One run per intention: what is known goes in, the next action comes out.

An attempt of a task knows what its records, a look-up, StartRun and GetRun have told it so far; :func:`next_action`
says what to do about it, without doing anything. Safety wins over progress: what cannot be known ends in
:class:`GiveUp`, never in a second run. What is started is a run or, by the same rules, a job of a sequence store.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, Protocol, TypeAlias, TypeVar


class Started(Protocol):
    """A run or a job, as HealthOmics last showed it."""

    @property
    def status(self) -> str:
        """Its status, in HealthOmics' words."""

    @property
    def creation_time(self) -> float | None:
        """When it was created, in epoch seconds."""

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""

    @property
    def succeeded(self) -> bool:
        """Whether it has done what it was to do."""


R = TypeVar("R", bound=Started)


@dataclass(frozen=True, slots=True)
class ExistingRun(Generic[R]):
    """A run of this intention as it is now; ``here`` if this attempt created it."""

    run: R
    submission: int
    here: bool = False


@dataclass(frozen=True, slots=True)
class Record(Generic[R]):
    """
    What an attempt writes down: the submission it is about to start or waits for and, if it came so far, the run.

    :param since: from which creation on a run of this submission, or of a later one, is the attempt's own, in epoch
        seconds; None if that is not known.
    :param adopted: whether the attempt waits for a run that it has only found: then its end is the attempt's, too.
    """

    submission: int
    run: R | None = None
    since: float | None = field(default=None, compare=False)
    adopted: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Known(Generic[R]):
    """
    All that an attempt knows.

    :param retry: whether an earlier attempt of this intention may have started a run.
    :param waits: whether the task waits for the run's end.
    :param own_request_id: whether the caller chose the requestId: then there is one submission, for ever.
    :param record: what an earlier attempt wrote down, if anything keeps it.
    :param seen: the newest run of the intention that this attempt has seen.
    :param looked_up: whether the look-up was made, or denied.
    :param conflict: the submission that StartRun answered with 409.
    :param asked: the submission that this attempt has asked StartRun for, if that was in an earlier process of it, or
        was not answered; or the one whose run it waited for there.
    :param since: from which creation on a run of the intention is this attempt's own, in epoch seconds: HealthOmics'
        clock at its first look-up; 0 if no run is older than the attempt, None as long as HealthOmics has not answered.
    """

    retry: bool
    waits: bool = True
    own_request_id: bool = False
    record: Record[R] | None = None
    seen: ExistingRun[R] | None = None
    looked_up: bool = False
    conflict: int | None = None
    asked: int | None = None
    since: float | None = None

    def owns(self, run: R, submission: int | None = None) -> bool:
        """Tell whether a run is this attempt's own: one that StartRun has answered, or that has a submission."""
        if submission is not None and (self.asked is None or submission < self.asked):
            return False
        return created_since(run, self.since)


def created_since(run: Started, since: float | None) -> bool:
    """
    Tell whether a run is an attempt's own, by its creation.

    :param since: from which creation on it is, in epoch seconds; 0 if any is, None if that is not known.
    """
    if since is None:
        return False
    return since == 0 or (run.creation_time is not None and run.creation_time >= since)


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """
    What a look-up came to.

    :param newest: the newest run of the intention, None if there is none or nobody may look.
    :param at: when HealthOmics answered, by its own clock, in epoch seconds.
    """

    newest: ExistingRun[R] | None
    at: float | None = None


class NoRun(Enum):
    """What StartRun answers other than a run."""

    CONFLICT = "409"
    UNANSWERED = "nothing: it may have started one"


@dataclass(frozen=True, slots=True)
class LookAt(Generic[R]):
    """Ask GetRun about the run that a record names."""

    run: R
    submission: int


@dataclass(frozen=True, slots=True)
class LookUp:
    """Look for the newest run of the intention; ``submission`` if one of that submission or later must exist."""

    submission: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Ask StartRun for the run of a submission; ``why`` is for people."""

    submission: int
    why: str = field(default="First try: there is no earlier run to look for", compare=False)


@dataclass(frozen=True, slots=True)
class Write(Generic[R]):
    """Write down what the attempt is about to start or to wait for, or has started, for a later process or try."""

    record: Record[R]


@dataclass(frozen=True, slots=True)
class Show(Generic[R]):
    """
    Show a run to people and to tasks downstream, before anything else is asked.

    :param own: whether it is this attempt's own, when that is known; then it is said which run the task has.
    """

    run: R
    own: bool | None = None


@dataclass(frozen=True, slots=True)
class Wait(Generic[R]):
    """Wait for a run's end; ``dying`` if it was so before this attempt came: then its end is not the attempt's."""

    run: R
    dying: bool = False


@dataclass(frozen=True, slots=True)
class Succeed(Generic[R]):
    """The run is what the task wanted."""

    run: R


@dataclass(frozen=True, slots=True)
class Fail(Generic[R]):
    """The attempt ends with its run."""

    run: R


@dataclass(frozen=True, slots=True)
class GiveUp:
    """StartRun says that a submission has its run, and nothing finds it: the attempt ends, a later one looks again."""

    submission: int


Verdict: TypeAlias = Wait[R] | Succeed[R] | Fail[R] | GiveUp
Action: TypeAlias = LookAt[R] | LookUp | Start | Write[R] | Show[R] | Wait[R]


def next_action(known: Known[R]) -> LookAt[R] | LookUp | Start | Verdict[R]:
    """Return what an attempt does next."""
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
    why = "No run of an earlier try was found; if there is one, StartRun returns it"
    if known.asked is not None:
        why = "No run of the request that was not answered is listed: the same request is sent again"
    return Start(_next_submission(known), why)


def _next_about(known: Known[R], seen: ExistingRun[R]) -> LookUp | Start | Verdict[R]:
    run = seen.run
    if run.succeeded or not known.waits:
        return Succeed(run)
    if not run.ended:
        # STOPPING comes before every end, good or bad; an attempt that finds it so had no part in it.
        return Wait(run, dying=run.status == "STOPPING" and not seen.here)
    if seen.here or known.own_request_id:
        return Fail(run)
    if not known.looked_up:
        return LookUp()  # A record is a short cut to a living run, no proof that no later one lives.
    return Start(_next_submission(known), f"{run}, before this try began: it starts the next run")


def _next_submission(known: Known[R]) -> int:
    """Return the lowest submission that is not known to have ended."""
    begun = max(known.record.submission if known.record else 0, known.asked or 0)
    return max(begun, known.seen.submission + 1) if known.seen else begun
