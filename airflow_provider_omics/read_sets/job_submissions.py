# SPDX-License-Identifier: Apache-2.0
"""The requests for the read set job of one intention, and the look-up of its jobs."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.exceptions import ReadSetJobWaitError
from airflow_provider_omics.lifecycle.intention import digest, tag_value
from airflow_provider_omics.lifecycle.protocol import ExistingRun, Found
from airflow_provider_omics.lifecycle.run_submissions import CLOCK_SKEW
from airflow_provider_omics.lifecycle.submissions import Submissions
from airflow_provider_omics.read_sets.job_calls import get_job, list_jobs, start_job
from airflow_provider_omics.records.read_set_job import ReadSetJob, Source, source_of

if TYPE_CHECKING:
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.calls import Calls
    from airflow_provider_omics.lifecycle.intention import Intention
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.read_set_job import Kind

log = logging.getLogger(__name__)


class ReadSetJobSubmissions(Submissions[ReadSetJob]):
    """
    The requests for the job of one intention, and the look-up of its jobs.

    An import job is recognised by the tag of its sources or, without tags, by the sources themselves; a job after one
    that ended without success imports the missing sources. An activation job is recognised by its read sets.

    :param kind: ``import`` or ``activation``.
    :param request: the Start request without its token.
    :param intention: the intention.
    :param airflow_tags: whether to tag the sources with the intention.
    :param first_answer: the time of HealthOmics' first answer to this attempt, by its own clock, in epoch seconds.
    """

    key = "clientToken"
    argument = "client_token"

    def __init__(
        self,
        kind: Kind,
        request: dict[str, JsonValue],
        intention: Intention,
        *,
        airflow_tags: bool = True,
        first_answer: float | None = None,
    ) -> None:
        self.intention = intention
        self.own_request_id = request.get("clientToken")
        self._first_answer = first_answer
        self.kind = kind
        # The request without token and tags, with all sources.
        self.asked = request
        self._airflow_tags = airflow_tags and kind == "import"
        self._wanted: dict[str, Any] = {source_of(item).key: item for item in request["sources"]}  # type: ignore[union-attr, arg-type]  # a list of objects
        # The sources that earlier jobs of this intention have finished, by their keys.
        self.finished: dict[str, Source] = {}

    def request_id(self, submission: int) -> str:
        """Return the token of a submission: the caller's own, or the intention's."""
        if self.own_request_id or self.kind == "import":
            return str(self.own_request_id or self.intention.request_id(submission))
        # A retry may activate fewer read sets: the same token would be rejected, or get the job of before.
        mine = digest(",".join(sorted(self._wanted)), 8)
        return f"-{mine}-".join(self.intention.request_id(submission).rsplit("-", 1))

    @property
    def operation(self) -> str:  # type: ignore[override]  # one class serves both
        """The operation that starts a job."""
        return f"StartReadSet{self.kind.capitalize()}Job"

    @property
    def what(self) -> str:  # type: ignore[override]  # likewise
        """The name of its jobs in messages."""
        return f"read set {self.kind} job"

    def request(self, submission: int) -> dict[str, JsonValue]:
        """Return the request of a submission, with the sources that earlier ones have not finished."""
        token = self.request_id(submission)
        sources = [item for key, item in self._wanted.items() if key not in self.finished]
        if self._airflow_tags:
            tags = self.intention.tags(token)
            sources = [{**item, "tags": {**tags, **(item.get("tags") or {})}} for item in sources]
        return {**self.asked, "clientToken": token, "sources": sources}

    def submit(self, hook: OmicsHook, submission: int) -> ReadSetJob:
        """Call StartReadSetImportJob or StartReadSetActivationJob."""
        return start_job(hook, self.kind, self.request(submission))

    def get_run(self, hook: OmicsHook, run: ReadSetJob) -> ReadSetJob:
        """Call GetReadSetImportJob or GetReadSetActivationJob."""
        job = get_job(hook, run)
        # The look-up may not have found it: List is denied, or does not show it.
        return self._import_so_far([job], job) if self.kind == "import" else job

    def wait_error(self, run: ReadSetJob, why: str) -> ReadSetJobWaitError:
        """Return the error that waiting for a job failed."""
        return ReadSetJobWaitError.of(run, why)

    def newest(self) -> Calls[Found[ReadSetJob]]:
        """Look up the intention's newest job."""
        found: Found[ReadSetJob] = yield lambda hook: Found(self._newest(hook), hook.first_answer)
        return found

    def _newest(self, hook: OmicsHook) -> ExistingRun[ReadSetJob] | None:
        """Look up the intention's jobs among the store's jobs since the Dag run's start."""
        # With the caller's own token it may be an older job, which is recognised by its tag.
        start = None if self.own_request_id and self._airflow_tags else self.intention.dag_run_start
        since = max(0.0, start.timestamp() - CLOCK_SKEW) if start else 0.0
        jobs = list_jobs(hook, self.kind, str(self.asked["sequenceStoreId"]), since)
        ours: list[ExistingRun[ReadSetJob]] = []
        for job in jobs:
            submission = self._submission(job, len(ours))
            if submission is not None:
                ours.append(ExistingRun(job, submission))
        if not ours:
            return None
        newest = max(ours, key=lambda existing: existing.submission)
        jobs = [existing.run for existing in ours]
        return replace(
            newest, run=self._import_so_far(jobs, newest.run) if self.kind == "import" else self._still(newest.run)
        )

    def _submission(self, job: ReadSetJob, older: int) -> int | None:
        """Return the submission of a job, None if it is not of this intention."""
        if not job.sources:  # Listed, but not visible to Get yet: it is found by Start's answer.
            return None
        if self.kind == "activation":
            return older if self._wanted.keys() <= job.keys else None
        if job.request_id is None:
            start = self.intention.dag_run_start
            if start and (job.creation_time or 0.0) < start.timestamp() - CLOCK_SKEW:
                return None
            return older if job.keys <= self._wanted.keys() else None
        if self.own_request_id:
            return 0 if job.request_id == tag_value(str(self.own_request_id)) else None
        return self.intention.submission(job.request_id)

    def _import_so_far(self, jobs: list[ReadSetJob], newest: ReadSetJob) -> ReadSetJob:
        """Note the sources that all jobs have finished; if these are all sources, the result is COMPLETED."""
        for job in jobs:
            if job.ended:
                self.finished |= {source.key: source for source in job.sources if source.finished}
        whole = newest.ended and self._wanted.keys() <= self.finished.keys()
        return replace(newest, status="COMPLETED") if whole else newest

    def _still(self, newest: ReadSetJob) -> ReadSetJob:
        """Return a job as FAILED if it had COMPLETED before this attempt found its read sets archived."""
        first, completed = self._first_answer, newest.completion_time
        if not newest.succeeded or first is None or completed is None or completed >= first:
            return newest
        return replace(newest, status="FAILED", status_message="it COMPLETED, and read sets of it are archived again")
