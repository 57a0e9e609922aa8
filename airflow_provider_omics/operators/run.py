# SPDX-License-Identifier: Apache-2.0
"""Start a HealthOmics run, wait for it, and push its outputs to XCom."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.compat import conf
from airflow_provider_omics.tasks.start_run_task import StartRunTask

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from airflow_provider_omics.records.documents import JsonValue


class StartOmicsRunOperator(StartRunTask):
    """
    Start an AWS HealthOmics run, or reattach to the run of an earlier try, and wait until it has ended.

    The arguments up to ``request_id`` are the members of `StartRun
    <https://docs.aws.amazon.com/omics/latest/api/API_StartRun.html>`__ under their own names; all are templated. None
    means not sent. One error before any call names every broken rule. ``parameters``, ``tags``, ``session_policy`` and
    ``engine_settings`` take a dict, JSON text, the name of a ``.json``, ``.yaml`` or ``.yml`` file beside the DAG, or
    an XComArg.

    XCom, as soon as the run is found or started: ``run_id``, ``uuid``, ``arn``, ``run_output_uri``. The task returns
    these and ``status`` as one dict. When the run has COMPLETED, ``outputs`` holds its named outputs.

    :param workflow_id: workflow to run; required for a new run.
    :param workflow_type: ``PRIVATE`` or ``READY2RUN``.
    :param run_id: run to duplicate; what is not given is copied from it.
    :param role_arn: service role that HealthOmics assumes for the run, at most 128 characters.
    :param name: name of the run, at most 128 characters; by default unique to the task instance.
    :param cache_id: run cache to use.
    :param cache_behavior: ``CACHE_ON_FAILURE`` or ``CACHE_ALWAYS``; needs ``cache_id``.
    :param run_group_id: run group whose limits hold for the run.
    :param priority: 0 to 100000; a higher number starts first in its run group.
    :param parameters: workflow parameters, at most 50,000 bytes of JSON (user guide, "Fixed quotas").
    :param parameters_uri: S3 URI of a JSON file that holds the workflow parameters, instead of ``parameters``: for more
        than 50,000 bytes. HealthOmics reads it, with ``role_arn``, after StartRun: an invalid file fails the run with
        ``INVALID_RUN_PARAMETERS``. For a duplicate (``run_id``), either of the two replaces the copied run's
        parameters, whichever of the two that run had.
    :param storage_capacity: static run storage in GiB, 0 to 100000, by default 1,200; ignored for ``DYNAMIC``.
    :param output_uri: S3 URI, in the workflow's Region, below which the outputs are written.
    :param log_level: ``OFF``, ``FATAL``, ``ERROR`` or ``ALL``.
    :param tags: tags of the run, at most 45 beside the provider's own five.
    :param retention_mode: ``RETAIN`` or ``REMOVE`` (user guide, "Run retention mode").
    :param storage_type: ``STATIC`` or ``DYNAMIC``; set it, as the service's default has changed.
    :param workflow_owner_id: account, 12 digits, that shares the workflow.
    :param workflow_version_name: version of the workflow; its default version if absent.
    :param networking_mode: ``RESTRICTED`` or ``VPC``; ``VPC`` needs ``configuration_name``.
    :param scratch_storage_mode: ``LOCAL`` or ``SHARED``.
    :param configuration_name: configuration of the VPC to use.
    :param session_policy: IAM policy that narrows the service role, at most 2048 characters; must allow
        ``logs:CreateLogStream`` and ``logs:PutLogEvents`` (API_StartRun).
    :param engine_settings: settings of the Nextflow engine; ignored for WDL and CWL.
    :param output_uri_prefix_mode: ``SERVICE_DEFINED`` or ``NONE_WITH_OVERWRITE``.
    :param requester_pays_enabled: whether the run may read inputs from Requester Pays buckets, at your account's
        expense; by default it may not.
    :param request_id: idempotency token, sent unchanged; HealthOmics starts only one run for it. By default it is
        derived from the task instance and stays the same over automatic retries.
    :param start_run_kwargs: members that are newer than this release, by their API names (templated).
    :param airflow_tags: whether to tag the run with ``airflow:request_id``, ``airflow:dag_id``, ``airflow:task_id``,
        ``airflow:run_id`` and ``airflow:map_index``.
    :param wait_for_completion: whether to wait for the run's end; if not, the task succeeds when the run has started.
    :param deferrable: whether to wait in the triggerer, which frees the worker slot; by default
        ``[operators] default_deferrable``.
    :param poll_interval: time between two polls of the run, as ``timedelta`` or in seconds; by default ``[omics]
        poll_interval``, and longer for an older run, up to five minutes.
    :param submit_timeout: how long to wait, as ``timedelta`` or in seconds, while StartRun is throttled, a quota of the
        account is exceeded, or HealthOmics does not answer; a deferrable task waits in the triggerer. This uses up no
        try.
    :param cancel_on_kill: whether to cancel the run when a person ends the task (marks it failed or success, or clears
        it) or ``execution_timeout`` passes.
    :param retry_on: failures after which Airflow may retry: classes (``transient``, ``capacity``, ``task``, ``input``,
        ``permission``, ``definition``, ``sizing``, ``limit``, ``unknown``) and single reasons, such as
        ``RUN_TASK_FAILED``; by default ``("transient", "capacity")``. After any other failure the task fails at once,
        without a call of its ``retry_policy`` (Airflow 3.3).
    :param fetch_outputs: whether to push the named outputs of a WDL or CWL run to XCom, as ``outputs``.
    :param forward_logs: whether to copy the log of the workflow engine into the task's: as it grows if the task waits
        in its worker, at the end, the last 1,000 lines or 200 KB, if it is deferrable.
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    :raises StartRunRequestError: if the request breaks a rule; no retry.
    :raises StartRunRefusedError: if HealthOmics starts no run within ``submit_timeout``.
    :raises RunFailedError: if the run ends FAILED for a cause of ``retry_on``.
    :raises RunFailedForGoodError: if it ends FAILED for any other cause; no retry.
    :raises RunCancelledError: if the run ends CANCELLED; no retry.
    :raises RunDeletedError: if the run is deleted; no retry.
    """

    def __init__(
        self,
        *,
        workflow_id: str | None = None,
        workflow_type: str | None = None,
        run_id: str | None = None,
        role_arn: str | None = None,
        name: str | None = None,
        cache_id: str | None = None,
        cache_behavior: str | None = None,
        run_group_id: str | None = None,
        priority: int | str | None = None,
        parameters: Mapping[str, object] | str | None = None,
        parameters_uri: str | None = None,
        storage_capacity: int | str | None = None,
        output_uri: str | None = None,
        log_level: str | None = None,
        tags: Mapping[str, str] | str | None = None,
        retention_mode: str | None = None,
        storage_type: str | None = None,
        workflow_owner_id: str | None = None,
        workflow_version_name: str | None = None,
        networking_mode: str | None = None,
        scratch_storage_mode: str | None = None,
        configuration_name: str | None = None,
        session_policy: Mapping[str, object] | str | None = None,
        engine_settings: Mapping[str, object] | str | None = None,
        output_uri_prefix_mode: str | None = None,
        requester_pays_enabled: bool | str | None = None,
        request_id: str | None = None,
        start_run_kwargs: Mapping[str, object] | str | None = None,
        airflow_tags: bool = True,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: timedelta | float | None = None,
        submit_timeout: timedelta | float = timedelta(hours=24),
        cancel_on_kill: bool = True,
        retry_on: Sequence[str] | None = None,
        fetch_outputs: bool = True,
        forward_logs: bool = False,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | os.PathLike[str] | None = None,
        botocore_config: dict[str, JsonValue] | None = None,
        **kwargs: Any,  # noqa: ANN401 - whatever BaseOperator takes
    ) -> None:
        super().__init__(
            aws_conn_id=aws_conn_id,
            region_name=region_name,
            verify=verify,
            botocore_config=botocore_config,
            **kwargs,
        )
        self.workflow_id = workflow_id
        self.workflow_type = workflow_type
        self.run_id = run_id
        self.role_arn = role_arn
        self.name = name
        self.cache_id = cache_id
        self.cache_behavior = cache_behavior
        self.run_group_id = run_group_id
        self.priority = priority
        self.parameters = parameters
        self.parameters_uri = parameters_uri
        self.storage_capacity = storage_capacity
        self.output_uri = output_uri
        self.log_level = log_level
        self.tags = tags
        self.retention_mode = retention_mode
        self.storage_type = storage_type
        self.workflow_owner_id = workflow_owner_id
        self.workflow_version_name = workflow_version_name
        self.networking_mode = networking_mode
        self.scratch_storage_mode = scratch_storage_mode
        self.configuration_name = configuration_name
        self.session_policy = session_policy
        self.engine_settings = engine_settings
        self.output_uri_prefix_mode = output_uri_prefix_mode
        self.requester_pays_enabled = requester_pays_enabled
        self.request_id = request_id
        self.start_run_kwargs = start_run_kwargs
        self.airflow_tags = airflow_tags
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = None if poll_interval is None else self._seconds("poll_interval", poll_interval)
        self.submit_timeout = timedelta(seconds=self._seconds("submit_timeout", submit_timeout, zero=True))
        self.cancel_on_kill = cancel_on_kill
        self.retry_on = retry_on
        self.fetch_outputs = fetch_outputs
        self.forward_logs = forward_logs
        self._check_switches(
            *("airflow_tags", "wait_for_completion", "deferrable", "cancel_on_kill", "fetch_outputs", "forward_logs")
        )
        self._build_request(known_only=True)
        if retry_on is not None:
            from airflow_provider_omics.results.failures import misnamed  # noqa: PLC0415 - only who names some pays for it

            if wrong := misnamed(retry_on):
                raise self._request_error(f"retry_on {wrong}")
