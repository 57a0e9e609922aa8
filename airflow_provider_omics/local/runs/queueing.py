# SPDX-License-Identifier: Apache-2.0
"""Who goes on, and who waits: the limits of run groups, the executor's capacity, and priority among the PENDING runs.

HealthOmics user guide, "Using HealthOmics run groups": runs and tasks beyond a group's maximum wait; of several that
wait the one of highest priority goes first, of one priority the one that was started first.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from airflow_provider_omics.local.state.run_state import Queue

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.state.run_state import Run, Task

    Go = Callable[[datetime], None]


def enter(state: State, run: Run, now: datetime, go: Go) -> None:
    """Call ``go`` as soon as there is room for a PENDING run: at once, or when another one ends."""
    queue = _queue(state, run)
    heapq.heappush(queue.waiting_runs, (_rank(state, run), run.seq, run.generation, run, go))
    admit(state, now)


def admit(state: State, now: datetime) -> None:
    """Let go on what there is room for."""
    while ready := [queue for group, queue in state.queues.items() if _has_room(state, group)]:
        queue = min(ready, key=lambda queue: queue.waiting_runs[0][:2])
        _, _, generation, run, go = heapq.heappop(queue.waiting_runs)
        if run.generation == generation and run.status == "PENDING":
            count(state, run)
            go(now)
    for group in state.queues:
        _admit_tasks(state, group, now)


def _has_room(state: State, group: str | None) -> bool:
    queue = state.queues[group]
    if not queue.waiting_runs or queue.runs >= _limit(state, group, "maxRuns"):
        return False
    executed = queue.waiting_runs[0][3].plan is None
    return not executed or state.executor is None or state.executing < state.executor.max_parallel_runs


def leave_waiting(state: State, run: Run, now: datetime) -> None:
    """Let a waiting run that is cancelled go on at once: the executor ends it."""
    waiting = _queue(state, run).waiting_runs
    for entry in [entry for entry in waiting if entry[3] is run]:
        waiting.remove(entry)
        heapq.heapify(waiting)
        entry[4](now)


def count(state: State, run: Run) -> None:
    """Count a run that is no longer PENDING."""
    if not run.counted:
        run.counted = True
        _queue(state, run).runs += 1
        state.executing += run.plan is None


def leave(state: State, run: Run, now: datetime) -> None:
    """Give back all that a run has had, now that it has ended."""
    if not run.counted:
        return
    run.counted = False
    _queue(state, run).runs -= 1
    state.executing -= run.plan is None
    for task in run.tasks:
        _give_back(state, run, task)
    admit(state, now)


def take(state: State, run: Run, task: Task, now: datetime, go: Go) -> None:
    """Call ``go`` as soon as there are vCPUs and GPUs for a task, or when there never will be: see ``too_large``."""
    queue = _queue(state, run)
    heapq.heappush(queue.waiting_tasks, (_rank(state, run), state.next_seq(), run.generation, run, task, go))
    _admit_tasks(state, run.request.get("runGroupId"), now)


def give_back(state: State, run: Run, task: Task, now: datetime) -> None:
    """Take back what a task has had, now that it has ended."""
    _give_back(state, run, task)
    _admit_tasks(state, run.request.get("runGroupId"), now)


def _admit_tasks(state: State, group: str | None, now: datetime) -> None:
    queue = state.queues[group]
    while queue.waiting_tasks:
        _, _, generation, run, task, go = queue.waiting_tasks[0]
        waits = run.generation == generation and task.status == "PENDING"
        fits = not too_large(state, run, task)
        if waits and fits:
            if queue.cpus + task.cpus > _limit(state, group, "maxCpus"):
                return
            if queue.gpus + task.gpus > _limit(state, group, "maxGpus"):
                return
        heapq.heappop(queue.waiting_tasks)
        if waits and fits:
            queue.tasks.add((run.seq, task.id))
            queue.cpus += task.cpus
            queue.gpus += task.gpus
        if waits:
            go(now)


def too_large(state: State, run: Run, task: Task) -> str | None:
    """Return why a task can never start, if it asks for more than the whole of what its run group allows."""
    group = run.request.get("runGroupId")
    for setting, limit, asked in (("cpu", "maxCpus", task.cpus), ("acceleratorCount", "maxGpus", task.gpus)):
        if asked > (most := _limit(state, group, limit)):
            return f"invalid setting of runtime.{setting}: {asked} is more than {limit}, {most}, of run group {group}"
    return None


def _give_back(state: State, run: Run, task: Task) -> None:
    queue = _queue(state, run)
    if (run.seq, task.id) in queue.tasks:
        queue.tasks.discard((run.seq, task.id))
        queue.cpus -= task.cpus
        queue.gpus -= task.gpus


def _queue(state: State, run: Run) -> Queue:
    return state.queues.setdefault(run.request.get("runGroupId"), Queue())


def _limit(state: State, group: str | None, name: str) -> float:
    resource = state.groups.get(group) if group else None
    limit: float = resource.members.get(name, float("inf")) if resource else float("inf")
    return limit


def _rank(state: State, run: Run) -> int:
    priority: int = run.request.get("priority", 0)
    return -priority if state.settings.priority == "higher_first" else priority
