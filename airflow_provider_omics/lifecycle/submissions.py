# SPDX-License-Identifier: Apache-2.0
"""What an attempt asks of HealthOmics, whatever it is that it wants once: a run, or a job of a sequence store."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, Generic

from botocore.exceptions import ClientError

from airflow_provider_omics.aws.answers import date_of
from airflow_provider_omics.aws.errors import is_denied
from airflow_provider_omics.exceptions import StartRunConflictError
from airflow_provider_omics.lifecycle.calls import Pause
from airflow_provider_omics.lifecycle.protocol import Found, R

if TYPE_CHECKING:
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.calls import Calls
    from airflow_provider_omics.lifecycle.intention import Intention
    from airflow_provider_omics.lifecycle.protocol import Record
    from airflow_provider_omics.records.documents import JsonValue

log = logging.getLogger(__name__)
# Seconds for which a run that must exist is looked for: as long as a new run may take to be listed.
LISTING_SECONDS: Final = 120.0
LOOK_AGAIN: Final = 5.0


class Submissions(ABC, Generic[R]):
    """
    The requests of one intention, and how what they started is found again.

    :param intention: whose run or job it is.
    :param own_request_id: the caller's own token, if it chose one.
    """

    # The operation, what it starts, and the member that makes it idempotent with its argument, for people.
    operation: ClassVar[str]
    what: ClassVar[str]
    key: ClassVar[str]
    argument: ClassVar[str]

    def __init__(self, intention: Intention, own_request_id: JsonValue) -> None:
        self.intention = intention
        self._own_request_id = own_request_id

    def request_id(self, submission: int) -> str:
        """Return the requestId of a submission."""
        return str(self._own_request_id or self.intention.request_id(submission))

    def taken(self, submission: int) -> StartRunConflictError:
        """Return the error that a submission's token is taken by what nothing finds, and what helps."""
        # A clear changes a token that is derived.
        way_out = f"another {self.argument} starts anew" if self._own_request_id else "a clear of the task starts anew"
        return StartRunConflictError(
            f"HealthOmics says that {self.key} {self.request_id(submission)} is taken, but lists no {self.what} of it: "
            f"a retry looks again, {way_out}"
        )

    @abstractmethod
    def submit(self, hook: OmicsHook, submission: int) -> R:
        """Ask once for the run of a submission; StartRunConflictError if HealthOmics answers 409."""

    @abstractmethod
    def newest(self) -> Calls[Found[R]]:
        """Look once for the newest run of the intention."""

    @abstractmethod
    def get_run(self, hook: OmicsHook, run: R) -> R:
        """Ask how it is now."""

    def write(self, record: Record[R]) -> None:
        """Keep nothing."""

    def look_up(self, at_least: int | None) -> Calls[Found[R]]:
        """Return the intention's newest run, looked for as long as it may take to be listed if it must exist."""
        until = time.monotonic() + LISTING_SECONDS
        while True:
            # When the look begins: a process that then stands still has not looked for as long as it seems.
            looked = time.monotonic()
            try:
                found = yield from self.newest()
            except ClientError as error:
                if not is_denied(error):
                    raise
                log.warning("A retry may not look for its %s, and relies on the %s: %s", self.what, self.key, error)
                return Found(None, date_of(error.response))
            if at_least is None or (found.newest is not None and found.newest.submission >= at_least):
                return found
            if looked >= until:
                return Found(None, found.at)
            log.info("The %s of %s %s is not listed yet, looking again", self.what, self.key, self.request_id(at_least))
            yield Pause(LOOK_AGAIN)
