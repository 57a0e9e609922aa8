# SPDX-License-Identifier: Apache-2.0
"""
One run per intention: what is known goes in, the next step comes out.

An attempt of a task knows what its records, a look-up, StartRun and GetRun have told it so far; :func:`next_step` says
what to do about it, without doing anything. Safety wins over progress: what cannot be known ends in :class:`GiveUp`,
never in a second run. What is started is a run or, by the same rules, a job of a sequence store.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
    """What an earlier attempt wrote down: the submission it was about to start and, if it came so far, the run."""

    submission: int
    run: R | None = None


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
    """

    retry: bool
    waits: bool = True
    own_request_id: bool = False
    record: Record[R] | None = None
    seen: ExistingRun[R] | None = None
    looked_up: bool = False
    conflict: int | None = None


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
class Wait(Generic[R]):
    """Wait for a run's end; ``judge`` if it was dying before this attempt came: then its end is not the attempt's."""

    run: R
    judge: bool = False


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
Step: TypeAlias = LookAt[R] | LookUp | Start | Wait[R] | Succeed[R] | Fail[R] | GiveUp


def next_step(known: Known[R]) -> Step[R]:
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
    return Start(_next_submission(known), why)


def _next_about(known: Known[R], seen: ExistingRun[R]) -> Step[R]:
    run = seen.run
    if run.succeeded or not known.waits:
        return Succeed(run)
    if not run.ended:
        # STOPPING comes before every end, good or bad; an attempt that finds it so had no part in it.
        return Wait(run, judge=run.status == "STOPPING" and not seen.here)
    if seen.here or known.own_request_id:
        return Fail(run)
    if not known.looked_up:
        return LookUp()  # A record is a short cut to a living run, no proof that no later one lives.
    return Start(_next_submission(known), f"{run}, before this try began: it starts the next run")


def _next_submission(known: Known[R]) -> int:
    """Return the lowest submission that is not known to have ended."""
    begun = known.record.submission if known.record else 0
    return max(begun, known.seen.submission + 1) if known.seen else begun
