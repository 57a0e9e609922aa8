# SPDX-License-Identifier: Apache-2.0
"""The intention of a task instance, and the requestId, default name and tags that are derived from it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_omics.records.run import REQUEST_ID_TAG
from airflow_provider_omics.records.versioned import read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_omics.records.documents import JsonValue

_MAX_NAME: Final = 127  # the API allows 128, the console 127
_MAX_TAG_VALUE: Final = 256
_OF_LOOPS: Final = ("region_id", "region_index", "loop_index")


@dataclass(frozen=True, slots=True)
class Intention:
    """
    What stays the same over automatic retries and changes with a clear, a backfill or a re-created Dag run.

    ``max_tries`` rises with a clear; ``dag_run_start`` changes when a finished Dag run is cleared or a deleted one is
    created again, and keeps two Airflow deployments in one AWS account apart.

    A task loop (Airflow 3.4) runs its tasks once in each pass: ``region_id`` and ``region_index``, where Airflow has
    a task instance, tell passes apart, and ``loop_index`` is the pass. All three are None outside loops: there a region
    can change by an upgrade of Airflow or by mapping a task, and neither may cause another run.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    dag_run_start: datetime | None
    max_tries: int
    region_id: str | None = None
    region_index: int | None = None
    loop_index: int | None = None

    @property
    def digest(self) -> str:
        """The intention in 40 hexadecimal digits, the same on every machine, Python and Airflow version."""
        start = self.dag_run_start.astimezone(UTC).isoformat(timespec="microseconds") if self.dag_run_start else None
        key = [self.dag_id, self.run_id, self.task_id, self.map_index, start, self.max_tries]
        loop = [] if self.region_id is None else [self.region_id, self.region_index]
        return digest(json.dumps(key + loop), 40)

    def serialize(self) -> dict[str, JsonValue]:
        """Return the intention as JSON types; outside loops an older release can read it, too."""
        members = {**asdict(self), "dag_run_start": self.dag_run_start.isoformat() if self.dag_run_start else None}
        return {name: value for name, value in members.items() if value is not None or name not in _OF_LOOPS}

    @classmethod
    def deserialize(cls, members: Mapping[str, Any]) -> Intention:
        """Read an intention."""
        start = members.get("dag_run_start")
        return read(cls, {**members, "dag_run_start": datetime.fromisoformat(start) if start else None})

    def request_id(self, submission: int = 0) -> str:
        """Return the requestId of a submission, which rises only over runs found already ended without success."""
        return f"airflow-{self.digest}-{submission}"

    def submission(self, request_id: str | None) -> int | None:
        """Return the submission of a requestId, None if it is not of this intention."""
        prefix, _, number = (request_id or "").rpartition("-")
        ours = prefix == self.request_id(0).rpartition("-")[0] and re.fullmatch("[0-9]{1,9}", number)
        return int(number) if ours else None

    @property
    def run_name(self) -> str:
        """The default name: readable, and unique to the intention so that a look-up by name finds its runs."""
        mapped = f".{self.map_index}" if self.map_index >= 0 else ""
        looped = f".pass{self.loop_index}" if self.loop_index is not None else ""
        suffix = f"{looped}{mapped}.{self.digest[:16]}"
        return f"{self.dag_id}.{self.task_id}"[: _MAX_NAME - len(suffix)] + suffix

    def tags(self, request_id: str) -> dict[str, str]:
        """Return the tags by which a person, a cost report or a retry finds the task of a run."""
        values = {
            REQUEST_ID_TAG: request_id,
            "airflow:dag_id": self.dag_id,
            "airflow:task_id": self.task_id,
            "airflow:run_id": self.run_id,
            "airflow:map_index": str(self.map_index),
        }
        return {key: tag_value(value) for key, value in values.items()}


def tag_value(text: str) -> str:
    """Return a text as AWS allows it in a tag's value; if it was changed, with a digest of the original."""
    allowed = re.sub(r"[^\w\s+\-=.:/@]", "_", text)
    if allowed == text and len(text) <= _MAX_TAG_VALUE:
        return text
    suffix = digest(text, 8)
    return f"{allowed[: _MAX_TAG_VALUE - len(suffix) - 1]}-{suffix}"


def digest(text: str, digits: int) -> str:
    """Return a digest of a text in so many hexadecimal digits, the same on every machine."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
