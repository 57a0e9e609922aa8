# SPDX-License-Identifier: Apache-2.0
"""What an attempt knows, its actions and its verdicts; they hold for runs and for the jobs of a sequence store."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, Protocol, TypeAlias, TypeVar


class Started(Protocol):
    """A run or a job, as HealthOmics last showed it."""

    @property
    def status(self) -> str:
        """Its status, as HealthOmics returns it."""

    @property
    def creation_time(self) -> float | None:
        """When it was created, in epoch seconds."""

    @property
    def ended(self) -> bool:
        """Whether it has ended."""

    @property
    def succeeded(self) -> bool:
        """Whether it has COMPLETED."""


R = TypeVar("R", bound=Started)


@dataclass(frozen=True, slots=True)
class ExistingRun(Generic[R]):
    """A run of this intention as it is now; ``own`` if this attempt created it."""

    run: R
    submission: int
    own: bool = False


@dataclass(frozen=True, slots=True)
class Record(Generic[R]):
    """
    What an attempt writes down: the submission that it starts or waits for and, if it is known, the run.

    :param since: a run of this submission, or of a later one, is the attempt's own if it was created at this time or
        later, in epoch seconds; None if that is not known.
    :param adopted: whether the attempt waits for a run that it has found, not started.
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
    :param own_request_id: whether the caller gave the requestId: then there is only one submission.
    :param record: the record of an earlier attempt, if there is a state store.
    :param seen: the newest run of the intention that this attempt has seen.
    :param looked_up: whether the look-up was made, or denied.
    :param conflict: the submission that StartRun answered with 409.
    :param asked: the submission for which this attempt has called StartRun in an earlier process, or without an answer;
        or the one whose run it waited for in an earlier process.
    :param since: a run of the intention is this attempt's own if it was created at this time or later, in epoch
        seconds: HealthOmics' clock at the first look-up; 0 if no run can be older than the attempt, None as long as
        HealthOmics has not answered.
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
        """Tell whether this attempt created a run: one of StartRun's answer or, with a submission, of a look-up."""
        if submission is not None and (self.asked is None or submission < self.asked):
            return False
        return created_since(run, self.since)


def created_since(run: Started, since: float | None) -> bool:
    """
    Tell whether a run was created at a time or later.

    :param since: the time in epoch seconds; 0 for any run, None if it is not known.
    """
    if since is None:
        return False
    return since == 0 or (run.creation_time is not None and run.creation_time >= since)


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """
    The result of a look-up.

    :param newest: the newest run of the intention, None if there is none or ListRuns is denied.
    :param at: when HealthOmics answered, by its own clock, in epoch seconds.
    """

    newest: ExistingRun[R] | None
    at: float | None = None


class NoRun(Enum):
    """Why StartRun has returned no run."""

    CONFLICT = "409"
    UNANSWERED = "nothing: it may have started one"


@dataclass(frozen=True, slots=True)
class LookAt(Generic[R]):
    """Call GetRun for the run of a record, or of StartRun's answer."""

    run: R
    submission: int


@dataclass(frozen=True, slots=True)
class LookUp:
    """Look up the newest run of the intention; with ``submission``, one of that submission or later must exist."""

    submission: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """
    Call StartRun for a submission.

    :param why: the log line, with ``{what}`` for a run or a job, ``{operation}`` for what starts it, ``{key}`` for its
        idempotency token, and ``{before}``.
    :param before: the run or job that ended before.
    """

    submission: int
    why: str = field(default="First try: starting a {what}", compare=False)
    before: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Write(Generic[R]):
    """Write the record, or the marker, of what the attempt starts or waits for, for a later try or process."""

    record: Record[R]


@dataclass(frozen=True, slots=True)
class Show(Generic[R]):
    """
    Push a run's XComs and links, before any other call.

    :param own: whether this attempt has started it, once that is known; then it is logged.
    """

    run: R
    own: bool | None = None


@dataclass(frozen=True, slots=True)
class Wait(Generic[R]):
    """Wait for a run's end; ``dying`` if this attempt found it STOPPING: then the next run follows a failure."""

    run: R
    dying: bool = False


@dataclass(frozen=True, slots=True)
class Succeed(Generic[R]):
    """The attempt succeeds with this run."""

    run: R


@dataclass(frozen=True, slots=True)
class Fail(Generic[R]):
    """The attempt fails with this run."""

    run: R


@dataclass(frozen=True, slots=True)
class GiveUp:
    """StartRun answered 409, and the run is not found: the attempt fails, a later one looks again."""

    submission: int


Verdict: TypeAlias = Wait[R] | Succeed[R] | Fail[R] | GiveUp
Action: TypeAlias = LookAt[R] | LookUp | Start | Write[R] | Show[R] | Wait[R]
