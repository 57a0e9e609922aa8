# SPDX-License-Identifier: Apache-2.0
"""One attempt of a task in its worker: find or start the run, wait for it, cancel it or leave it when the task ends."""

from __future__ import annotations

import logging
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_omics.cancellation.cancel_run import cancel
from airflow_provider_omics.cancellation.decision import is_cancelled_at_deadline, worker_cancels
from airflow_provider_omics.cancellation.worker import may_cancel_late, soon, state_of
from airflow_provider_omics.compat import KILL_SECONDS, conf, loop_pass, push_link, state_store
from airflow_provider_omics.exceptions import (
    OmicsError,
    RunNotCancelledError,
    RunTimeoutError,
    RunWaitError,
)
from airflow_provider_omics.lifecycle.intention import Intention
from airflow_provider_omics.links.run import run_links
from airflow_provider_omics.polling.pacing import interval
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.results.progress_log import RunProgressLogger

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.compat import Context, RunningTask
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.in_worker import WorkerDriver
    from airflow_provider_omics.lifecycle.protocol import Fail, Succeed, Wait
    from airflow_provider_omics.lifecycle.run_submissions import RunSubmissions
    from airflow_provider_omics.request.documents import JsonValue
    from airflow_provider_omics.tasks.start_run_task import StartRunTask

log = logging.getLogger(__name__)
# How long a worker tries to cancel a run whose time is up.
_CANCEL_SECONDS = 60.0
# How long it looks for a run whose StartRun was not answered by then; Airflow's own time-out comes ten seconds later.
_GIVE_UP_SECONDS = 10.0
# A client that must answer before the process is killed.
IN_A_HURRY: dict[str, Any] = {
    "connect_timeout": 1.5,
    "read_timeout": 1.5,
    "retries": {"mode": "standard", "total_max_attempts": 1},
}


def pushed(ti: RunningTask) -> Run | None:
    """Return the run that this try has pushed to XCom, as far as that tells, None if it has come to none."""
    return Run.from_xcom(lambda key: ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index))


def is_shown(ti: RunningTask, run: Run) -> bool:
    """Tell whether the XComs are of this run, and not of one that a triggerer of an earlier try has pushed too late."""
    # What comes late is the rest of what is pushed, of which this is the last.
    last = ti.xcom_pull(task_ids=ti.task_id, key="run_output_uri", map_indexes=ti.map_index)
    return bool(last == run.output_uri)


class Attempt:
    """
    What one process does for one try of a task.

    :param operator: whose try it is.
    :param context: Airflow's context of the try.
    :param deadline: until when the try may wait, in epoch seconds.
    """

    def __init__(self, operator: StartRunTask, context: Context, deadline: float | None = None) -> None:
        self.deadline = deadline
        self._operator = operator
        self._context = context
        self.run: Run | None = None
        self.driver: WorkerDriver[Run] | None = None
        self._submissions: RunSubmissions | None = None
        self._hurried: OmicsHook | None = None
        self._looks_back = False
        self.progress = RunProgressLogger(operator.hook, forward_logs=operator.forward_logs)

    def carry_out(
        self, request: dict[str, JsonValue], *, retry: bool, until: Callable[[float | None], float]
    ) -> Wait[Run] | Succeed[Run] | Fail[Run]:
        """
        Find or start the run of this intention; whatever is known of it is shown before anything waits.

        :param request: the StartRun request without its identity.
        :param retry: whether an earlier attempt, or an earlier part of this one, may have started a run.
        :param until: returns until when to wait from now on while no run is started; the deadline is its argument.
        """
        from airflow_provider_omics.lifecycle.in_worker import WorkerDriver  # noqa: PLC0415 - DAG files need no boto3
        from airflow_provider_omics.lifecycle.retry_policy import RetryPolicy  # noqa: PLC0415 - likewise

        operator = self._operator
        # Airflow is asked for the connection now: after SIGTERM its answer may come too late.
        self._hurried = operator.hook(**IN_A_HURRY)
        self._hurried.conn_config  # noqa: B018 - a cached property
        self._submissions = submissions = self.submissions(request)
        stored = submissions.stored() if retry else None
        known = submissions.known(stored, retry=retry, waits=operator.wait_for_completion)
        self._looks_back = retry or known.own_request_id
        self.driver = WorkerDriver(
            submissions,
            lambda: (operator.hook(), self._starter()),
            lambda: RetryPolicy(until(self.deadline)),
            show=self.show,
            is_killed=lambda: operator.killed,
            wait=None if operator.deferrable else self.wait,
        )
        verdict = self.driver.carry_out(known)
        if self._operator.killed:
            # The kill came while StartRun was under way, and Airflow lets the process go on.
            self._settle(time.monotonic() + KILL_SECONDS)
        return verdict

    def submissions(self, request: dict[str, JsonValue]) -> RunSubmissions:
        """Return the StartRun requests of this intention."""
        from airflow_provider_omics.lifecycle.run_submissions import RunSubmissions  # noqa: PLC0415 - no boto3 in DAGs

        return RunSubmissions(
            request,
            self.intention,
            try_number=self._context["ti"].try_number,
            airflow_tags=self._operator.airflow_tags,
            store=state_store(self._context),
        )

    def _starter(self) -> OmicsHook:
        """Return a hook that repeats nothing, as HealthOmics' refusals are waited out elsewhere."""
        return self._operator.hook(retries={"mode": "standard", "total_max_attempts": 1})

    @property
    def intention(self) -> Intention:
        """Whose run it is."""
        return intention_of(self._context)

    def show(self, run: Run, own: bool | None = None) -> None:  # noqa: FBT001 - as the driver calls it
        """Push what others need, whatever happens to the task from here on; say whose run it is when that is known."""
        known, self.run = self.run, run
        if known is None or known.uuid != run.uuid:
            for key, value in run.shown().items():
                self._context["ti"].xcom_push(key=key, value=value)
            for link, page in run_links(self._operator, run):
                push_link(self._context, link, page)
        if own is not None and self._submissions is not None:
            log.info("%s", self._submissions.said_of(run, own=own))

    def wait(self, run: Run) -> Run:
        """Look at the run until it has ended; faults that pass are waited out."""
        from airflow_provider_omics.lifecycle.retry_policy import Faults  # noqa: PLC0415 - DAG files need no boto3

        hook, faults = self._operator.hook(), Faults(f"GetRun of run {run.id}")
        shortest = conf.getfloat("omics", "poll_interval", fallback=30.0)
        while not run.ended:
            pause = interval(time.time() - (run.creation_time or 0.0), self._operator.poll_interval, shortest)
            pause = faults.pause(pause)
            left = pause if self.deadline is None else self.deadline - time.time()
            if left <= 0:
                ti = self._context["ti"]
                if may_cancel_late(ti, state_of(ti)):
                    return self.time_out(run)
                # Airflow ends this process; on 2.11 an error of it would end the later try, too.
                log.warning("Run %s is left to a later try of this task, to which this process has lost it", run.id)
                self.deadline = None
                continue
            time.sleep(min(left, pause))
            try:
                now = hook.get_run(run)
            except Exception as error:
                # One of ours says itself that nothing was asked.
                if not faults.bears(error) and not isinstance(error, OmicsError):
                    raise RunWaitError.of(run, f"{type(error).__name__}: {error}") from error
                if faults.met(error):
                    hook = self._operator.hook()
                continue
            faults.count = 0
            self.progress.seen(run, now)
            self.run = run = now
        return run

    # --- ways out ---

    def time_out(self, run: Run, *, cancelled: bool = False) -> Run:
        """
        Cancel a run that outlived the deadline; return it if it has ended meanwhile.

        :param cancelled: whether a trigger has cancelled it already.
        :raises RunTimeoutError: if it had not ended.
        """
        operator = self._operator
        late = f"not ended within execution_timeout {operator.execution_timeout}"
        if cancelled:
            raise RunTimeoutError(f"HealthOmics {run}: {late}; cancelled")
        hook = operator.hook()
        if not operator.cancel_on_kill:
            try:
                run = hook.get_run(run)
            except Exception as error:  # noqa: BLE001 - the time is up, whatever the run has come to
                log.warning("How run %s is now is not known: %s", run.id, error)
            if run.ended:
                return run
            raise RunTimeoutError(f"HealthOmics {run}: {late}; it goes on, as cancel_on_kill=False says")
        try:
            done = cancel(hook, run, known=False, until=time.monotonic() + _CANCEL_SECONDS)
        except RunNotCancelledError as error:
            raise RunTimeoutError(f"HealthOmics {error.run}: {late}; {error}") from error
        except Exception as error:
            raise RunTimeoutError(f"HealthOmics {run}: {late}; {RunNotCancelledError(run, str(error))}") from error
        if done.run.ended and not is_cancelled_at_deadline(done.run, self.deadline, time.time()):
            return done.run
        raise RunTimeoutError(f"HealthOmics {done.run}: {late}; cancelled")

    def cancel_pushed(self) -> None:
        """Cancel the run that this try pushed to XCom before it was deferred."""
        run = pushed(self._context["ti"])
        if run is not None:
            # It may be too new to be visible, so that a 404 says nothing.
            self.run = run = replace(run, creation_time=time.time())
            try:
                done = cancel(self._operator.hook(), run, known=False, until=time.monotonic() + _CANCEL_SECONDS)
                log.info("execution_timeout passed: %s", done)
            except Exception as error:  # noqa: BLE001 - the task fails of the time-out
                log.error("execution_timeout passed, and %s", self._left(error))  # noqa: TRY400 - no traceback

    def give_up(self) -> None:
        """Cancel the run of a StartRun whose answer was lost, if there is one: the time to wait for it is over."""
        log.info("StartRun has not answered within execution_timeout: a run that it started is looked for")
        self._settle(time.monotonic() + _GIVE_UP_SECONDS, late=True)

    def kill(self) -> None:
        """Cancel the run, or leave it, in the few seconds between SIGTERM and SIGKILL, and start nothing more."""
        if not self._operator.cancel_on_kill or (self.run is not None and self.run.ended):
            return
        # The main thread was stopped anywhere, perhaps in the middle of a call to Airflow: another one has to ask.
        # Airflow's own time-out is known in this thread alone.
        late = isinstance(sys.exception(), AirflowTaskTimeout)
        until = time.monotonic() + KILL_SECONDS
        thread = threading.Thread(target=self._settle, args=(until,), kwargs={"late": late}, daemon=True)
        thread.start()
        thread.join(KILL_SECONDS)

    def _settle(self, until: float, *, late: bool = False) -> None:
        if not self._operator.cancel_on_kill:
            return
        past_deadline = late or (self.deadline is not None and time.time() >= self.deadline)
        ti = self._context["ti"]
        state = state_of(ti)
        if not (may_cancel_late(ti, state) if past_deadline else worker_cancels(state)):
            log.info("The task was killed while its state is %s: the run is left to the next try", state)
            return
        hook = self._hurried or self._operator.hook(**IN_A_HURRY)
        try:
            run = self.run or self._in_flight(hook, until)
            if run is not None:
                done = cancel(hook, run, known=True, until=until, pause=soon)
                log.info("The task was killed while its state is %s: %s", state, done)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody else says it
            log.error("The task was killed while its state is %s, and %s", state, self._left(error))  # noqa: TRY400 - no traceback

    def _left(self, error: Exception) -> str:
        if isinstance(error, RunNotCancelledError):
            return str(error)
        return f"its run {self.run.id if self.run else ''} is not cancelled and may go on: {error}"

    def _in_flight(self, hook: OmicsHook, until: float) -> Run | None:
        """Return the run of a StartRun whose answer has not come, or of an earlier try; None if there can be none."""
        from airflow_provider_omics.aws.errors import is_transient  # noqa: PLC0415 - DAG files need no boto3
        from airflow_provider_omics.lifecycle.calls import answered  # noqa: PLC0415 - likewise

        driver = self.driver
        while driver is not None and (driver.asked is not None or self._looks_back):
            try:
                newest = answered(driver.submissions.newest(), lambda call: call(hook)).newest  # type: ignore[operator]  # it never pauses
            except Exception as error:
                if not is_transient(error):
                    raise
                log.info("The run is not found yet: %s", error)
            else:
                if newest is not None and newest.submission >= (driver.asked or 0):
                    return newest.run
                if driver.asked is None:
                    return None
            if time.monotonic() >= until:
                log.error("The task was killed, and its run was not found in time: CancelOmicsRunOperator finds it")
                break
            time.sleep(soon(1))
        return None


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
