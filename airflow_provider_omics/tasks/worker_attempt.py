# SPDX-License-Identifier: Apache-2.0
"""One attempt of a task in its worker: find or start the run, and push its XComs."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.aws.hook_params import ONE_ATTEMPT
from airflow_provider_omics.compat import loop_pass, push_link, state_store
from airflow_provider_omics.lifecycle.intention import Intention

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.in_worker import WorkerDriver
    from airflow_provider_omics.lifecycle.protocol import Fail, Succeed, Wait
    from airflow_provider_omics.lifecycle.run_submissions import RunSubmissions
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.run import Run
    from airflow_provider_omics.results.progress_log import RunProgressLogger
    from airflow_provider_omics.tasks.run_options import RunOptions

log = logging.getLogger(__name__)
# Options of a client that must answer before the process is killed.
BRIEF: dict[str, Any] = {
    "connect_timeout": 1.5,
    "read_timeout": 1.5,
    "retries": ONE_ATTEMPT,
}


class WorkerAttempt:
    """
    One try of a task in its worker process.

    :param options: the operator's arguments.
    :param context: Airflow's context of the try.
    :param deadline: until when the try may wait, in epoch seconds.
    :param is_killed: returns whether the process was told to end.
    """

    def __init__(
        self, options: RunOptions, context: Context, deadline: float | None, *, is_killed: Callable[[], bool]
    ) -> None:
        self.options = options
        self.context = context
        self.deadline = deadline
        self.run: Run | None = None
        # A hook made in advance, for the few seconds before the process is killed.
        self.brief_hook: OmicsHook | None = None
        self.driver: WorkerDriver[Run] | None = None
        self._is_killed = is_killed
        self._submissions: RunSubmissions | None = None
        self.looks_back = False

    @cached_property
    def progress(self) -> RunProgressLogger:
        """What says how the run is going, in a task that waits here."""
        from airflow_provider_omics.results.progress_log import RunProgressLogger  # noqa: PLC0415 - not before a deferral

        return RunProgressLogger(self.options.new_hook, forward_logs=self.options.forward_logs)

    def carry_out(
        self,
        request: dict[str, JsonValue],
        *,
        retry: bool,
        until: Callable[[float | None], float],
        wait: Callable[[Run], Run] | None,
    ) -> Wait[Run] | Succeed[Run] | Fail[Run]:
        """
        Find or start the run of this intention; its XComs are pushed before any waiting.

        :param request: the StartRun request, without requestId, name and tags of the intention.
        :param retry: whether an earlier attempt, or an earlier part of this one, may have started a run.
        :param until: returns until when to try to start a run; its argument is the deadline.
        :param wait: waits for the end of a run that is STOPPING; if None, the attempt ends with the verdict to wait.
        """
        from airflow_provider_omics.lifecycle.in_worker import (  # noqa: PLC0415 - no boto3 in DAG files
            RetryPolicy,
            WorkerDriver,
        )

        options = self.options
        # Read the connection from Airflow now: after SIGTERM its answer may come too late.
        self.brief_hook = options.new_hook(**BRIEF)
        self.brief_hook.conn_config  # noqa: B018 - a cached property
        self._submissions = submissions = self.submissions(request)
        stored = submissions.stored() if retry else None
        known = submissions.known(stored, retry=retry, waits=options.wait_for_completion)
        self.looks_back = retry or known.own_request_id
        self.driver = WorkerDriver(
            submissions,
            options.new_hook,
            lambda: RetryPolicy(until(self.deadline)),
            show=self.show,
            is_killed=self._is_killed,
            wait=wait,
        )
        return self.driver.carry_out(known)

    def submissions(self, request: dict[str, JsonValue]) -> RunSubmissions:
        """Return the StartRun requests of this intention."""
        from airflow_provider_omics.lifecycle.run_submissions import RunSubmissions  # noqa: PLC0415 - no boto3 in DAG files

        return RunSubmissions(
            request,
            self.intention,
            try_number=self.context["ti"].try_number,
            airflow_tags=self.options.airflow_tags,
            store=state_store(self.context),
        )

    @property
    def intention(self) -> Intention:
        """The intention of the task instance."""
        return intention_of(self.context)

    def show(self, run: Run, own: bool | None = None) -> None:  # noqa: FBT001 - as the driver calls it
        """Push the run's XComs and links; log whether it was started or reattached to, if that is known."""
        known, self.run = self.run, run
        if known is None or known.uuid != run.uuid:
            for key, value in run.shown().items():
                self.context["ti"].xcom_push(key=key, value=value)
            for link, page in self.options.links(run):
                push_link(self.context, link, page)
        if own is not None and self._submissions is not None:
            log.info("%s", self._submissions.said_of(run, own=own))


def intention_of(context: Context) -> Intention:
    """Return the intention of a task instance."""
    ti = context["ti"]
    return Intention(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        dag_run_start=context["dag_run"].start_date,
        max_tries=ti.max_tries,
        **loop_pass(context),
    )
