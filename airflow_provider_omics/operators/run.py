# SPDX-License-Identifier: Apache-2.0
"""Start a HealthOmics run, wait for it, and hand on where its outputs are."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_omics.compat import conf, is_deferral_timeout
from airflow_provider_omics.exceptions import (
    OmicsRequestError,
    RequestIdSpentError,
    RunCancelledError,
    RunDeletedError,
    RunWaitError,
    StartRunRefusedError,
)
from airflow_provider_omics.links.run import OmicsRunLink, OmicsRunLogLink, OmicsRunOutputLink
from airflow_provider_omics.operators.start_run_fields import StartRunFields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.core.documents import JsonValue
    from airflow_provider_omics.core.pacing import Report, Turn
    from airflow_provider_omics.core.run import Run
    from airflow_provider_omics.links.run import RunLink
    from airflow_provider_omics.operators.attempt import Attempt

_ENDINGS = {"CANCELLED": RunCancelledError, "DELETED": RunDeletedError}


class StartOmicsRunOperator(StartRunFields):
    """
    Start an AWS HealthOmics run, once per intention, and wait until it has ended.

    The arguments up to ``request_id`` are the members of `StartRun
    <https://docs.aws.amazon.com/omics/latest/api/API_StartRun.html>`__ under their own names; all are templated, one
    left None is not sent, and every broken rule is told in one error before any call. ``parameters``, ``tags``,
    ``session_policy`` and ``engine_settings`` take a dict, JSON text, the name of a ``.json``, ``.yaml`` or ``.yml``
    file beside the DAG, or an XComArg.

    XCom, from the moment the run is known: ``run_id``, ``uuid``, ``arn``, ``run_output_uri``. The task returns these
    and ``status`` as one dict. When the run has COMPLETED, ``outputs`` holds its named outputs.

    :param workflow_id: workflow to run; required for a new run.
    :param workflow_type: ``PRIVATE`` or ``READY2RUN``.
    :param run_id: run to duplicate; what is not given is copied from it.
    :param role_arn: service role that HealthOmics assumes for the run, at most 128 characters.
    :param name: name of the run, at most 128 characters; by default unique per intention.
    :param cache_id: run cache to use.
    :param cache_behavior: ``CACHE_ON_FAILURE`` or ``CACHE_ALWAYS``; needs ``cache_id``.
    :param run_group_id: run group whose limits hold for the run.
    :param priority: 0 to 100000; a higher number goes first in its run group.
    :param parameters: workflow parameters, at most 50,000 bytes of JSON (user guide, "Fixed quotas").
    :param storage_capacity: static run storage in GiB, 0 to 100000; ignored for ``DYNAMIC``.
    :param output_uri: S3 URI, in the workflow's Region, below which the outputs are written.
    :param log_level: ``OFF``, ``FATAL``, ``ERROR`` or ``ALL``.
    :param tags: tags of the run, at most 45 beside the provider's own five.
    :param retention_mode: ``RETAIN`` or ``REMOVE`` (user guide, "Run retention mode").
    :param storage_type: ``STATIC`` or ``DYNAMIC``; pass it, because the service's default has changed.
    :param workflow_owner_id: account, 12 digits, that shares the workflow.
    :param workflow_version_name: version of the workflow; its default version if absent.
    :param networking_mode: ``RESTRICTED`` or ``VPC``; ``VPC`` needs ``configuration_name``.
    :param scratch_storage_mode: ``LOCAL`` or ``SHARED``.
    :param configuration_name: configuration of the VPC to use.
    :param session_policy: IAM policy that narrows the service role, at most 2048 characters; must allow
        ``logs:CreateLogStream`` and ``logs:PutLogEvents`` (API_StartRun).
    :param engine_settings: settings of the Nextflow engine; ignored for WDL and CWL.
    :param output_uri_prefix_mode: ``SERVICE_DEFINED`` or ``NONE_WITH_OVERWRITE``.
    :param request_id: idempotency token, sent verbatim: one run for it, ever. By default it follows from the task
        instance and stays the same over automatic retries.
    :param start_run_kwargs: members that are newer than this release, by their API names (templated).
    :param airflow_tags: whether to tag the run with ``airflow:request_id``, ``airflow:dag_id``, ``airflow:task_id``,
        ``airflow:run_id`` and ``airflow:map_index``.
    :param wait_for_completion: whether to wait for the run's end; if not, the task succeeds when the run has started.
    :param deferrable: whether to wait in the triggerer, which frees the worker slot; by default
        ``[operators] default_deferrable``.
    :param poll_interval: seconds between two looks at the run; by default ``[omics] poll_interval``, which stretches
        with the run's age, up to five minutes.
    :param submit_timeout: for how long to wait while HealthOmics refuses StartRun as too frequent or the account as
        full; meanwhile the task is deferred if it is deferrable. No try is lost by it.
    :param cancel_on_kill: whether the run is cancelled when somebody ends the task or its time is up.
    :param retry_on: after which failures Airflow may try again: classes (``transient``, ``capacity``, ``task``,
        ``input``, ``permission``, ``definition``, ``sizing``, ``limit``, ``unknown``) and single reasons, such as
        ``RUN_TASK_FAILED``; by default ``("transient", "capacity")``.
    :param fetch_outputs: whether to push the named outputs of a WDL or CWL run to XCom, as ``outputs``.
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle.
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    :raises StartRunRequestError: if the request breaks a rule; no retry follows.
    :raises StartRunRefusedError: if HealthOmics refuses StartRun for longer than ``submit_timeout``.
    :raises RunFailedError: if the run ends FAILED for a cause that passes.
    :raises RunFailedForGoodError: if it ends FAILED for any other cause; no retry follows.
    :raises RunCancelledError: if the run ends CANCELLED; no retry follows.
    :raises RunDeletedError: if the run is deleted; no retry follows.
    """

    operator_extra_links: Sequence[RunLink] = (OmicsRunLink(), OmicsRunLogLink(), OmicsRunOutputLink())

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
        request_id: str | None = None,
        start_run_kwargs: Mapping[str, object] | str | None = None,
        airflow_tags: bool = True,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | None = None,
        submit_timeout: timedelta = timedelta(hours=24),
        cancel_on_kill: bool = True,
        retry_on: Sequence[str] | None = None,
        fetch_outputs: bool = True,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
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
        self.request_id = request_id
        self.start_run_kwargs = start_run_kwargs
        self.airflow_tags = airflow_tags
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.submit_timeout = submit_timeout
        self.cancel_on_kill = cancel_on_kill
        self.retry_on = retry_on
        self.fetch_outputs = fetch_outputs
        self.attempt: Attempt | None = None
        # Airflow 3 lets the process go on: whatever it comes to, it starts nothing more.
        self.killed = False
        self._build_request(known_only=True)
        if poll_interval is not None and poll_interval <= 0:
            raise OmicsRequestError(f"{type(self).__name__} {self.task_id}: poll_interval must be above 0 seconds")

    def execute(self, context: Context) -> dict[str, str]:
        """Find or start the run of this intention, and wait for it."""
        return self._pursue(context, retry=context["ti"].try_number > 1)

    def execute_complete(
        self,
        context: Context,
        event: dict[str, object] | None = None,
        *,
        try_number: int | None = None,
        judge: bool = False,
        deadline: float | None = None,
    ) -> dict[str, str]:
        """
        Go on when the trigger has said how the run ended; may run twice.

        :param event: what the trigger said.
        :param try_number: the try that deferred; an event of another one is not believed.
        :param judge: whether the run was dying before that try found it, so that its bad end is not the try's.
        :param deadline: until when the try may wait, in epoch seconds.
        """
        from airflow_provider_omics.core.event import RunEvent  # noqa: PLC0415 - a DAG file does not pay for it

        try:
            told = RunEvent.deserialize(event)
        except ValueError as error:
            self.log.warning("Looking for the run anew: %s", error)
            return self._pursue(context, retry=True)
        if self._is_of_another_try(context, try_number):
            return self._pursue(context, retry=True)
        attempt = self._begin(context, deadline)
        attempt.show(told.run)
        if told.error:
            raise RunWaitError(
                f"Waiting for run {told.run.id} ({told.run.status}) broke, and the run goes on: {told.error}\n"
                "A retry waits for the same run; after the last one CancelOmicsRunOperator, or the console, ends it."
            )
        run = told.run
        if told.timed_out:
            run = attempt.time_out(run, cancelled=told.cancelled)
        return self._conclude(context, run, judge=judge)

    def execute_turn(
        self,
        context: Context,
        event: dict[str, object] | None = None,
        *,
        try_number: int | None = None,
        request: dict[str, JsonValue] | None = None,
        began: float | None = None,
        deadline: float | None = None,
        until: float | None = None,
        why: str = "",
        full: bool = False,
    ) -> dict[str, str]:
        """
        Call StartRun again when the trigger has said that it is this task's turn.

        :param event: what the trigger said.
        :param try_number: the try that deferred; an event of another one is not believed.
        :param request: the request as it was first rendered.
        :param began: when HealthOmics first answered this try, in epoch seconds.
        :param deadline: until when the try may wait, in epoch seconds.
        :param until: until when it may wait for its run to be started, in epoch seconds.
        :param why: what StartRun answered before.
        :param full: whether it said that the account is full.
        """
        from airflow_provider_omics.core.event import TurnEvent  # noqa: PLC0415 - a DAG file does not pay for it

        try:
            turn = TurnEvent.deserialize(event).turn
        except ValueError as error:
            self.log.warning("Looking for the run anew: %s", error)
            return self._pursue(context, retry=True)
        if self._is_of_another_try(context, try_number):
            return self._pursue(context, retry=True)
        return self._pursue(
            context,
            retry=True,
            turn=turn,
            given_up=None if turn else StartRunRefusedError(why, full=full),
            request=request,
            began=began,
            deadline=deadline,
            until=until,
        )

    def _is_of_another_try(self, context: Context, try_number: int | None) -> bool:
        stale = try_number is not None and try_number != context["ti"].try_number
        if stale:
            self.log.info("The event is of try %s: looking for the run anew", try_number)
        return stale

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:  # noqa: ANN401
        """Let Airflow's own time-out of a deferral, too, cancel the run; any other failure of the trigger leaves it."""
        if is_deferral_timeout(next_method, next_kwargs) and self.cancel_on_kill:
            self._begin(context).cancel_pushed()
        return super().resume_execution(next_method, next_kwargs, context)

    def on_kill(self) -> None:
        """Cancel the run if somebody meant this task's end; leave it to the next try if the machine goes away."""
        self.killed = True
        if self.attempt is not None:
            self.attempt.kill()

    def _begin(self, context: Context, deadline: float | None = None) -> Attempt:
        from airflow_provider_omics.operators.attempt import Attempt  # noqa: PLC0415 - a DAG file does not pay for it

        self.attempt = Attempt(self, context, deadline)
        return self.attempt

    def _pursue(
        self,
        context: Context,
        *,
        retry: bool,
        turn: Turn | None = None,
        given_up: StartRunRefusedError | None = None,
        request: dict[str, JsonValue] | None = None,
        began: float | None = None,
        deadline: float | None = None,
        until: float | None = None,
    ) -> dict[str, str]:
        from airflow_provider_omics.core.pacing import Report  # noqa: PLC0415 - a DAG file does not pay for it
        from airflow_provider_omics.core.protocol import Wait  # noqa: PLC0415 - a DAG file does not pay for it
        from airflow_provider_omics.hooks.patience import Patience  # noqa: PLC0415 - DAG files need no boto3

        attempt = self._begin(context, deadline or self._deadline())
        if until is None:
            until = time.time() + self.submit_timeout.total_seconds()
            until = min(until, attempt.deadline) if attempt.deadline else until
        request = self._build_request() if request is None else request
        elsewhere = self.deferrable and given_up is None
        patience = Patience(None if elsewhere else until, turn, given_up)
        try:
            verdict = attempt.pursue(request, retry=retry, patience=patience, began=began)
        except StartRunRefusedError as refused:
            if not elsewhere:
                raise
            report = Report(turn.key if turn else "", refused.refusals, answered=False, full=refused.full)
            self._defer_for_turn(context, attempt, request, until, report=report, refused=refused)
        if not isinstance(verdict, Wait):
            return self._finish(context, verdict.run)
        if self.deferrable:
            from airflow_provider_omics.triggers.run import OmicsRunTrigger  # noqa: PLC0415 - DAG files need no boto3

            self.defer(
                trigger=OmicsRunTrigger.of(
                    verdict.run,
                    # The triggerer's environment may name another Region than the worker's.
                    replace(self.hook_params, region_name=self.region_name or verdict.run.region),
                    self.poll_interval,
                    deadline=attempt.deadline,
                    cancel_on_kill=self.cancel_on_kill,
                    report=patience.report(),
                ),
                method_name="execute_complete",
                kwargs={
                    "try_number": context["ti"].try_number,
                    "judge": verdict.judge,
                    "deadline": attempt.deadline,
                },
            )
        return self._conclude(context, attempt.wait(verdict.run), judge=verdict.judge)

    def _defer_for_turn(
        self,
        context: Context,
        attempt: Attempt,
        request: dict[str, JsonValue],
        until: float,
        *,
        report: Report,
        refused: StartRunRefusedError,
    ) -> NoReturn:
        from airflow_provider_omics.triggers.turn import OmicsTurnTrigger, waiting_for_turn  # noqa: PLC0415 - likewise

        key, value = waiting_for_turn(attempt.intention)
        context["ti"].xcom_push(key=key, value=value)
        why = refused if refused.full else refused.why
        self.log.info("Waiting for a turn to call StartRun, without a worker: %s", why)
        self.defer(
            trigger=OmicsTurnTrigger.of(
                attempt.intention,
                {name: request[name] for name in ("name", "requestId") if name in request},
                replace(self.hook_params, region_name=self.region_name or attempt.region),
                until=until,
                airflow_tags=self.airflow_tags,
                cancel_on_kill=self.cancel_on_kill,
                waits=self.wait_for_completion,
                report=report,
            ),
            method_name="execute_turn",
            kwargs={
                "try_number": context["ti"].try_number,
                "request": request,
                "began": attempt.began,
                "deadline": attempt.deadline,
                "until": until,
                "why": refused.why,
                "full": refused.full,
            },
        )

    def _conclude(self, context: Context, run: Run, *, judge: bool) -> dict[str, str]:
        if judge and not run.succeeded:
            self.log.info("HealthOmics %s; it was ending before this try came, so the next run is this try's", run)
            return self._pursue(context, retry=True, deadline=self.attempt.deadline if self.attempt else None)
        return self._finish(context, run)

    def _finish(self, context: Context, run: Run) -> dict[str, str]:
        from airflow_provider_omics.operators import aftermath  # noqa: PLC0415 - DAG files need no boto3

        if run.succeeded or not self.wait_for_completion:
            self.log.info("HealthOmics %s, output %s", run, run.output_uri)
            if run.succeeded:
                aftermath.hand_on(self, context, run)
            return run.xcom()
        if self.request_id:
            raise RequestIdSpentError(run, "One run for a request_id, ever: give another one to start a new run.")
        if run.status == "FAILED":
            raise aftermath.failure(self, run)
        raise _ENDINGS[run.status](run)

    def _deadline(self) -> float | None:
        """Return the time before Airflow's own time-out, which would leave the run alone, in epoch seconds."""
        if self.execution_timeout is None:
            return None
        seconds = self.execution_timeout.total_seconds()
        return time.time() + seconds - min(10.0, seconds / 10)
