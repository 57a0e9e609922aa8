# SPDX-License-Identifier: Apache-2.0
"""A HealthOmics run."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_omics.records.text import one_line, storable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The tag by which a look-up recognises its own runs and jobs.
REQUEST_ID_TAG: Final = "airflow:request_id"
# User guide, "Run lifecycle". STOPPING comes before every end, so it does not mean cancelled.
ENDED: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED", "DELETED"})
# In the order of a run's life: a run whose status changes while they are listed is listed twice, not missed. A status
# that is in neither list, of a newer HealthOmics, counts as active.
ACTIVE: Final = ("PENDING", "STARTING", "RUNNING", "STOPPING")


def is_id(text: str, longest: int = 18) -> bool:
    """Tell whether a text is an id of HealthOmics: ASCII digits, as GetRun requires."""
    return text.isascii() and text.isdecimal() and len(text) <= longest


def uuid_of(value: object) -> str:
    """Return a uuid as HealthOmics writes it: lower case, without spaces."""
    return str(value).strip().lower()


@dataclass(frozen=True, slots=True)
class Run:
    """
    A run of StartRun's, GetRun's or ListRuns' answer.

    Only ``uuid`` is unique, because HealthOmics reuses the ids of deleted runs. Times are in epoch seconds;
    ``creation_time`` is the time of StartRun's answer until GetRun returns it, ``start_time`` that of RUNNING.
    ``request_id`` is the tag by which a look-up recognises its own runs.
    """

    id: str
    uuid: str = ""
    arn: str = ""
    output_uri: str = ""
    status: str = "PENDING"
    failure_reason: str | None = None
    status_message: str | None = None
    creation_time: float | None = None
    request_id: str | None = None
    start_time: float | None = None
    stop_time: float | None = None

    @classmethod
    def from_response(cls, response: Mapping[str, Any]) -> Run:
        """Read the answer of StartRun or GetRun; members that an older service model lacks are empty."""

        def text(member: str) -> str:
            return storable(response.get(member))

        def seconds(member: str) -> float | None:
            return response[member].timestamp() if response.get(member) else None

        created = response.get("creationTime")
        date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if created is None and date:
            created = parsedate_to_datetime(date)
        return cls(
            id=text("id"),
            uuid=text("uuid"),
            arn=text("arn"),
            output_uri=text("runOutputUri"),
            # Interned: else each of thousands of runs would have its own copy of the few statuses.
            status=sys.intern(text("status")),
            failure_reason=text("failureReason") or None,
            status_message=text("statusMessage") or None,
            creation_time=created.timestamp() if created else None,
            request_id=response.get("tags", {}).get(REQUEST_ID_TAG),
            start_time=seconds("startTime"),
            stop_time=seconds("stopTime"),
        )

    @classmethod
    def from_xcom(cls, pull: Callable[[str], Any]) -> Run | None:
        """
        Return the run of a task's XComs (:meth:`shown`); None if it has pushed none.

        A new run may not be visible yet: the 15 minutes for that count from now.

        :param pull: returns the task's XCom for a key.
        """
        # A process that has died may have pushed only some of them.
        run_id, uuid, arn, output_uri = (pull(key) or "" for key in ("run_id", "uuid", "arn", "run_output_uri"))
        return cls(run_id, uuid, arn, output_uri, "RUNNING", creation_time=time.time()) if run_id else None

    @property
    def ended(self) -> bool:
        """Whether the run has ended."""
        return self.status in ENDED

    @property
    def known(self) -> bool:
        """Whether this release knows its status; an empty status, before the first poll, is known."""
        return self.status in ENDED or self.status in ACTIVE or not self.status

    @property
    def succeeded(self) -> bool:
        """Whether the run has COMPLETED."""
        return self.status == "COMPLETED"

    def deleted(self, why: str) -> Run:
        """Return the run as DELETED, with a reason."""
        return replace(self, status="DELETED", failure_reason=None, status_message=why)

    @property
    def region(self) -> str | None:
        """The Region that the run is in."""
        parts = self.arn.split(":")
        return parts[3] if len(parts) > 3 else None  # noqa: PLR2004 - arn:partition:service:region

    def shown(self) -> dict[str, str]:
        """Return the XComs that the task pushes as soon as the run is found or started, by their keys."""
        return {"run_id": self.id, "uuid": self.uuid, "arn": self.arn, "run_output_uri": self.output_uri}

    def xcom(self) -> dict[str, str]:
        """Return the task's result."""
        return {**self.shown(), "status": self.status}

    def __str__(self) -> str:
        """Return one line: id, status, reason and message."""
        why = ": ".join(part for part in (self.failure_reason, self.status_message) if part)
        return one_line(f"run {self.id} {self.status}" + (f": {why}" if why else ""))
