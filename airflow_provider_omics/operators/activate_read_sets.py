# SPDX-License-Identifier: Apache-2.0
"""Make archived read sets of a sequence store readable again."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.exceptions import (
    ClientTokenSpentError,
    ReadSetJobFailedError,
    ReadSetJobTimeoutError,
    StartRunRefusedError,
)
from airflow_provider_omics.tasks.read_set_task import ReadSetJobOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.read_set_job import ReadSetJob
    from airflow_provider_omics.tasks.read_set_wait import Limits

# Seconds between two GetReadSetMetadata while another job, which is not listed yet, activates read sets.
_LOOK_AGAIN = 30.0


class ActivateOmicsReadSetsOperator(ReadSetJobOperator):
    """
    Activate archived read sets of a sequence store, and wait until they are ACTIVE; without any, no job is started.

    HealthOmics archives a read set that was not read for 30 days, and a run with an archived input fails. The arguments
    up to ``client_token`` are the members of `StartReadSetActivationJob
    <https://docs.aws.amazon.com/omics/latest/api/API_StartReadSetActivationJob.html>`__ under their own names; all are
    templated.

    XCom: ``sequence_store_id`` and, if a job was started, ``job_id``. When the job has ended: ``read_set_ids`` and
    ``read_sets`` of the active read sets, even if others failed; for each a dict of ``read_set_id``, ``name``,
    ``subject_id``, ``sample_id`` and ``s3_uris``, which can be inputs of a run. The task returns these and ``status``
    as one dict.

    The task also waits for read sets that another job activates. HealthOmics cannot cancel a job: it goes on when the
    task is ended.

    :param sequence_store_id: sequence store, 10 to 36 digits.
    :param sources: 1 to 20 read sets, each an id or the API's ``{"readSetId": id}``, as a list or as its JSON.
    :param client_token: idempotency token, 1 to 127 characters, sent unchanged; HealthOmics starts only one job for it.
        By default it is derived from the task instance and stays the same over automatic retries.
    :param wait_for_completion: whether to wait for the job's end; if not, the task succeeds when it has started.
    :param deferrable: whether to wait in the triggerer, which frees the worker slot; by default
        ``[operators] default_deferrable``.
    :param poll_interval: time between two polls of the job, as ``timedelta`` or in seconds; by default ``[omics]
        poll_interval``, and longer for an older job, up to five minutes.
    :param submit_timeout: how long to wait, as ``timedelta`` or in seconds, while the quota of active jobs is exceeded
        (25 by default) or the call is throttled; a deferrable task waits in the triggerer.
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    :raises OmicsRequestError: if the request breaks a rule, or a read set cannot be activated (DELETED, say); no retry.
    :raises ReadSetJobFailedError: if a read set was not activated; the text names the first five.
    :raises ReadSetJobRefusedError: if HealthOmics starts no job within ``submit_timeout``.
    :raises ReadSetJobTimeoutError: if the job has not ended within ``execution_timeout``.
    """

    kind = "activation"

    def __init__(
        self,
        *,
        sequence_store_id: str,
        sources: Sequence[object] | str,
        **kwargs: Any,  # noqa: ANN401 - whatever ReadSetJobOperator takes
    ) -> None:
        super().__init__(sequence_store_id=sequence_store_id, sources=sources, **kwargs)
        self.build_request(known_only=True)

    def build(self, arguments: Mapping[str, object]) -> tuple[dict[str, JsonValue], list[str]]:
        """Return the StartReadSetActivationJob request."""
        from airflow_provider_omics.read_sets.read_set_request import build_activation  # noqa: PLC0415 - not for DAG files

        return build_activation(arguments), []

    def find_and_wait(
        self,
        context: Context,
        *,
        retry: bool,
        request: dict[str, JsonValue] | None = None,
        deadline: float | None = None,
        until: float | None = None,
    ) -> dict[str, Any]:
        """Find or start the job that activates the archived read sets, and wait for it."""
        from airflow_provider_omics.lifecycle.protocol import Wait  # noqa: PLC0415 - keep DAG parsing fast
        from airflow_provider_omics.read_sets.job_calls import read_sets  # noqa: PLC0415 - no boto3 in DAG files

        limits, request = self.limits(deadline, until), request or self.build_request()
        ids, store_id = _ids(request), str(request["sequenceStoreId"])

        def seen(hook: OmicsHook) -> tuple[OmicsHook, list[dict[str, Any]]]:
            return hook, read_sets(hook, store_id, ids)

        while True:
            hook, found = self.ask(context, request, limits, seen)
            by_status = {item["id"]: item["status"] for item in found}
            archived = [read_set_id for read_set_id, status in by_status.items() if status == "ARCHIVED"]
            activating = [read_set_id for read_set_id, status in by_status.items() if status == "ACTIVATING"]
            if not archived and not activating:
                self.log.info("All %d read sets are ACTIVE", len(ids))
                return self._result(context, found, None)
            wanted = {**request, "sources": _sources(archived or activating)}
            driver = self.driver(context, self.submissions(context, wanted, hook.first_answer), limits)
            if archived:
                verdict = self.find_or_start(context, driver, request, limits, retry=retry)
                if isinstance(verdict, Wait):
                    return self.wait(context, driver, verdict.run, limits, request=request, ours=True)
                return self.conclude(context, verdict.run, {"request": request, "ours": True, **asdict(limits)})
            if not self.wait_for_completion:
                return self._result(context, found, None)
            try:
                existing = driver.look_up().newest
            except StartRunRefusedError as refused:
                self.ask_later(context, request, limits, refused)
            if existing is not None and not existing.run.ended:
                self.log.info("Another job activates the read sets: %s", existing.run)
                return self.wait(context, driver, existing.run, limits, request=request, ours=False)
            self.log.info("Read sets that another job activates: %s", ", ".join(activating))
            self._look_later(context, request, limits, activating)
            retry = True

    def _look_later(
        self, context: Context, request: dict[str, JsonValue], limits: Limits, activating: list[str]
    ) -> None:
        """Wait, here or in the triggerer, before the next GetReadSetMetadata."""
        left = _LOOK_AGAIN if limits.deadline is None else limits.deadline - time.time()
        if left <= 0:
            raise ReadSetJobTimeoutError(
                f"Read sets of sequence store {request['sequenceStoreId']} that another job activates are still "
                f"ACTIVATING after execution_timeout {self.execution_timeout}, and a retry waits for them: "
                f"{', '.join(activating)}"
            )
        if self.deferrable:
            self.pause(context, request, limits, min(left, _LOOK_AGAIN))
        time.sleep(min(left, _LOOK_AGAIN))

    def conclude(self, context: Context, job: ReadSetJob, waiting: dict[str, Any]) -> dict[str, Any]:
        """Get the read sets' status when the job has ended, and return the result or raise."""
        from airflow_provider_omics.polling.faults import Faults, with_retries  # noqa: PLC0415 - no boto3 in DAG files
        from airflow_provider_omics.read_sets.job_calls import read_sets  # noqa: PLC0415 - likewise

        request = waiting.get("request") or self.build_request()
        again = {"request": request, "deadline": waiting["deadline"], "until": waiting["until"]}
        if not waiting["ours"]:
            return self.find_and_wait(context, retry=True, **again)
        until = math.inf if waiting["deadline"] is None else waiting["deadline"]
        ids = _ids(request)
        faults = Faults(f"GetReadSetMetadata after {job.name}")
        found = with_retries(self.hook(), lambda hook: read_sets(hook, job.store_id, ids), faults, until=until)
        if self.wait_for_completion and job.succeeded and any(item["status"] == "ACTIVATING" for item in found):
            return self.find_and_wait(context, retry=True, **again)
        result = self._result(context, found, job)
        # One may still be ARCHIVED, or be so again, though its job has COMPLETED: it is no input of a run.
        if self.wait_for_completion and not (job.succeeded and len(result["read_set_ids"]) == len(ids)):
            advice = f"{len(result['read_set_ids'])} of the read sets are active; XCom read_set_ids has them."
            if self.client_token:
                raise ClientTokenSpentError(job, f"{advice} Give another client_token to start another job.")
            raise ReadSetJobFailedError(job, f"{advice} A retry activates the others.")
        return result

    def _result(self, context: Context, found: list[dict[str, Any]], job: ReadSetJob | None) -> dict[str, Any]:
        """Push and return the active read sets or, without waiting for the job, all that were given."""
        shown = [item for item in found if item["status"] == "ACTIVE" or not self.wait_for_completion]
        known = job.xcom() if job else {"job_id": None, "sequence_store_id": self.sequence_store_id, "status": None}
        return {**known, **self.push_read_sets(context, [_about(item) for item in shown])}


def _ids(request: dict[str, Any]) -> list[str]:
    return [item["readSetId"] for item in request["sources"]]


def _sources(ids: list[str]) -> list[JsonValue]:
    return [{"readSetId": read_set_id} for read_set_id in ids]


def _about(item: dict[str, Any]) -> dict[str, Any]:
    """Return a read set for XCom, from GetReadSetMetadata's answer."""
    members = {"id": "read_set_id", "name": "name", "subjectId": "subject_id", "sampleId": "sample_id"}
    files = item.get("files", {})
    uris = [files[name].get("s3Access", {}).get("s3Uri") for name in ("source1", "source2") if name in files]
    known = {ours: item[theirs] for theirs, ours in members.items() if item.get(theirs)}
    return {**known, "s3_uris": [uri for uri in uris if uri]}
