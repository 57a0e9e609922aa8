# SPDX-License-Identifier: Apache-2.0
"""A sequence store, its read sets, and the jobs that import and activate them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_omics.local.wire.caller import Answer, Caller

# JobStatusMessage's and ReadSetStatusMessage's shorter maximum.
_MAX_MESSAGE = 127


@dataclass(slots=True)
class ReadSet:
    """One read set, with the source that it was imported from and the size of each file in S3."""

    id: str
    arn: str
    seq: int
    source: Answer
    files: dict[str, tuple[str, int]]
    creation_time: datetime
    job_id: str
    tags: dict[str, str]
    status: str = "ACTIVE"
    status_message: str | None = None

    def event(self) -> tuple[str, str, Answer]:
        """Return the kind of its events, the ARN that they are about, and their detail."""
        store_id = self.arn.split("/")[1]
        return "Read Set Status Change", self.arn, {"sequenceStoreId": store_id, "id": self.id, "status": self.status}


@dataclass(slots=True)
class Store:
    """One sequence store with its read sets and jobs."""

    id: str
    arn: str
    seq: int
    caller: Caller
    members: Answer
    tags: dict[str, str]
    # The bucket behind the store's access point; the alias ends as those of S3 do.
    bucket: str
    read_sets: dict[str, ReadSet] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)

    def uri(self, read_set_id: str, uri: str) -> str:
        """Return where a file of a read set lies that was imported from an S3 URI."""
        return f"s3://{self.bucket}/{self._prefix}/readSet/{read_set_id}/{uri.rpartition('/')[2]}"

    def s3_access(self) -> Answer:
        """Return how the store is reached by S3."""
        access_point = f"arn:aws:s3:{self.caller.region}:{self.caller.account}:accesspoint/{self.bucket}"
        return {"s3Uri": f"s3://{self.bucket}/{self._prefix}/", "s3AccessPointArn": access_point}

    @property
    def _prefix(self) -> str:
        return f"{self.caller.account}/sequenceStore/{self.id}"


@dataclass(slots=True)
class Source:
    """One source of a job, and what became of it."""

    request: Answer
    status: str = "NOT_STARTED"
    status_message: str = "The source is queued for the job."
    read_set_id: str | None = None

    def end(self, read_set_id: str | None, why: str | None) -> None:
        """Be finished with a read set, or failed."""
        self.status = "FAILED" if why else "FINISHED"
        self.status_message = (why or "The source was processed successfully.")[:_MAX_MESSAGE]
        self.read_set_id = read_set_id


@dataclass(slots=True)
class Job:
    """One import or activation job."""

    kind: str
    id: str
    seq: int
    store: Store
    request: Answer
    creation_time: datetime
    sources: list[Source]
    status: str = "SUBMITTED"
    status_message: str | None = "The job is submitted and will start soon."
    completion_time: datetime | None = None

    def event(self) -> tuple[str, str, Answer]:
        """Return the kind of its events, the ARN that they are about, and their detail."""
        # The user guide shows no such event: this one has what it shows of variant import jobs.
        store = {"storeId": self.store.id, "storeName": self.store.members["name"]}
        kind = f"Read Set {self.kind.capitalize()} Job Status Change"
        return kind, self.store.arn, {"jobId": self.id, "status": self.status, **store}

    def about(self) -> Answer:
        """Return what Start and List answer."""
        return {
            "id": self.id,
            "sequenceStoreId": self.store.id,
            "roleArn": self.request.get("roleArn"),
            "status": self.status,
            "creationTime": self.creation_time,
            "completionTime": self.completion_time,
        }
