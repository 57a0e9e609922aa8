# SPDX-License-Identifier: Apache-2.0
"""Wait for an attempt's run in its worker, and cancel it: at the deadline, or when the task's process is killed."""

from __future__ import annotations

import logging
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_omics.cancellation.cancel_run import cancel
from airflow_provider_omics.cancellation.decision import is_cancelled_at_deadline, worker_cancels
from airflow_provider_omics.cancellation.worker import may_cancel_late, soon, state_of
from airflow_provider_omics.compat import KILL_SECONDS
from airflow_provider_omics.exceptions import OmicsError, RunNotCancelledError, RunTimeoutError, RunWaitError
from airflow_provider_omics.lifecycle.marker import KEY, marker_of
from airflow_provider_omics.polling.airflow_cfg import poll_interval
from airflow_provider_omics.polling.pacing import interval
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.tasks.worker_attempt import BRIEF

if TYPE_CHECKING:
    from airflow_provider_omics.compat import RunningTask
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.marker import Marker
    from airflow_provider_omics.lifecycle.submissions import Submissions
    from airflow_provider_omics.tasks.worker_attempt import WorkerAttempt

log = logging.getLogger(__name__)
# Seconds in which a worker tries to cancel a run at its deadline.
_CANCEL_SECONDS = 60.0
# Seconds in which it looks for the run of an unanswered StartRun then; Airflow's own time-out comes ten seconds later.
_GIVE_UP_SECONDS = 10.0


def _xcom(ti: RunningTask, key: str) -> Any:  # noqa: ANN401 - any JSON
    """Return an XCom of this task instance, None if there is none."""
    return ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index)


def pushed(ti: RunningTask) -> Run | None:
    """Return the run in this try's XComs, None if there is none."""
    return Run.from_xcom(partial(_xcom, ti))


def is_shown(ti: RunningTask, run: Run) -> bool:
    """Tell whether the XComs are of this run, and not of one that an earlier try's trigger pushed late."""
    # The last one of those that are pushed.
    last = _xcom(ti, "run_output_uri")
    return bool(last == run.output_uri)


def wait(attempt: WorkerAttempt, run: Run) -> Run:
    """Poll the run until it has ended; transient errors are retried."""
    from airflow_provider_omics.polling.faults import Faults  # noqa: PLC0415 - no boto3 in DAG files

    hook, progress, faults = attempt.options.new_hook(), attempt.progress, Faults(f"GetRun of run {run.id}")
    shortest = poll_interval()
    while not run.ended:
        pause = interval(time.time() - (run.creation_time or 0.0), attempt.options.poll_interval, shortest)
        pause = faults.pause(pause)
        left = pause if attempt.deadline is None else attempt.deadline - time.time()
        if left <= 0:
            ti = attempt.context["ti"]
            if may_cancel_late(ti, state_of(ti)):
                return time_out(attempt, run)
            # Airflow ends this process; on 2.11 an error here would end the later try, too.
            log.warning("A later try of this task has begun: run %s is left to it", run.id)
            attempt.deadline = None
            continue
        time.sleep(min(left, pause))
        try:
            now = hook.get_run(run)
        except Exception as error:
            # The provider's own errors, such as WrongAccountError, are raised as they are.
            if not faults.should_retry(error) and not isinstance(error, OmicsError):
                raise RunWaitError.of(run, f"{type(error).__name__}: {error}") from error
            if faults.note(error):
                hook = attempt.options.new_hook()
            continue
        faults.count = 0
        progress.seen(run, now)
        attempt.run = run = now
    return run


def time_out(attempt: WorkerAttempt, run: Run, *, cancelled: bool = False) -> Run:
    """
    Cancel the run at the deadline; return it if it has ended meanwhile.

    :param cancelled: whether a trigger has cancelled it already.
    :raises RunTimeoutError: if it had not ended.
    """
    options = attempt.options
    late = f"not ended within execution_timeout {options.execution_timeout}"
    if cancelled:
        raise RunTimeoutError(f"HealthOmics {run}: {late}; cancelled")
    hook = options.new_hook()
    if not options.cancel_on_kill:
        try:
            run = hook.get_run(run)
        except Exception as error:  # noqa: BLE001 - the deadline has passed in any case
            log.warning("The present status of run %s is not known: %s", run.id, error)
        if run.ended:
            return run
        raise RunTimeoutError(f"HealthOmics {run}: {late}; it goes on, as cancel_on_kill=False says")
    try:
        done = cancel(hook, run, known=False, until=time.monotonic() + _CANCEL_SECONDS)
    except RunNotCancelledError as error:
        raise RunTimeoutError(f"HealthOmics {error.run}: {late}; {error}") from error
    except Exception as error:
        raise RunTimeoutError(f"HealthOmics {run}: {late}; {RunNotCancelledError(run, str(error))}") from error
    if done.run.ended and not is_cancelled_at_deadline(done.run, attempt.deadline, time.time()):
        return done.run
    raise RunTimeoutError(f"HealthOmics {done.run}: {late}; cancelled")


def cancel_deferred(attempt: WorkerAttempt) -> None:
    """Cancel the run of a deferral that Airflow has ended by a time-out of its own: its XComs or its marker name it."""
    ti, until = attempt.context["ti"], time.monotonic() + _CANCEL_SECONDS
    try:
        attempt.run = pushed(ti)
        if attempt.run is None and (marker := _marker(attempt)) is not None:
            # The trigger has called StartRun, perhaps, and was ended before it had the answer.
            attempt.run = _in_flight(attempt, attempt.options.new_hook(**BRIEF), until, asked=marker.submission)
        if attempt.run is not None:
            log.info(
                "execution_timeout passed: %s",
                cancel(attempt.options.new_hook(), attempt.run, known=False, until=until),
            )
    except Exception as error:  # noqa: BLE001 - the task fails with the time-out
        log.error("execution_timeout passed, and %s", _left(attempt, error))  # noqa: TRY400 - no traceback


def _marker(attempt: WorkerAttempt) -> Marker | None:
    """Return the marker of this try, None if it has not deferred to start a run."""
    ti = attempt.context["ti"]
    marker = marker_of(_xcom(ti, KEY))
    return marker if marker is not None and marker.of_try(attempt.intention.digest, ti.try_number) else None


def give_up(attempt: WorkerAttempt) -> None:
    """At the deadline, cancel the run of a StartRun that was not answered, if there is one."""
    log.info("StartRun was not answered within execution_timeout: looking for a run that it may have started")
    settle(attempt, time.monotonic() + _GIVE_UP_SECONDS, late=True)


def kill(attempt: WorkerAttempt) -> None:
    """Cancel the run, or leave it, in the few seconds between SIGTERM and SIGKILL, and start nothing more."""
    if not attempt.options.cancel_on_kill or (attempt.run is not None and attempt.run.ended):
        return
    # In another thread: SIGTERM may have interrupted a call to Airflow in this one. Only this thread knows whether
    # Airflow's own time-out was raised.
    late = isinstance(sys.exception(), AirflowTaskTimeout)
    until = time.monotonic() + KILL_SECONDS
    thread = threading.Thread(target=settle, args=(attempt, until), kwargs={"late": late}, daemon=True)
    thread.start()
    thread.join(KILL_SECONDS)


def settle(attempt: WorkerAttempt, until: float, *, late: bool = False) -> None:
    """Cancel the run if the task's state says that a person ended it; log errors. ``until`` is monotonic time."""
    if not attempt.options.cancel_on_kill:
        return
    past_deadline = late or (attempt.deadline is not None and time.time() >= attempt.deadline)
    ti = attempt.context["ti"]
    state = state_of(ti)
    if not (may_cancel_late(ti, state) if past_deadline else worker_cancels(state)):
        log.info("The process was told to end while the task is %s: the run is left to the next try", state)
        return
    hook = attempt.brief_hook or attempt.options.new_hook(**BRIEF)
    try:
        run = attempt.run or _in_flight(attempt, hook, until)
        if run is not None:
            done = cancel(hook, run, known=True, until=until, pause=soon)
            log.info("The process was told to end while the task is %s: %s", state, done)
    except Exception as error:  # noqa: BLE001 - any error: nothing else logs it
        log.error("The process was told to end while the task is %s, and %s", state, _left(attempt, error))  # noqa: TRY400 - no traceback


def _left(attempt: WorkerAttempt, error: Exception) -> str:
    if isinstance(error, RunNotCancelledError):
        return str(error)
    return f"its run {attempt.run.id if attempt.run else ''} is not cancelled and may go on: {error}"


def _in_flight(attempt: WorkerAttempt, hook: OmicsHook, until: float, *, asked: int | None = None) -> Run | None:
    """
    Return the run of an unanswered StartRun, or of an earlier try; None if there is none.

    :param asked: the submission that this try's trigger may have sent.
    """
    from airflow_provider_omics.aws.errors import is_transient  # noqa: PLC0415 - no boto3 in DAG files
    from airflow_provider_omics.lifecycle.calls import answered  # noqa: PLC0415 - likewise

    driver, looks_back = attempt.driver, attempt.looks_back
    submissions: Submissions[Run]
    if driver is not None:
        submissions = driver.submissions
    else:  # Ended before it has looked for the run of an earlier try, or in its trigger.
        request = attempt.options.request()
        submissions = attempt.submissions(request)
        looks_back = attempt.context["ti"].try_number > 1 or "requestId" in request
    while (asked := driver.asked if driver else asked) is not None or looks_back:
        try:
            newest = answered(submissions.newest(), lambda call: call(hook)).newest  # type: ignore[operator]  # it never pauses
        except Exception as error:
            if not is_transient(error):
                raise
            log.info("The look-up of the run failed, trying again: %s", error)
        else:
            if newest is not None and newest.submission >= (asked or 0):
                return newest.run
            if asked is None:
                return None
        if time.monotonic() >= until:
            log.error("The run was not found in time and may go on: cancel it by CancelOmicsRunOperator")
            break
        time.sleep(soon(1))
    return None
