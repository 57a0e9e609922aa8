# SPDX-License-Identifier: Apache-2.0
"""Events of EventBridge from a queue, of HealthOmics and of new objects in S3, and the filter of a watcher."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.records import documents

if TYPE_CHECKING:
    from airflow_provider_omics.records.documents import JsonValue

_SOURCES: Final = ("aws.omics", "aws.s3")
_TASK: Final = ("PENDING", "STARTING", "RUNNING", "STOPPING", "COMPLETED", "FAILED", "CANCELLED")
_JOB: Final = (
    *("SUBMITTED", "IN_PROGRESS", "CANCELLING", "CANCELLED", "FAILED", "COMPLETED"),
    "COMPLETED_WITH_FAILURES",
)
# HealthOmics user guide, "Using EventBridge with HealthOmics", with the API's statuses; there are more of them.
STATUSES: Final = {
    "Run Status Change": (*_TASK, "DELETED"),
    "Task Status Change": _TASK,
    "RunBatch Status Change": (
        *("CREATING", "PENDING", "SUBMITTING", "INPROGRESS", "STOPPING", "CANCELLED", "FAILED", "PROCESSED"),
        *("RUNS_DELETING", "RUNS_DELETE_FAILED", "RUNS_DELETED"),
    ),
    "Workflow Status Change": ("CREATING", "ACTIVE", "UPDATING", "DELETED", "FAILED", "INACTIVE"),
    "Read Set Status Change": (
        *("ARCHIVED", "ACTIVATING", "ACTIVE", "DELETING", "DELETED", "PROCESSING_UPLOAD", "UPLOAD_FAILED"),
    ),
    "Read Set Import Job Status Change": _JOB,
    "Read Set Activation Job Status Change": _JOB,
    "Read Set Export Job Status Change": _JOB,
    "Reference Status Change": ("ACTIVE", "DELETING", "DELETED"),
    "Reference Import Job Status Change": _JOB,
    # Of S3's events only that of a new object.
    "Object Created": (),
}
# Members that only some events have.
_EVENTS_WITH: Final = {
    "workflow_id": ("Run Status Change", "Task Status Change", "RunBatch Status Change"),
    "run_name": ("Run Status Change", "Task Status Change"),
}
_LETTERS: Final = {"".join(filter(str.isalpha, name)).lower(): name for name in STATUSES}
_MAX_TEXT: Final = 2_000


@dataclass(frozen=True, slots=True)
class Event:
    """One event of EventBridge; HealthOmics' own members are in ``detail``."""

    id: str
    detail_type: str
    source: str
    time: str
    account: str
    region: str
    resources: tuple[str, ...]
    detail: dict[str, JsonValue]

    @classmethod
    def parse(cls, body: str) -> Event:
        """
        Return the event that a message holds.

        :raises ValueError: if it holds no event, or one that is neither HealthOmics' nor S3's.
        """
        event = json.loads(body)
        told = event if isinstance(event, dict) else {}
        if not (isinstance(told.get("detail"), dict) and isinstance(told.get("id"), str) and "detail-type" in told):
            if "TopicArn" in told and "Message" in told:
                raise ValueError(
                    "it is an SNS envelope: enable raw message delivery for the queue's subscription to the topic"
                )
            if "Records" in told or told.get("Event") == "s3:TestEvent":
                raise ValueError(
                    "it is a direct notification of S3, not an event of EventBridge: let the bucket send to EventBridge"
                )
            raise ValueError("it is not an event of EventBridge")
        if told.get("source") not in _SOURCES:
            raise ValueError(f"its source is not {' or '.join(_SOURCES)}")
        resources = told.get("resources")
        if any(documents.not_json(told, "")):
            raise ValueError("it holds a text or number that Airflow cannot store")
        return cls(
            id=told["id"],
            detail_type=str(told["detail-type"]),
            source=told["source"],
            time=str(told.get("time", "")),
            account=str(told.get("account", "")),
            region=str(told.get("region", "")),
            resources=tuple(map(str, resources)) if isinstance(resources, list) else (),
            detail=told["detail"],
        )

    def payload(self) -> dict[str, JsonValue]:
        """Return the event with EventBridge's names; texts in its detail are cut after 2,000 characters."""
        return {
            "id": self.id,
            "detail-type": self.detail_type,
            "source": self.source,
            "time": self.time,
            "account": self.account,
            "region": self.region,
            "resources": list(self.resources),
            "detail": {
                name: value[:_MAX_TEXT] if isinstance(value, str) else value for name, value in self.detail.items()
            },
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filter of a watcher; an empty member matches every event."""

    detail_types: tuple[str, ...]
    statuses: tuple[str, ...] = ()
    workflow_ids: tuple[str, ...] = ()
    run_name: str | None = None

    def violations(self) -> list[str]:
        """Return why this could never match an event."""
        return [*self._wrong_types(), *self._wrong_statuses(), *self._wrong_runs()]

    def matches(self, event: Event) -> bool:
        """Tell whether an event matches."""
        detail = event.detail
        return (
            event.detail_type in self.detail_types
            and (not self.statuses or detail.get("status") in self.statuses)
            and (not self.workflow_ids or detail.get("workflowId") in self.workflow_ids)
            and (self.run_name is None or fnmatchcase(str(detail.get("runName", "")), self.run_name))
        )

    def _wrong_types(self) -> list[str]:
        if not self.detail_types:
            return ["detail_type must name at least one, such as 'Run Status Change'"]
        wrong = []
        for name in self.detail_types:
            meant = _LETTERS.get("".join(filter(str.isalpha, str(name))).lower())
            if name not in STATUSES and meant:
                wrong.append(f"detail_type must be {meant!r}, not {name!r}")
            elif name not in STATUSES and not (isinstance(name, str) and name.endswith(" Status Change")):
                wrong.append(f"detail_type must be that of a HealthOmics event, or 'Object Created', not {name!r}")
        return wrong

    def _wrong_statuses(self) -> list[str]:
        known = [status for name in self.detail_types for status in STATUSES.get(name, ())]
        # The statuses of an event that is newer than this release are not known.
        if any(name not in STATUSES for name in self.detail_types):
            return []
        if self.statuses and not known:
            return [f"status must be left out: {', '.join(self.detail_types)} has none"]
        allowed = ", ".join(dict.fromkeys(known))
        wrong = [f"status must be one of {allowed}, not {it!r}" for it in self.statuses if it not in known]
        unmet = [name for name in self.detail_types if self.statuses and not set(self.statuses) & set(STATUSES[name])]
        return wrong or [f"status must be left out, or name one of {name} too" for name in unmet]

    def _wrong_runs(self) -> list[str]:
        wrong = [
            f"workflow_id must be 1 to 18 digits, as text, not {it!r}"
            for it in self.workflow_ids
            if not (isinstance(it, str) and re.fullmatch(r"[0-9]{1,18}", it))
        ]
        if self.run_name is not None and not (isinstance(self.run_name, str) and self.run_name):
            wrong.append(f"run_name must be a name or a pattern such as 'cohort-*', not {self.run_name!r}")
        for argument, value in (("workflow_id", self.workflow_ids), ("run_name", self.run_name)):
            silent = [name for name in self.detail_types if name in STATUSES and name not in _EVENTS_WITH[argument]]
            if value and silent:
                wrong.append(f"{argument} must be left out: {', '.join(silent)} events do not have it")
        return wrong
