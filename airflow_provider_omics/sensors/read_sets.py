# SPDX-License-Identifier: Apache-2.0
"""Wait for a read set import job that another task or program has started."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.exceptions import (
    ReadSetJobFailedError,
    ReadSetJobTimeoutError,
    ReadSetJobWaitError,
)
from airflow_provider_omics.polling.airflow_cfg import poll_interval
from airflow_provider_omics.tasks.base import OmicsOperator
from airflow_provider_omics.tasks.sensor_base import OmicsSensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.triggers.base import BaseTrigger

    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.records.read_set_job import ReadSetJob


class OmicsReadSetImportSensor(OmicsSensor["ReadSetJob"]):
    """
    Wait until a read set import job has COMPLETED.

    The task returns ``job_id``, ``sequence_store_id``, ``status`` and ``read_set_ids`` as one dict; if some sources
    failed, XCom ``read_set_ids`` has the others.

    :param sequence_store_id: sequence store, 10 to 36 digits (templated).
    :param job_id: import job to wait for, 10 to 36 digits (templated).
    :param deferrable: whether to wait in the triggerer; by default ``[operators] default_deferrable``.
    :param poll_interval: time between two polls of a deferred sensor, as ``timedelta`` or in seconds; by default
        ``[omics] poll_interval``, and longer for an older job. A sensor that is not deferrable polls every
        ``poke_interval``.
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    :raises OmicsRequestError: if ``sequence_store_id`` or ``job_id`` is not digits.
    :raises OmicsError: if the store has no such job.
    :raises ReadSetJobFailedError: if a source was not imported; the text names the first five.
    :raises AirflowSensorTimeout: if it has not ended within ``timeout``, counted from the start of the try; no retry.
    :raises ReadSetJobTimeoutError: if a deferred sensor's ``execution_timeout`` passes first; a retry goes on waiting.
    """

    wait_error, timed_out = ReadSetJobWaitError, ReadSetJobTimeoutError
    template_fields: Sequence[str] = ("sequence_store_id", "job_id", *OmicsOperator.template_fields)

    def __init__(
        self,
        *,
        sequence_store_id: str,
        job_id: str,
        **kwargs: Any,  # noqa: ANN401 - whatever OmicsSensor takes
    ) -> None:
        super().__init__(**kwargs)
        self.sequence_store_id = sequence_store_id
        self.job_id = job_id

    def target(self) -> ReadSetJob:
        """Return the job that the arguments name."""
        from airflow_provider_omics.records.read_set_job import ReadSetJob  # noqa: PLC0415 - keep DAG parsing fast
        from airflow_provider_omics.records.run import is_id  # noqa: PLC0415 - likewise

        ids = {name: str(getattr(self, name)).strip() for name in ("sequence_store_id", "job_id")}
        for name, value in ids.items():
            if not is_id(value, longest=36):
                raise self._request_error(f"{name} must be digits, not {value!r}")
        # A new job may not be visible yet: the 15 minutes for that count from the first poll.
        return ReadSetJob("import", ids["job_id"], ids["sequence_store_id"], creation_time=self.first_poll)

    def present(self, seen: ReadSetJob) -> ReadSetJob:
        """Call GetReadSetImportJob."""
        from airflow_provider_omics.read_sets.job_calls import get_job  # noqa: PLC0415 - no boto3 in DAG files

        return get_job(self.hook(), seen)

    def trigger(self, seen: ReadSetJob, hook_params: HookParams, deadline: float) -> BaseTrigger:
        """Return the job's trigger."""
        from airflow_provider_omics.triggers.read_sets import OmicsReadSetJobTrigger  # noqa: PLC0415 - no boto3 in DAG files

        return OmicsReadSetJobTrigger.of(seen, hook_params, self.poll_interval, deadline=deadline)

    def read_event(self, event: Mapping[str, object] | None) -> tuple[ReadSetJob, str | None, bool]:
        """Read a ReadSetJobEvent."""
        from airflow_provider_omics.records.run_event import ReadSetJobEvent  # noqa: PLC0415 - keep DAG parsing fast

        read = ReadSetJobEvent.deserialize(event)
        return read.job, read.error, read.timed_out

    def conclude(self, context: Context, seen: ReadSetJob) -> dict[str, Any]:
        """Push the ids of the imported read sets, and raise if a source was not imported."""
        if not seen.sources:
            seen = self._with_sources(seen)
        ids = [source.read_set_id for source in seen.sources if source.finished]
        context["ti"].xcom_push(key="read_set_ids", value=ids)
        if not seen.succeeded:
            raise ReadSetJobFailedError(seen, f"{len(ids)} of the sources are imported; XCom read_set_ids has them.")
        self.log.info("HealthOmics %s", seen)
        return {**seen.xcom(), "read_set_ids": ids}

    def _with_sources(self, job: ReadSetJob) -> ReadSetJob:
        """Return an ended job with its sources, which the event leaves out; transient errors are retried."""
        from airflow_provider_omics.read_sets.job_calls import wait_for  # noqa: PLC0415 - no boto3 in DAG files

        whole = wait_for(job, self.hook, self.poll_interval, poll_interval(), time.time() + self.timeout)
        if not whole.sources:
            raise ReadSetJobWaitError(f"HealthOmics does not return which sources of {job} are imported")
        return whole
