# SPDX-License-Identifier: Apache-2.0
"""A run batch, and what became of each of its run settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_omics.local.state.run_state import Run
    from airflow_provider_omics.local.wire.caller import Answer, Caller
    from airflow_provider_omics.local.wire.service_error import ServiceError


@dataclass(slots=True)
class Submission:
    """One run setting of a batch, and what became of it."""

    setting_id: str
    setting: Answer
    status: str | None = None
    run: Run | None = None
    failure: ServiceError | None = None


@dataclass(slots=True)
class Batch:
    """One batch of runs."""

    id: str
    uuid: str
    arn: str
    seq: int
    caller: Caller
    request: Answer
    creation_time: datetime
    tags: dict[str, str]
    submissions: list[Submission]
    status: str = "CREATING"
    submitted_time: datetime | None = None
    processed_time: datetime | None = None
    failed_time: datetime | None = None
    failure_reason: str | None = None
    # The ids of its runs that have not ended.
    active: set[str] = field(default_factory=set)
