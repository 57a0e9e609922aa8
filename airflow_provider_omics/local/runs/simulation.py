# SPDX-License-Identifier: Apache-2.0
"""How a run goes on by its plan: its steps, each due after the one before; and how any run is cancelled."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.runs import queueing, simulated_exports
from airflow_provider_omics.local.runs.run_manifest import manifest_lines
from airflow_provider_omics.local.runs.statuses import add_task, move, move_task
from airflow_provider_omics.local.state import scripts
from airflow_provider_omics.local.state.clock import later
from airflow_provider_omics.local.state.run_state import ACTIVE, ENDED, Task
from airflow_provider_omics.local.wire.caller import log_stream_arn

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.state.run_state import Run

    Step = Callable[[State, Run, datetime], None]

_CANCELLED = scripts.Plan(status="CANCELLED")


def cancel(state: State, run: Run) -> None:
    """Stop a run; the status CANCELLED comes when it has stopped."""
    now = state.clock.now()
    if run.status != "STOPPING":
        move(state, run, "STOPPING", now)
    if run.plan is None and state.executor:
        queueing.leave_waiting(state, run, now)
        state.executor.cancel(run.id)
    elif run.plan and not run.cancelling:
        run.generation += 1
        run.cancelling = True
        stopping = run.plan.stopping
        run.plan = replace(_CANCELLED, stopping=stopping)
        then(state, run, now, stopping, end)


def force(
    state: State,
    run: Run,
    status: str,
    failure_reason: str | None,
    status_message: str | None,
    *,
    unknown: bool = False,
) -> None:
    """Put a simulated run into a status at once, whatever its plan; it stays there until it is forced or cancelled."""
    if status not in (*ACTIVE, *ENDED) and not unknown:
        raise ValueError(f"A run has no status {status!r}; it has {', '.join((*ACTIVE, *ENDED))}.")
    run.generation += 1
    run.cancelling = False
    if status == "DELETED":
        state.forget(run)
    move(state, run, status, state.clock.now(), failure_reason=failure_reason, status_message=status_message)


def then(state: State, run: Run, now: datetime, seconds: float, step: Step) -> None:
    """Plan a run's next step; a cancelled run's steps are void."""
    state.at(later(now, seconds / state.settings.speed), partial(_if_current, state, run, run.generation, step))


def _if_current(state: State, run: Run, generation: int, step: Step, now: datetime) -> None:
    if run.generation == generation:
        step(state, run, now)


def plan_of(run: Run) -> scripts.Plan:
    """Return the plan that a run lives by."""
    return run.plan or scripts.DEFAULT


def starting(state: State, run: Run, now: datetime) -> None:
    """Let a simulated run start, and live on by its plan."""
    move(state, run, "STARTING", now)
    then(state, run, now, plan_of(run).starting, _running)


def _running(state: State, run: Run, now: datetime) -> None:
    plan = plan_of(run)
    move(state, run, "RUNNING", now)
    limit_duration(state, run, now)
    for members in plan.tasks:
        add_task(state, run, now, members["name"], members)
    if plan.tasks:
        _next_task(0, state, run, now)
    else:
        then(state, run, now, plan.running, _export)


def _next_task(i: int, state: State, run: Run, now: datetime) -> None:
    """Let the tasks run one after the other, each for its share of the time and when its group has room for it."""
    if i == len(run.tasks):
        _export(state, run, now)
    else:
        queueing.take(state, run, run.tasks[i], now, partial(_start_task, i, state, run))


def _start_task(i: int, state: State, run: Run, now: datetime) -> None:
    if why := queueing.too_large(state, run, run.tasks[i]):
        reason = "INVALID_TASK_RESOURCE_VALUE"
        move_task(run.tasks[i], "FAILED", now, failure_reason=reason, status_message=why)
        run.plan = replace(plan_of(run), status="FAILED", failureReason=reason, statusMessage=None)
        stopping(state, run, now)
        return
    move_task(run.tasks[i], "RUNNING", now)
    then(state, run, now, plan_of(run).running / len(run.tasks), partial(_end_task, i))


def _end_task(i: int, state: State, run: Run, now: datetime) -> None:
    task, members = run.tasks[i], plan_of(run).tasks[i]
    why = {"failure_reason": members.get("failureReason"), "status_message": members.get("statusMessage")}
    move_task(task, members.get("status", "COMPLETED"), now, **why)
    queueing.give_back(state, run, task, now)
    _next_task(i + 1, state, run, now)


def limit_duration(state: State, run: Run, now: datetime) -> None:
    """End a run that is RUNNING for longer than its group allows."""
    group = state.groups.get(run.request.get("runGroupId", ""))
    minutes = group.members.get("maxDuration") if group else None
    if group is None or minutes is None:
        return
    message = f"The run has exceeded the maximum duration of {minutes} minutes of its run group {group.id}."
    if run.plan is None:
        state.at(later(now, minutes * 60), partial(_time_out_executed, state, run, message))
    else:
        then(state, run, now, minutes * 60, partial(_time_out, message))


def _time_out(message: str, state: State, run: Run, now: datetime) -> None:
    if run.status == "RUNNING":
        run.generation += 1
        run.plan = replace(plan_of(run), status="FAILED", failureReason="RUN_TIMED_OUT", statusMessage=message)
        stopping(state, run, now)


def _time_out_executed(state: State, run: Run, message: str, _now: datetime) -> None:
    if state.executor and run.status == "RUNNING":
        state.executor.time_out(run.id, message)


def _export(state: State, run: Run, now: datetime) -> None:
    """Leave outputs and logs, where those are wanted, and go on when they are in place, as if it took no time."""
    # Outputs that a script plans are written without logs, too.
    if not (state.publishing and (state.settings.logs or plan_of(run).outputs is not None)):
        stopping(state, run, now)
        return

    generation = run.generation

    def exported(error: Exception | None) -> None:
        if run.generation != generation:  # cancelled meanwhile
            return
        if error:
            run.plan = replace(plan_of(run), status="FAILED", failureReason="EXPORT_FAILED", statusMessage=str(error))
        then(state, run, now, 0, stopping)

    state.publishing.work(partial(simulated_exports.export, run, plan_of(run)), exported)


def stopping(state: State, run: Run, now: datetime) -> None:
    """Let a simulated run stop, on its way to its end."""
    move(state, run, "STOPPING", now)
    then(state, run, now, plan_of(run).stopping, end)


def end(state: State, run: Run, now: datetime) -> None:
    """Let a simulated run end as its plan says, once its manifest is written."""
    plan = plan_of(run)
    for task in run.tasks:
        if task.status not in ENDED:
            move_task(task, "CANCELLED", now)
    message = plan.statusMessage
    failed = next((task for task in run.tasks if task.status == "FAILED"), None)
    if plan.status == "FAILED" and message is None and failed:
        message = _task_failure(run, failed)
    why = {"failure_reason": plan.failureReason, "status_message": message}

    def finish(state: State, run: Run, now: datetime) -> None:
        move(state, run, plan.status, now, **why)

    generation = run.generation

    def left() -> None:
        _if_current(state, run, generation, finish, now)

    if state.publishing and state.settings.logs:
        said: dict[str, Any] = {"status": plan.status, "failureReason": plan.failureReason, "statusMessage": message}
        said |= {"stopTime": now, "resourceDigests": plan.resourceDigests}
        lines = [(now, line) for line in manifest_lines(run, said)]
        state.publishing.log(f"manifest/run/{run.id}/{run.uuid}", lines, left)
    else:
        finish(state, run, now)


def _task_failure(run: Run, task: Task) -> str:
    """Say which task failed, in the service's own words."""
    stream = log_stream_arn(run.caller, f"run/{run.id}/task/{task.id}")
    return (
        f"Run failed due to task: {task.name}, id: {task.id}, failure. "
        f"Use the GetRunTask API operation for more details, or see the task's log stream: {stream}"
    )
