# SPDX-License-Identifier: Apache-2.0
"""The calls of an attempt: start, get and look up a run or, by the same rules, a job of a sequence store."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, Generic

from botocore.exceptions import ClientError

from airflow_provider_omics.aws.answers import date_of
from airflow_provider_omics.aws.errors import is_denied, should_retry
from airflow_provider_omics.exceptions import OmicsError, StartRunConflictError
from airflow_provider_omics.lifecycle.calls import Pause
from airflow_provider_omics.lifecycle.protocol import Found, R

if TYPE_CHECKING:
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.calls import Calls
    from airflow_provider_omics.lifecycle.intention import Intention
    from airflow_provider_omics.lifecycle.protocol import Record
    from airflow_provider_omics.records.documents import JsonValue

log = logging.getLogger(__name__)
# Seconds in which a run that must exist is looked for: a new run may take that long to be listed.
LISTING_SECONDS: Final = 120.0
LOOK_AGAIN: Final = 5.0


class Submissions(ABC, Generic[R]):
    """The requests of one intention, and the look-up of what they started."""

    # For messages: the operation, what it starts, its idempotency token and the operator's argument for that.
    operation: ClassVar[str]
    what: ClassVar[str]
    key: ClassVar[str]
    argument: ClassVar[str]
    intention: Intention
    # The caller's own token, if one was given.
    own_request_id: JsonValue

    @abstractmethod
    def request_id(self, submission: int) -> str:
        """Return the requestId of a submission: the caller's own, or the intention's."""

    def taken(self, submission: int) -> StartRunConflictError:
        """Return the error after a 409 for a submission whose run is not found."""
        # A clear changes a token that is derived.
        what = f"another {self.argument}" if self.own_request_id else "a clear of the task"
        return StartRunConflictError(
            f"HealthOmics answered that {self.key} {self.request_id(submission)} is taken, but lists no {self.what} of "
            f"it: a retry looks again, {what} starts a new one"
        )

    @abstractmethod
    def submit(self, hook: OmicsHook, submission: int) -> R:
        """Call StartRun once; StartRunConflictError if HealthOmics answers 409."""

    @abstractmethod
    def newest(self) -> Calls[Found[R]]:
        """Look up the newest run of the intention once."""

    @abstractmethod
    def get_run(self, hook: OmicsHook, run: R) -> R:
        """Return the present run."""

    @abstractmethod
    def wait_error(self, run: R, why: str) -> OmicsError:
        """Return the error that waiting for a run failed, and that the run goes on."""

    def look_at(self, hook: OmicsHook, run: R) -> R:
        """Return the present run, which exists; an error that is not retried says that it goes on."""
        try:
            return self.get_run(hook, run)
        except Exception as error:
            if isinstance(error, OmicsError) or should_retry(error):
                raise
            raise self.wait_error(run, f"{type(error).__name__}: {error}") from error

    def write(self, record: Record[R]) -> None:
        """Write the record; by default there is nowhere to write it."""

    def look_up(self, at_least: int | None) -> Calls[Found[R]]:
        """Return the intention's newest run; if it must exist, try again for as long as it may take to be listed."""
        until = time.monotonic() + LISTING_SECONDS
        while True:
            # The time before the call: a process that is suspended during it has not looked for so long.
            looked = time.monotonic()
            try:
                found = yield from self.newest()
            except ClientError as error:
                if not is_denied(error):
                    raise
                log.warning("The look-up of the %s is denied, only the %s is relied on: %s", self.what, self.key, error)
                return Found(None, date_of(error.response))
            if at_least is None or (found.newest is not None and found.newest.submission >= at_least):
                return found
            if looked >= until:
                return Found(None, found.at)
            log.info("The %s of %s %s is not listed yet, looking again", self.what, self.key, self.request_id(at_least))
            yield Pause(LOOK_AGAIN)
