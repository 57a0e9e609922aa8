# SPDX-License-Identifier: Apache-2.0
"""A HealthOmics run as the provider sees it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_omics.records.text import one_line, storable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The tag by which a look-up knows its own runs and jobs.
REQUEST_ID_TAG: Final = "airflow:request_id"
# User guide, "Run lifecycle". Failed runs pass STOPPING too, so it says nothing about the end.
ENDED: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED", "DELETED"})
# In the order of a run's life: one that moves on while each is listed is met again, not missed. A status that is in
# neither list is of a newer HealthOmics, and counts as active.
ACTIVE: Final = ("PENDING", "STARTING", "RUNNING", "STOPPING")


def is_id(text: str, longest: int = 18) -> bool:
    """Tell whether a text is an id of HealthOmics: ASCII digits, other than which GetRun refuses."""
    return text.isascii() and text.isdecimal() and len(text) <= longest


def uuid_of(value: object) -> str:
    """Return a uuid as HealthOmics writes it, however a template or a person has written it."""
    return str(value).strip().lower()


@dataclass(frozen=True, slots=True)
class Run:
    """
    What StartRun or GetRun said.

    ``uuid`` is the identity, because HealthOmics reuses the ids of deleted runs. Times are in epoch seconds;
    ``creation_time`` is, until GetRun tells it, that of StartRun's answer, ``start_time`` that of RUNNING.
    ``request_id`` is the tag by which a look-up knows its own runs.
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
            # Of thousands of runs each would have the few words of its own.
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
        Return the run of which a task has pushed :meth:`shown`, as far as that tells; None if it has pushed none.

        :param pull: returns the task's XCom of a key.
        """
        run_id, uuid, arn, output_uri = (pull(key) for key in ("run_id", "uuid", "arn", "run_output_uri"))
        return cls(run_id, uuid, arn, output_uri, "RUNNING") if run_id else None

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to the run."""
        return self.status in ENDED

    @property
    def known(self) -> bool:
        """Whether its status, if any has been seen, is one that this release knows."""
        return self.status in ENDED or self.status in ACTIVE or not self.status

    @property
    def succeeded(self) -> bool:
        """Whether the run's outputs are there."""
        return self.status == "COMPLETED"

    def deleted(self, why: str) -> Run:
        """Return the run as the API no longer shows it."""
        return replace(self, status="DELETED", failure_reason=None, status_message=why)

    @property
    def region(self) -> str | None:
        """The Region that the run is in."""
        parts = self.arn.split(":")
        return parts[3] if len(parts) > 3 else None  # noqa: PLR2004 - arn:partition:service:region

    def shown(self) -> dict[str, str]:
        """Return what the task pushes as soon as it has the run, by the XComs' keys."""
        return {"run_id": self.id, "uuid": self.uuid, "arn": self.arn, "run_output_uri": self.output_uri}

    def xcom(self) -> dict[str, str]:
        """Return what the task returns to those downstream."""
        return {**self.shown(), "status": self.status}

    def __str__(self) -> str:
        """Say which run, how it stands and why, on one line."""
        why = ": ".join(part for part in (self.failure_reason, self.status_message) if part)
        return one_line(f"run {self.id} {self.status}" + (f": {why}" if why else ""))
