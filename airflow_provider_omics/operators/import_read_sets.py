# SPDX-License-Identifier: Apache-2.0
"""Import arriving reads into a sequence store, as inputs of runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.exceptions import (
    ClientTokenSpentError,
    ReadSetJobFailedError,
    ReadSetJobWaitError,
)
from airflow_provider_omics.request.build import OWN_TAGS
from airflow_provider_omics.tasks.read_set_task import ReadSetJobOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.read_set_job import ReadSetJob


class ImportOmicsReadSetsOperator(ReadSetJobOperator):
    """
    Import files from S3 as read sets of a sequence store, each only once over all retries, and wait for the job.

    The arguments up to ``client_token`` are the members of `StartReadSetImportJob
    <https://docs.aws.amazon.com/omics/latest/api/API_StartReadSetImportJob.html>`__ under their own names; all are
    templated, and one error before any call names every broken rule.

    XCom: ``job_id`` and ``sequence_store_id`` as soon as the job is found or started. When it has ended:
    ``read_set_ids`` and ``read_sets`` of the imported sources, even if others failed; for each a dict of
    ``read_set_id``, ``name``, ``subject_id``, ``sample_id`` and ``omics_uris``, which can be inputs of a run,
    ``source1`` first. The task returns these and ``status`` as one dict.

    A retry waits for the job of the try before. If that job did not import everything, a retry starts one for the
    missing sources. HealthOmics cannot cancel a job: it goes on when the task is ended.

    :param sequence_store_id: sequence store, 10 to 36 digits.
    :param role_arn: service role that HealthOmics assumes for the job, 20 to 2048 characters.
    :param sources: 1 to 100 of the API's source items (``sourceFiles``, ``sourceFileType``, ``subjectId``,
        ``sampleId``, …), as a list or as its JSON.
    :param client_token: idempotency token, 1 to 127 characters, sent unchanged; HealthOmics starts only one job for it.
        By default it is derived from the task instance and stays the same over automatic retries.
    :param airflow_tags: whether to tag the read sets with ``airflow:request_id``, ``airflow:dag_id``,
        ``airflow:task_id``, ``airflow:run_id`` and ``airflow:map_index``. Without them a retry, or a clear within the
        Dag run, adopts any job since the Dag run's start whose sources are all among its own.
    :param wait_for_completion: whether to wait for the job's end; if not, the task succeeds when it has started.
    :param deferrable: whether to wait in the triggerer, which frees the worker slot; by default
        ``[operators] default_deferrable``.
    :param poll_interval: time between two polls of the job, as ``timedelta`` or in seconds; by default ``[omics]
        poll_interval``, and longer for an older job, up to five minutes.
    :param submit_timeout: how long to wait, as ``timedelta`` or in seconds, while the quota of active jobs is exceeded
        (5 by default) or the call is throttled; a deferrable task waits in the triggerer.
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    :raises OmicsRequestError: if the request breaks a rule; no retry.
    :raises ReadSetJobFailedError: if a source was not imported; the text names the first five.
    :raises ReadSetJobRefusedError: if HealthOmics starts no job within ``submit_timeout``.
    :raises ReadSetJobTimeoutError: if the job has not ended within ``execution_timeout``.
    """

    kind = "import"
    template_fields: Sequence[str] = (*ReadSetJobOperator.template_fields, "role_arn")

    def __init__(
        self,
        *,
        sequence_store_id: str,
        role_arn: str,
        sources: Sequence[Mapping[str, object]] | str,
        airflow_tags: bool = True,
        **kwargs: Any,  # noqa: ANN401 - whatever ReadSetJobOperator takes
    ) -> None:
        super().__init__(sequence_store_id=sequence_store_id, sources=sources, **kwargs)
        self.role_arn = role_arn
        self.airflow_tags = airflow_tags
        self._check_switches("airflow_tags")
        self.build_request(known_only=True)

    def build(self, arguments: Mapping[str, object]) -> tuple[dict[str, JsonValue], list[str]]:
        """Return the StartReadSetImportJob request, and warnings."""
        from airflow_provider_omics.read_sets.read_set_request import build_import  # noqa: PLC0415

        return build_import(arguments, reserved_tags=OWN_TAGS if self.airflow_tags else 0)

    def find_and_wait(
        self,
        context: Context,
        *,
        retry: bool,
        request: dict[str, JsonValue] | None = None,
        deadline: float | None = None,
        until: float | None = None,
    ) -> dict[str, Any]:
        """Find or start the job, wait for it, and return what the task returns."""
        from airflow_provider_omics.lifecycle.protocol import Wait  # noqa: PLC0415 - keep DAG parsing fast
        from airflow_provider_omics.records.read_set_job import imported  # noqa: PLC0415 - likewise

        limits = self.limits(deadline, until)
        request = request or self.build_request()
        submissions = self.submissions(context, request)
        driver = self.driver(context, submissions, limits)
        # Read before the job is started: after that, no call to Airflow or AWS but the polls may fail the task.
        region = str(driver.hook.region)
        job = (verdict := self.find_or_start(context, driver, request, limits, retry=retry)).run
        # The read sets of earlier jobs; those of the newest one are in its own sources.
        mine = {source.read_set_id for source in job.sources}
        others = tuple(source for source in submissions.finished.values() if source.read_set_id not in mine)
        known = {"region": region, "earlier": imported(replace(job, sources=others), self.role_arn, region)}
        if isinstance(verdict, Wait):
            return self.wait(context, driver, job, limits, **known)
        return self.conclude(context, job, known)

    def conclude(self, context: Context, job: ReadSetJob, waiting: dict[str, Any]) -> dict[str, Any]:
        """Push and return the imported read sets, those of earlier jobs first, or raise."""
        from airflow_provider_omics.records.read_set_job import imported  # noqa: PLC0415 - keep DAG parsing fast

        if self.wait_for_completion and not job.sources:
            raise ReadSetJobWaitError(
                f"HealthOmics does not return which sources of {job} are imported; a retry asks again"
            )
        region = waiting.get("region") or str(self.hook().region)
        shown = self.push_read_sets(context, [*waiting["earlier"], *imported(job, self.role_arn, region)])
        if self.wait_for_completion and not job.succeeded:
            advice = f"{len(shown['read_sets'])} of the sources are imported; XCom read_set_ids has them. "
            if self.client_token:
                advice += "Give another client_token to import the others."
                raise ClientTokenSpentError(job, advice)
            raise ReadSetJobFailedError(job, advice + "A retry imports the others.")
        return {**job.xcom(), **shown}
