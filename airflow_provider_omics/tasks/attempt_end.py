# SPDX-License-Identifier: Apache-2.0
"""Cancel an attempt's run from the worker: at the deadline, or when the task's process is killed."""

from __future__ import annotations

import logging
import sys
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_omics.cancellation.cancel_run import cancel
from airflow_provider_omics.cancellation.decision import is_cancelled_at_deadline, worker_cancels
from airflow_provider_omics.cancellation.worker import may_cancel_late, soon, state_of
from airflow_provider_omics.compat import KILL_SECONDS
from airflow_provider_omics.exceptions import RunNotCancelledError, RunTimeoutError
from airflow_provider_omics.records.run import Run

if TYPE_CHECKING:
    from airflow_provider_omics.compat import Context, RunningTask
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.tasks.run_options import RunOptions

log = logging.getLogger(__name__)
# Seconds in which a worker tries to cancel a run at its deadline.
_CANCEL_SECONDS = 60.0
# Seconds in which it looks for the run of an unanswered StartRun then; Airflow's own time-out comes ten seconds later.
_GIVE_UP_SECONDS = 10.0
# Options of a client that must answer before the process is killed.
IN_A_HURRY: dict[str, Any] = {
    "connect_timeout": 1.5,
    "read_timeout": 1.5,
    "retries": {"mode": "standard", "total_max_attempts": 1},
}


def pushed(ti: RunningTask) -> Run | None:
    """Return the run in this try's XComs, None if there is none."""
    return Run.from_xcom(lambda key: ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index))


def is_shown(ti: RunningTask, run: Run) -> bool:
    """Tell whether the XComs are of this run, and not of one that an earlier try's trigger pushed late."""
    # The last one of those that are pushed.
    last = ti.xcom_pull(task_ids=ti.task_id, key="run_output_uri", map_indexes=ti.map_index)
    return bool(last == run.output_uri)


class AttemptEnd(ABC):
    """
    The run of one try of a task in one process, and how that process cancels it.

    :param options: the operator's arguments.
    :param context: Airflow's context of the try.
    :param deadline: until when the try may wait, in epoch seconds.
    """

    def __init__(self, options: RunOptions, context: Context, deadline: float | None) -> None:
        self.options = options
        self.context = context
        self.deadline = deadline
        self.run: Run | None = None
        # A hook made in advance, for the few seconds before the process is killed.
        self.hurried: OmicsHook | None = None

    def time_out(self, run: Run, *, cancelled: bool = False) -> Run:
        """
        Cancel the run at the deadline; return it if it has ended meanwhile.

        :param cancelled: whether a trigger has cancelled it already.
        :raises RunTimeoutError: if it had not ended.
        """
        options = self.options
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
        if done.run.ended and not is_cancelled_at_deadline(done.run, self.deadline, time.time()):
            return done.run
        raise RunTimeoutError(f"HealthOmics {done.run}: {late}; cancelled")

    def cancel_pushed(self) -> None:
        """Cancel the run that this try pushed to XCom before it was deferred."""
        run = pushed(self.context["ti"])
        if run is not None:
            # A new run may not be visible yet, so a 404 does not mean that it is deleted.
            self.run = run = replace(run, creation_time=time.time())
            try:
                done = cancel(self.options.new_hook(), run, known=False, until=time.monotonic() + _CANCEL_SECONDS)
                log.info("execution_timeout passed: %s", done)
            except Exception as error:  # noqa: BLE001 - the task fails with the time-out
                log.error("execution_timeout passed, and %s", self._left(error))  # noqa: TRY400 - no traceback

    def give_up(self) -> None:
        """At the deadline, cancel the run of a StartRun that was not answered, if there is one."""
        log.info("StartRun was not answered within execution_timeout: looking for a run that it may have started")
        self.settle(time.monotonic() + _GIVE_UP_SECONDS, late=True)

    def kill(self) -> None:
        """Cancel the run, or leave it, in the few seconds between SIGTERM and SIGKILL, and start nothing more."""
        if not self.options.cancel_on_kill or (self.run is not None and self.run.ended):
            return
        # In another thread: SIGTERM may have interrupted a call to Airflow in this one. Only this thread knows whether
        # Airflow's own time-out was raised.
        late = isinstance(sys.exception(), AirflowTaskTimeout)
        until = time.monotonic() + KILL_SECONDS
        thread = threading.Thread(target=self.settle, args=(until,), kwargs={"late": late}, daemon=True)
        thread.start()
        thread.join(KILL_SECONDS)

    def settle(self, until: float, *, late: bool = False) -> None:
        """Cancel the run if the task's state says that a person ended it; log errors. ``until`` is monotonic time."""
        if not self.options.cancel_on_kill:
            return
        past_deadline = late or (self.deadline is not None and time.time() >= self.deadline)
        ti = self.context["ti"]
        state = state_of(ti)
        if not (may_cancel_late(ti, state) if past_deadline else worker_cancels(state)):
            log.info("The process was told to end while the task is %s: the run is left to the next try", state)
            return
        hook = self.hurried or self.options.new_hook(**IN_A_HURRY)
        try:
            run = self.run or self._in_flight(hook, until)
            if run is not None:
                done = cancel(hook, run, known=True, until=until, pause=soon)
                log.info("The process was told to end while the task is %s: %s", state, done)
        except Exception as error:  # noqa: BLE001 - any error: nothing else logs it
            log.error("The process was told to end while the task is %s, and %s", state, self._left(error))  # noqa: TRY400 - no traceback

    def _left(self, error: Exception) -> str:
        if isinstance(error, RunNotCancelledError):
            return str(error)
        return f"its run {self.run.id if self.run else ''} is not cancelled and may go on: {error}"

    @abstractmethod
    def _in_flight(self, hook: OmicsHook, until: float) -> Run | None:
        """Return the run of an unanswered StartRun, or of an earlier try; None if there is none."""
