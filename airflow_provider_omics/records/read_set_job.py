# SPDX-License-Identifier: Apache-2.0
"""An import or activation job of a sequence store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from airflow_provider_omics.records import documents
from airflow_provider_omics.records.run import REQUEST_ID_TAG
from airflow_provider_omics.records.text import one_line, storable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

Kind: TypeAlias = Literal["import", "activation"]

# Statuses of GetReadSetImportJob and GetReadSetActivationJob. An unknown one, of a newer HealthOmics, counts as active.
ACTIVE: Final = frozenset({"SUBMITTED", "IN_PROGRESS", "CANCELLING"})
ENDED: Final = frozenset({"COMPLETED", "COMPLETED_WITH_FAILURES", "FAILED", "CANCELLED"})
MAX_FAILED: Final = 5
# Two sources are the same if these members are: the service may fill in the others.
_IDENTITY: Final = ("sourceFiles", "sourceFileType", "subjectId", "sampleId")


@dataclass(frozen=True, slots=True)
class Source:
    """
    One source of a job, and its status.

    :param key: identifies the source in requests and answers.
    :param label: its name in messages.
    :param members: ``name``, ``subject_id`` and ``sample_id``, if they are known.
    :param files: ``source1`` and, for pairs, ``source2``.
    """

    key: str
    label: str
    status: str
    message: str = ""
    read_set_id: str = ""
    members: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether its read set exists."""
        return self.status == "FINISHED" and bool(self.read_set_id)

    def __str__(self) -> str:
        """Return one line: label, status and message."""
        return f"{self.label}: {self.status}" + (f": {self.message}" if self.message else "")


@dataclass(frozen=True, slots=True)
class ReadSetJob:
    """
    A job of Start's, List's or Get's answer; Start and List do not return its sources.

    :param creation_time: in epoch seconds.
    :param completion_time: in epoch seconds.
    :param request_id: the tag of its sources by which a look-up recognises its own jobs.
    """

    kind: Kind
    id: str
    store_id: str
    status: str = "SUBMITTED"
    status_message: str = ""
    creation_time: float | None = None
    completion_time: float | None = None
    sources: tuple[Source, ...] = ()
    request_id: str | None = None

    @classmethod
    def from_response(cls, kind: Kind, response: Mapping[str, Any]) -> ReadSetJob:
        """Read the answer of Start, List or Get."""
        items = response.get("sources") or []
        return cls(
            kind=kind,
            id=str(response["id"]),
            store_id=str(response["sequenceStoreId"]),
            status=str(response["status"]),
            status_message=storable(response.get("statusMessage")),
            creation_time=_epoch(response.get("creationTime")),
            completion_time=_epoch(response.get("completionTime")),
            sources=tuple(source_of(item) for item in items),
            request_id=(items[0].get("tags") or {}).get(REQUEST_ID_TAG) if items else None,
        )

    @property
    def ended(self) -> bool:
        """Whether the job has ended."""
        return self.status in ENDED

    @property
    def known(self) -> bool:
        """Whether this release knows its status."""
        return self.status in ENDED or self.status in ACTIVE

    @property
    def succeeded(self) -> bool:
        """Whether each of its sources has a read set."""
        return self.status == "COMPLETED"

    @property
    def keys(self) -> set[str]:
        """The keys of its sources."""
        return {source.key for source in self.sources}

    @property
    def name(self) -> str:
        """Its name in messages."""
        return f"read set {self.kind} job {self.id} of sequence store {self.store_id}"

    def xcom(self) -> dict[str, str]:
        """Return the job as XComs."""
        return {"job_id": self.id, "sequence_store_id": self.store_id, "status": self.status}

    def failures(self) -> list[str]:
        """Return a line for each of the first failed sources, and one with the number of all failed sources."""
        failed = [source for source in self.sources if not source.finished]
        lines = [f"  {one_line(str(source))}" for source in failed[:MAX_FAILED]]
        if len(failed) > MAX_FAILED:
            lines.append(f"  … {MAX_FAILED} of {len(failed)} that failed")
        return lines

    def __str__(self) -> str:
        """Return one line: name, status and message."""
        return one_line(f"{self.name} {self.status}" + (f": {self.status_message}" if self.status_message else ""))


def source_of(item: Mapping[str, Any]) -> Source:
    """Read a source of a request or of Get's answer."""
    read_set_id = str(item.get("readSetId") or "")
    known = {"name": "name", "subjectId": "subject_id", "sampleId": "sample_id"}
    files = item.get("sourceFiles")
    name = item.get("name") or item.get("sampleId")
    return Source(
        key=documents.to_json({member: item.get(member) for member in _IDENTITY}) if files else read_set_id,
        label=f"{name} ({files['source1']})" if files else f"read set {read_set_id}",
        status=str(item.get("status") or ""),
        message=storable(item.get("statusMessage")),
        read_set_id=read_set_id,
        members=tuple((ours, str(item[theirs])) for theirs, ours in known.items() if item.get(theirs)),
        files=tuple(sorted(files or ())),
    )


def imported(job: ReadSetJob, role_arn: str, region: str) -> list[dict[str, str | list[str]]]:
    """
    Return the read sets that a job has imported, for XCom.

    :param role_arn: the job's role, whose ARN has the account; if it has none, the ``omics_uris`` are empty.
    :param region: the Region of the sequence store.
    """
    account = re.match(r"arn:[\w-]+:iam::(\d{12}):", role_arn)
    store = f"omics://{account[1]}.storage.{region}.amazonaws.com/{job.store_id}/readSet" if account else ""
    return [
        {
            "read_set_id": source.read_set_id,
            **dict(source.members),
            "omics_uris": [f"{store}/{source.read_set_id}/{file}" for file in source.files if store],
        }
        for source in job.sources
        if source.finished
    ]


def _epoch(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
