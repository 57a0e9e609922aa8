# SPDX-License-Identifier: Apache-2.0
"""
Everything the provider raises::

    OmicsError                          (AirflowException)
    ├── OmicsRequestError               an argument breaks a rule; no retry helps
    │   └── StartRunRequestError        the arguments of StartRun do, all violations in one text
    ├── ConnectionNotFoundError         the connection that the task names is not there
    ├── WrongAccountError               the connection leads to another account or Region than the run's
    ├── StartRunElsewhereError          it leads the triggerer to another one than the worker
    ├── StartRunRefusedError            StartRun is throttled or unanswered, or the account full, for too long
    ├── StartRunConflictError           HealthOmics says that the requestId is taken and does not say by which run
    ├── RunEndedError                   the run is over, without its outputs
    │   ├── RunFailedError              FAILED, for a cause that passes, or that retry_on names
    │   │   └── RunFailedForGoodError   FAILED, for a cause that no retry mends
    │   ├── RunCancelledError           CANCELLED, and not by this task: no retry
    │   ├── RunDeletedError             DELETED, or gone from the API: no retry
    │   └── RequestIdSpentError         ended badly, and was the one run of the caller's request_id: no retry
    ├── ReadSetJobFailedError           a read set job has ended without all of its read sets
    │   └── ClientTokenSpentError       likewise, and it was the one job of the caller's client_token: no retry
    ├── ReadSetJobRefusedError          the start of such a job is throttled or the account full, for too long
    ├── ReadSetJobTimeoutError          execution_timeout passed first; the job goes on
    ├── ReadSetJobWaitError             waiting broke, the job goes on
    ├── RunNotCancelledError            a run that was to be cancelled goes on
    ├── RunTimeoutError                 execution_timeout passed first; the run is cancelled
    └── RunWaitError                    waiting broke, the run goes on

What no retry can mend is an ``AirflowFailException`` too: the task fails at once and burns no money.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_omics.records.text import clipped, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.records.read_set_job import ReadSetJob
    from airflow_provider_omics.records.run import Run


# In bytes: a service message of any length must leave room for what helps.
_MOST = 4000
_MOST_OF_LINE = 1250
# A key of S3 may have a thousand bytes.
_MOST_OF_SOURCE = 500


class OmicsError(AirflowException):
    """Whatever the provider raises; its text has less than 4 KB."""

    def __init__(self, message: str) -> None:
        super().__init__(clipped(message, _MOST))

    def __reduce__(self) -> tuple[Callable[..., OmicsError], tuple[Any, ...], dict[str, Any]]:
        # A copy has the text and what belongs to it: Python would make the text the first argument of a class anew.
        return _again, (type(self), *self.args), vars(self)


def _again(kind: type[OmicsError], *args: object) -> OmicsError:
    return kind.__new__(kind, *args)


class OmicsRequestError(OmicsError, AirflowFailException):
    """An argument breaks a rule; the text names the argument, the rule and the value."""


class StartRunRequestError(OmicsRequestError):
    """The StartRun request breaks rules of HealthOmics, which the text tells all at once."""


class ConnectionNotFoundError(OmicsError):
    """The task names an Airflow connection that is not there, or that a secrets backend did not find this once."""


class WrongAccountError(OmicsError):
    """The process has credentials of another account or Region than the run's: it may neither judge nor cancel it."""


class StartRunElsewhereError(OmicsError):
    """The connection leads the triggerer to another account or Region than the worker, and nothing was started."""


class StartRunRefusedError(OmicsError):
    """
    HealthOmics does not start runs for now.

    :param why: what StartRun answered.
    :param refusals: how often it did, in a row.
    :param full: whether a quota of the account is used up, other than that of calls a second; None if HealthOmics does
        not answer at all.
    """

    def __init__(self, why: str, refusals: int = 0, *, full: bool | None = False) -> None:
        self.why = why
        self.refusals = refusals
        self.full = full
        if full is None:
            super().__init__(
                f"HealthOmics does not answer: {why}: a retry finds the run if it was started nevertheless"
            )
            return
        advice = (
            "delete runs that have ended, start them with retention_mode=REMOVE, or ask for a higher quota"
            if full
            else "start fewer at a time (a pool with include_deferred), or ask for a higher quota of StartRun"
        )
        super().__init__(f"No run was started: {why}: {advice}")


class StartRunDeniedError(OmicsError):
    """The caller may not start the run, give it its role, or tag it."""


class StartRunConflictError(OmicsError):
    """HealthOmics answered 409 to a repeated requestId."""


class RunEndedError(OmicsError):
    """
    The run ended without success.

    :param run: the run as GetRun last showed it.
    :param advice: what helps, below the line that says how it ended.
    """

    def __init__(self, run: Run, advice: str = "") -> None:
        self.run = run
        line = clipped(one_line(f"HealthOmics {run}"), _MOST_OF_LINE)
        super().__init__(f"{line}\n{advice}" if advice else line)


class RunFailedError(RunEndedError):
    """The run is FAILED."""


class RunFailedForGoodError(RunFailedError, AirflowFailException):
    """The run is FAILED for a cause that another run would meet again; ``retry_on`` can say otherwise."""


class RunCancelledError(RunEndedError, AirflowFailException):
    """The run is CANCELLED, which somebody decided."""


class RunDeletedError(RunEndedError, AirflowFailException):
    """The run was deleted or dropped by ``retention_mode=REMOVE``; its id may belong to another run now."""


class RequestIdSpentError(RunEndedError, AirflowFailException):
    """The one run of the caller's ``request_id`` ended without success; a retry would only find it again."""


class RunTimeoutError(OmicsError):
    """The run had not ended when ``execution_timeout`` passed; it is cancelled unless ``cancel_on_kill=False``."""


class RunNotCancelledError(OmicsError):
    """
    A run that was to be cancelled goes on.

    :param run: the run as GetRun last showed it.
    :param why: what stood in the way last.
    """

    def __init__(self, run: Run, why: str) -> None:
        self.run = run
        self.why = why
        super().__init__(
            f"Run {run.id} ({run.status or 'of unknown status'}) is not cancelled and goes on: {why}; "
            "CancelOmicsRunOperator, or HealthOmics' console, ends it"
        )


class RunWaitError(OmicsError):
    """Waiting for the run failed; the run itself goes on."""

    @classmethod
    def of(cls, run: Run, why: str) -> RunWaitError:
        """
        Return the error that says what becomes of the run.

        :param run: the run as it was last seen.
        :param why: what went wrong.
        """
        return cls(
            f"Waiting for run {run.id} ({run.status}) broke, and the run goes on: {why}\n"
            "A retry waits for the same run; after the last one CancelOmicsRunOperator, or the console, ends it."
        )


class ReadSetJobFailedError(OmicsError):
    """
    A read set job ended COMPLETED_WITH_FAILURES, FAILED or CANCELLED; the text names the first sources that failed.

    :param job: the job as Get last showed it.
    """

    def __init__(self, job: ReadSetJob, advice: str = "") -> None:
        self.job = job
        lines = (f"HealthOmics {job}", *job.failures(), advice)
        super().__init__("\n".join(clipped(line, _MOST_OF_SOURCE) for line in lines if line))


class ClientTokenSpentError(ReadSetJobFailedError, AirflowFailException):
    """The one job of the caller's ``client_token`` ended so; a retry would only find it again."""


class ReadSetJobRefusedError(OmicsError):
    """HealthOmics does not start such jobs for now: they are asked for too often, or too many are going on."""


class ReadSetJobTimeoutError(OmicsError):
    """The job had not ended when ``execution_timeout`` passed; it goes on, as HealthOmics cannot cancel it."""


class ReadSetJobWaitError(OmicsError):
    """Waiting for the job failed; the job itself goes on."""

    @classmethod
    def of(cls, job: ReadSetJob, why: str) -> ReadSetJobWaitError:
        """
        Return the error that says what becomes of the job.

        :param job: the job as it was last seen.
        :param why: what went wrong.
        """
        return cls(f"Waiting for {job} broke, and the job goes on: {why}\nA retry waits for the same job.")


def error_of(name: str | None, text: str | None) -> OmicsError:
    """
    Return the error that a trigger has met, of which its event has class and text.

    :param name: name of the class; one that a newer release has is an OmicsError.
    :param text: the text.
    """
    kind = globals().get(name or "")
    return _again(kind if isinstance(kind, type) and issubclass(kind, OmicsError) else OmicsError, text or "")
