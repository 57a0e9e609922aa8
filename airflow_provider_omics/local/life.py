# SPDX-License-Identifier: Apache-2.0
"""The life of a run: its statuses, by a simulated plan or by what an executor says, and the traces that they leave."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local import plans, run_parameters, run_queue
from airflow_provider_omics.local.clock import later
from airflow_provider_omics.local.definitions import EXECUTED
from airflow_provider_omics.local.events import emit_run
from airflow_provider_omics.local.manifest import manifest_lines
from airflow_provider_omics.local.records import ACTIVE, ENDED, Definition, Task
from airflow_provider_omics.local.state import log_stream_arn

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_omics.local.state import Answer, Record, Resource, State

    Step = Callable[[State, Record, datetime], None]

_CANCELLED = plans.Plan(status="CANCELLED")


def move(state: State, run: Record, status: str, now: datetime, **why: str | None) -> None:
    """Put a run into a status, with ``failure_reason`` and ``status_message``, and send the event."""
    run.status = status
    run.failure_reason = why.get("failure_reason")
    run.status_message = why.get("status_message")
    if status in ("PENDING", "STARTING"):  # one that is forced back
        run.start_time = None
    elif status == "RUNNING":
        run.start_time = now
    if status not in ENDED:
        run.stop_time = None
    elif run.stop_time is None:
        run.stop_time = now
    emit_run(state, run, now)
    if status in ENDED:
        state.ended(run)
        run_queue.leave(state, run, now)
    elif status != "PENDING":
        run_queue.count(state, run)


def move_task(task: Task, status: str, now: datetime, **why: str | None) -> None:
    """Put a task into a status."""
    task.status = status
    task.failure_reason = why.get("failure_reason")
    task.status_message = why.get("status_message")
    if status == "RUNNING":
        task.start_time = now
    if status in ENDED:
        task.stop_time = now


def begin(state: State, run: Record, workflow: Resource | None) -> None:
    """Let a new run live: by its script, or by the executor, or by the default plan."""
    now = run.creation_time
    move(state, run, "PENDING", now)
    scripted = plans.choose(state.scripts, run.request)
    if scripted is None and state.executor and (why := _not_executable(workflow)):
        run.plan = plans.Plan(stopping=0, status="FAILED", failureReason="WORKFLOW_RUN_FAILED", statusMessage=why)
        _then(state, run, now, 0, _stopping)
        return
    if scripted is None and state.executor and workflow and workflow.zip_bytes is not None:
        members = workflow.members
        definition = Definition(
            run.request["workflowId"],
            members.get("name", ""),
            members["engine"],
            workflow.zip_bytes,
            members.get("main"),
        )
        submit = partial(state.executor.submit, run, definition, RunJournal(state, run))
        enter = partial(run_queue.enter, go=lambda _state, _run, _now: submit())
        _read_parameters(workflow, enter, state, run, now)
        return
    run.plan = scripted or plans.DEFAULT
    enter = partial(run_queue.enter, go=_starting)
    _then(state, run, now, run.plan.pending, partial(_read_parameters, workflow, enter))


def _not_executable(workflow: Resource | None) -> str | None:
    """Return why an endpoint that executes runs cannot execute those of a workflow."""
    members = workflow.members if workflow else {}
    name = members.get("name") or (workflow.id if workflow else "")
    if members.get("engine") not in EXECUTED:
        why = f"is written for {members.get('engine')}, and the local endpoint executes only WDL"
    elif "definitionRepository" in members:
        why = "is defined by a repository, which the local endpoint does not read"
    elif workflow is None or workflow.zip_bytes is None:
        why = "has no definition that could be executed"
    else:
        return None
    return f"Workflow {name} {why}: serve it with --simulate, or plan its runs by a script."


def _read_parameters(workflow: Resource | None, step: Step, state: State, run: Record, now: datetime) -> None:
    """Go on when the file of a ``parametersUri`` is read, as if it took no time; a bad one ends the run."""
    uri, generation = run.request.get("parametersUri"), run.generation
    if uri is None or state.traces is None:
        step(state, run, now)
        return

    def done(parameters: Answer | str) -> None:
        if run.generation != generation:  # cancelled meanwhile
            return
        if run.status != "PENDING":  # cancelled before the executor had it
            move(state, run, "CANCELLED", now)
        elif isinstance(parameters, str):
            reason = "INVALID_RUN_PARAMETERS"
            run.plan = replace(_plan(run), status="FAILED", failureReason=reason, statusMessage=parameters)
            _end(state, run, now)
        else:
            run.parameters = parameters
            step(state, run, now)

    state.traces.work(partial(run_parameters.read, uri, workflow), done)


def cancel(state: State, run: Record) -> None:
    """Stop a run; the status CANCELLED comes when it has stopped."""
    now = state.clock.now()
    if run.status != "STOPPING":
        move(state, run, "STOPPING", now)
    if run.plan is None and state.executor:
        run_queue.leave_waiting(state, run, now)
        state.executor.cancel(run.id)
    elif run.plan and not run.cancelling:
        run.generation += 1
        run.cancelling = True
        stopping = run.plan.stopping
        run.plan = replace(_CANCELLED, stopping=stopping)
        _then(state, run, now, stopping, _end)


def force(
    state: State,
    run: Record,
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


def _then(state: State, run: Record, now: datetime, seconds: float, step: Step) -> None:
    """Plan a run's next step; a cancelled run's steps are void."""
    state.at(later(now, seconds / state.settings.speed), partial(_if_current, state, run, run.generation, step))


def _if_current(state: State, run: Record, generation: int, step: Step, now: datetime) -> None:
    if run.generation == generation:
        step(state, run, now)


def _plan(run: Record) -> plans.Plan:
    return run.plan or plans.DEFAULT


def _starting(state: State, run: Record, now: datetime) -> None:
    move(state, run, "STARTING", now)
    _then(state, run, now, _plan(run).starting, _running)


def _running(state: State, run: Record, now: datetime) -> None:
    plan = _plan(run)
    move(state, run, "RUNNING", now)
    _limit_duration(state, run, now)
    for members in plan.tasks:
        add_task(state, run, now, members["name"], members)
    if plan.tasks:
        _next_task(0, state, run, now)
    else:
        _then(state, run, now, plan.running, _export)


def _next_task(i: int, state: State, run: Record, now: datetime) -> None:
    """Let the tasks run one after the other, each for its share of the time and when its group has room for it."""
    if i == len(run.tasks):
        _export(state, run, now)
    else:
        run_queue.take(state, run, run.tasks[i], now, partial(_start_task, i))


def _start_task(i: int, state: State, run: Record, now: datetime) -> None:
    move_task(run.tasks[i], "RUNNING", now)
    _then(state, run, now, _plan(run).running / len(run.tasks), partial(_end_task, i))


def _end_task(i: int, state: State, run: Record, now: datetime) -> None:
    task, end = run.tasks[i], _plan(run).tasks[i]
    why = {"failure_reason": end.get("failureReason"), "status_message": end.get("statusMessage")}
    move_task(task, end.get("status", "COMPLETED"), now, **why)
    run_queue.give_back(state, run, task, now)
    _next_task(i + 1, state, run, now)


def _limit_duration(state: State, run: Record, now: datetime) -> None:
    """End a run that is RUNNING for longer than its group allows."""
    group = state.groups.get(run.request.get("runGroupId", ""))
    minutes = group.members.get("maxDuration") if group else None
    if group is None or minutes is None:
        return
    message = f"The run has exceeded the maximum duration of {minutes} minutes of its run group {group.id}."
    if run.plan is None:
        state.at(later(now, minutes * 60), partial(_time_out_executed, state, run, message))
    else:
        _then(state, run, now, minutes * 60, partial(_time_out, message))


def _time_out(message: str, state: State, run: Record, now: datetime) -> None:
    if run.status == "RUNNING":
        run.generation += 1
        run.plan = replace(_plan(run), status="FAILED", failureReason="RUN_TIMED_OUT", statusMessage=message)
        _stopping(state, run, now)


def _time_out_executed(state: State, run: Record, message: str, _now: datetime) -> None:
    if state.executor and run.status == "RUNNING":
        state.executor.time_out(run.id, message)


def add_task(state: State, run: Record, now: datetime, name: str, members: Any) -> Task:  # noqa: ANN401 - a mapping
    """Give a run a new task."""
    run.tasks = run.tasks or []
    sizes = {key: members[key] for key in ("cpus", "memory", "gpus", "metrics") if key in members}
    task = Task(state.new_id({task.id: task for task in run.tasks}), name, creation_time=now, **sizes)
    run.tasks.append(task)
    return task


def _export(state: State, run: Record, now: datetime) -> None:
    """Leave outputs and logs, where those are wanted, and go on when they are in place, as if it took no time."""
    # Whoever plans outputs wants to find them.
    if not (state.traces and (state.settings.traces or _plan(run).outputs is not None)):
        _stopping(state, run, now)
        return

    generation = run.generation

    def exported(error: Exception | None) -> None:
        if run.generation != generation:  # cancelled meanwhile
            return
        if error:
            run.plan = replace(_plan(run), status="FAILED", failureReason="EXPORT_FAILED", statusMessage=str(error))
        _then(state, run, now, 0, _stopping)

    state.traces.export(run, _plan(run), exported)


def _stopping(state: State, run: Record, now: datetime) -> None:
    move(state, run, "STOPPING", now)
    _then(state, run, now, _plan(run).stopping, _end)


def _end(state: State, run: Record, now: datetime) -> None:
    plan = _plan(run)
    for task in run.tasks:
        if task.status not in ENDED:
            move_task(task, "CANCELLED", now)
    message = plan.statusMessage
    failed = next((task for task in run.tasks if task.status == "FAILED"), None)
    if plan.status == "FAILED" and message is None and failed:
        message = _task_failure(run, failed)
    why = {"failure_reason": plan.failureReason, "status_message": message}

    def finish(state: State, run: Record, now: datetime) -> None:
        move(state, run, plan.status, now, **why)

    generation = run.generation

    def left() -> None:
        _if_current(state, run, generation, finish, now)

    if state.traces and state.settings.traces:
        end: dict[str, Any] = {"status": plan.status, "failureReason": plan.failureReason, "statusMessage": message}
        end |= {"stopTime": now, "resourceDigests": plan.resourceDigests}
        lines = [(now, line) for line in manifest_lines(run, end)]
        state.traces.manifest(run, lines, left)
    else:
        finish(state, run, now)


def _task_failure(run: Record, task: Task) -> str:
    """Say which task failed, in the service's own words."""
    stream = log_stream_arn(run.caller, f"run/{run.id}/task/{task.id}")
    return (
        f"Run failed due to task: {task.name}, id: {task.id}, failure. "
        f"Use the GetRunTask API operation for more details, or see the task's log stream: {stream}"
    )


class RunJournal:
    """How an executor tells the engine what happens to its run."""

    def __init__(self, state: State, run: Record) -> None:
        self._state = state
        self._run = run

    def status(self, status: str, *, failure_reason: str | None = None, status_message: str | None = None) -> None:
        """Move the run to ``status``; one that has ended stays as it is, and one that is STOPPING can only end."""
        with self._state.lock:
            run, now = self._run, self._state.clock.now()
            if run.status not in ENDED and (run.status != "STOPPING" or status in ENDED):
                move(self._state, run, status, now, failure_reason=failure_reason, status_message=status_message)
                if status == "RUNNING":
                    _limit_duration(self._state, run, now)

    def task(self, name: str, *, cpus: int = 1, memory: int = 1, gpus: int = 0) -> str:
        """Add a task in status PENDING and return its id."""
        with self._state.lock:
            sizes = {"cpus": cpus, "memory": memory, "gpus": gpus}
            return add_task(self._state, self._run, self._state.clock.now(), name, sizes).id

    def task_status(
        self, task_id: str, status: str, *, failure_reason: str | None = None, status_message: str | None = None
    ) -> None:
        """Move a task to ``status``; RUNNING sets its start time, an end its stop time."""
        with self._state.lock:
            task = next(task for task in self._run.tasks if task.id == task_id)
            now = self._state.clock.now()
            move_task(task, status, now, failure_reason=failure_reason, status_message=status_message)

    def task_used(self, task_id: str, metrics: dict[str, float]) -> None:
        """Keep what a task used, under the manifest's names."""
        with self._state.lock:
            next(task for task in self._run.tasks if task.id == task_id).metrics = metrics

    def task_cached(self, task_id: str, uri: str) -> None:
        """Say that a task did not run, since its outputs were in the cache."""
        with self._state.lock:
            task = next(task for task in self._run.tasks if task.id == task_id)
            task.status, task.cache_uri, task.creation_time = "COMPLETED", uri, None
