# SPDX-License-Identifier: Apache-2.0
"""
Everything the provider raises::

    OmicsError                          (AirflowException)
    ├── OmicsRequestError               an argument breaks a rule; no retry
    │   └── StartRunRequestError        arguments of StartRun break rules; the text names all violations; no retry
    ├── ConnectionNotFoundError         Airflow has no connection of the task's aws_conn_id
    ├── WrongAccountError               the connection leads to another account or Region than the run's
    ├── StartRunElsewhereError          the triggerer's connection leads to another one than the worker's
    ├── StartRunRefusedError            StartRun was throttled, exceeded a quota or had no answer for too long
    ├── StartRunDeniedError             the caller lacks a permission for StartRun
    ├── StartRunConflictError           409 to a requestId, and the run that has it is not found
    ├── RunEndedError                   the run ended without success
    │   ├── RunFailedError              FAILED, for a transient cause or one that retry_on names
    │   │   └── RunFailedForGoodError   FAILED, for any other cause; no retry
    │   ├── RunCancelledError           CANCELLED, and not by this task; no retry
    │   ├── RunDeletedError             DELETED, or gone from the API; no retry
    │   └── RequestIdSpentError         the one run of the caller's request_id ended without success; no retry
    ├── ReadSetJobFailedError           a read set job ended without all of its read sets
    │   └── ClientTokenSpentError       the same, of the one job of the caller's client_token; no retry
    ├── ReadSetJobRefusedError          the start of a read set job was throttled or exceeded a quota for too long
    ├── ReadSetJobTimeoutError          execution_timeout passed before the job ended; the job goes on
    ├── ReadSetJobWaitError             waiting failed, the job goes on
    ├── RunNotCancelledError            a run could not be cancelled and goes on
    ├── RunTimeoutError                 execution_timeout passed before the run ended; the run is cancelled
    └── RunWaitError                    waiting failed, the run goes on

"No retry" errors are also ``AirflowFailException``: the task fails at once, whatever its ``retries``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_omics.records.text import clipped, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.records.read_set_job import ReadSetJob
    from airflow_provider_omics.records.run import Run


# In bytes: however long the service's message is, the advice must have room.
_MOST = 4000
_MOST_OF_LINE = 1250
# A key of S3 may have a thousand bytes.
_MOST_OF_SOURCE = 500


class OmicsError(AirflowException):
    """Base of all errors of this provider; the text has less than 4 KB."""

    def __init__(self, message: str) -> None:
        super().__init__(clipped(message, _MOST))

    def __reduce__(self) -> tuple[Callable[..., OmicsError], tuple[Any, ...], dict[str, Any]]:
        # Exception's own __reduce__ would call the class with the text as its first argument.
        return _again, (type(self), *self.args), vars(self)


def _again(kind: type[OmicsError], *args: object) -> OmicsError:
    return kind.__new__(kind, *args)


class OmicsRequestError(OmicsError, AirflowFailException):
    """An argument breaks a rule; the text names the argument, the rule and the value."""


class StartRunRequestError(OmicsRequestError):
    """The StartRun request breaks rules of HealthOmics; the text names all of them."""


class ConnectionNotFoundError(OmicsError):
    """The Airflow connection that the task names does not exist, or a secrets backend did not find it."""


class WrongAccountError(OmicsError):
    """The connection leads to another account or Region than the run's: its status cannot be read there."""


class StartRunElsewhereError(OmicsError):
    """The connection leads the triggerer to another account or Region than the worker, and nothing was started."""


class StartRunRefusedError(OmicsError):
    """
    HealthOmics does not start runs for now.

    :param why: the last answer of StartRun.
    :param refusals: the number of refusals in a row.
    :param full: True if a quota of the account is exceeded (402), False if StartRun is throttled (429), None if
        HealthOmics does not answer.
    """

    def __init__(self, why: str, refusals: int = 0, *, full: bool | None = False) -> None:
        self.why = why
        self.refusals = refusals
        self.full = full
        if full is None:
            super().__init__(
                f"HealthOmics does not answer: {why}: if the run was started all the same, a retry finds it"
            )
            return
        advice = (
            "delete runs that have ended, start them with retention_mode=REMOVE, or ask for a higher quota"
            if full
            else "start fewer at a time (a pool with include_deferred), or ask for a higher quota of StartRun"
        )
        super().__init__(f"No run was started: {why}: {advice}")


class StartRunDeniedError(OmicsError):
    """The caller lacks the permission to start the run, to pass the role, or to tag the run."""


class StartRunConflictError(OmicsError):
    """HealthOmics answered 409 to a repeated requestId."""


class RunEndedError(OmicsError):
    """
    The run ended without success.

    :param run: the run as GetRun last showed it.
    :param advice: what to do, shown below the line with status and reason.
    """

    def __init__(self, run: Run, advice: str = "") -> None:
        self.run = run
        line = clipped(one_line(f"HealthOmics {run}"), _MOST_OF_LINE)
        super().__init__(f"{line}\n{advice}" if advice else line)


class RunFailedError(RunEndedError):
    """The run is FAILED."""


class RunFailedForGoodError(RunFailedError, AirflowFailException):
    """The run is FAILED for a cause that a new run would probably have, too; ``retry_on`` can allow a retry."""


class RunCancelledError(RunEndedError, AirflowFailException):
    """The run was CANCELLED by a person or another program."""


class RunDeletedError(RunEndedError, AirflowFailException):
    """The run was deleted or dropped by ``retention_mode=REMOVE``; its id may belong to another run now."""


class RequestIdSpentError(RunEndedError, AirflowFailException):
    """The one run of the caller's ``request_id`` ended without success; a retry would only find it again."""


class RunTimeoutError(OmicsError):
    """The run had not ended when ``execution_timeout`` passed; it is cancelled unless ``cancel_on_kill=False``."""


class RunNotCancelledError(OmicsError):
    """
    A run could not be cancelled and goes on.

    :param run: the run as GetRun last showed it.
    :param why: the last error.
    """

    def __init__(self, run: Run, why: str) -> None:
        self.run = run
        self.why = why
        super().__init__(
            f"Run {run.id} ({run.status or 'of unknown status'}) is not cancelled and goes on: {why}; "
            "cancel it by CancelOmicsRunOperator or in the HealthOmics console"
        )


class RunWaitError(OmicsError):
    """Waiting for the run failed; the run itself goes on."""

    @classmethod
    def of(cls, run: Run, why: str) -> RunWaitError:
        """
        Return the error for a run that goes on.

        :param run: the run as it was last seen.
        :param why: the error.
        """
        return cls(
            f"Waiting for run {run.id} ({run.status}) failed, and the run goes on: {why}\n"
            "A retry waits for the same run; without one, cancel it by CancelOmicsRunOperator or in the console."
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
    """The one job of the caller's ``client_token`` failed; a retry would only find it again."""


class ReadSetJobRefusedError(OmicsError):
    """HealthOmics does not start the job for now: the call is throttled, or the quota of active jobs is exceeded."""


class ReadSetJobTimeoutError(OmicsError):
    """The job had not ended when ``execution_timeout`` passed; it goes on, as HealthOmics cannot cancel it."""


class ReadSetJobWaitError(OmicsError):
    """Waiting for the job failed; the job itself goes on."""

    @classmethod
    def of(cls, job: ReadSetJob, why: str) -> ReadSetJobWaitError:
        """
        Return the error for a job that goes on.

        :param job: the job as it was last seen.
        :param why: the error.
        """
        return cls(f"Waiting for {job} failed, and the job goes on: {why}\nA retry waits for the same job.")


def error_of(name: str | None, text: str | None) -> OmicsError:
    """
    Return the error that a trigger's event describes.

    :param name: name of the class; an unknown one, of a newer release, becomes an OmicsError.
    :param text: the text.
    """
    kind = globals().get(name or "")
    return _again(kind if isinstance(kind, type) and issubclass(kind, OmicsError) else OmicsError, text or "")
