# SPDX-License-Identifier: Apache-2.0
"""How an attempt ends its run in the worker: at the deadline, or when the task's process is killed."""

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


class AttemptEnd(ABC):
    """
    What one process knows of the run of one try of a task, and how it ends that run.

    :param options: how to conduct the run.
    :param context: Airflow's context of the try.
    :param deadline: until when the try may wait, in epoch seconds.
    """

    def __init__(self, options: RunOptions, context: Context, deadline: float | None) -> None:
        self.options = options
        self.context = context
        self.deadline = deadline
        self.run: Run | None = None
        # A hook that was made in time, for the few seconds before the process is killed.
        self.hurried: OmicsHook | None = None

    def time_out(self, run: Run, *, cancelled: bool = False) -> Run:
        """
        Cancel a run that outlived the deadline; return it if it has ended meanwhile.

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
        run = pushed(self.context["ti"])
        if run is not None:
            # It may be too new to be visible, so that a 404 says nothing.
            self.run = run = replace(run, creation_time=time.time())
            try:
                done = cancel(self.options.new_hook(), run, known=False, until=time.monotonic() + _CANCEL_SECONDS)
                log.info("execution_timeout passed: %s", done)
            except Exception as error:  # noqa: BLE001 - the task fails of the time-out
                log.error("execution_timeout passed, and %s", self._left(error))  # noqa: TRY400 - no traceback

    def give_up(self) -> None:
        """Cancel the run of a StartRun whose answer was lost, if there is one: the time to wait for it is over."""
        log.info("StartRun has not answered within execution_timeout: a run that it started is looked for")
        self.settle(time.monotonic() + _GIVE_UP_SECONDS, late=True)

    def kill(self) -> None:
        """Cancel the run, or leave it, in the few seconds between SIGTERM and SIGKILL, and start nothing more."""
        if not self.options.cancel_on_kill or (self.run is not None and self.run.ended):
            return
        # The main thread was stopped anywhere, perhaps in the middle of a call to Airflow: another one has to ask.
        # Airflow's own time-out is known in this thread alone.
        late = isinstance(sys.exception(), AirflowTaskTimeout)
        until = time.monotonic() + KILL_SECONDS
        thread = threading.Thread(target=self.settle, args=(until,), kwargs={"late": late}, daemon=True)
        thread.start()
        thread.join(KILL_SECONDS)

    def settle(self, until: float, *, late: bool = False) -> None:
        """Cancel the run if the task's state says so, until a time of ``time.monotonic()``; errors are logged."""
        if not self.options.cancel_on_kill:
            return
        past_deadline = late or (self.deadline is not None and time.time() >= self.deadline)
        ti = self.context["ti"]
        state = state_of(ti)
        if not (may_cancel_late(ti, state) if past_deadline else worker_cancels(state)):
            log.info("The task was killed while its state is %s: the run is left to the next try", state)
            return
        hook = self.hurried or self.options.new_hook(**IN_A_HURRY)
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

    @abstractmethod
    def _in_flight(self, hook: OmicsHook, until: float) -> Run | None:
        """Return the run of a StartRun whose answer has not come, or of an earlier try; None if there can be none."""
