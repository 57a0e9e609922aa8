# SPDX-License-Identifier: Apache-2.0
"""A schedule of two tasks, which Hypothesis makes up: what happens in it, and what must hold after it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_omics.lifecycle.protocol import Fail, Succeed, Wait
from airflow_provider_omics.local.operations.table import call
from airflow_provider_omics.local.runs import simulation
from airflow_provider_omics.local.state.run_state import ENDED
from airflow_provider_omics.local.wire.caller import NOBODY
from airflow_provider_omics.local.wire.service_error import ServiceError
from tests.protocol.process import KilledError, Process, lost
from tests.protocol.tasks import REQUEST, START, Store, Task, TaskInstance
from tests.protocol.world import World

LIFETIME = 900.0
ORDERS = {
    "go": None,
    "its run fails": None,  # before the try goes
    "kill": KilledError,
    "connection lost": lost,  # before its effect or after it, by where the try stands
    "throttled": lambda: ServiceError("ThrottlingException", "slower"),
    "server fault": lambda: ServiceError("InternalServerException", "oops"),
    "denied": lambda: ServiceError("AccessDeniedException", "not you"),
}
CALLS = st.lists(st.sampled_from(["go", "go", "go", *ORDERS]), max_size=8)
MOSTLY = st.sampled_from([True, True, False])
TASK = st.sampled_from([0, 0, 0, 1])
PAUSE = st.sampled_from([0, 2, 2, 30])
FATE = st.sampled_from([*[None] * 3, *["FAILED"] * 3, "CANCELLED", "STOPPING", "STOPPING", "COMPLETED"])
EVENTS = (
    *("clear", "dag run created anew", "edit", "store breaks", "store works", "run started by hand", "time passes"),
    *("time passes", "cancel", "delete", "delete", "fail", "fail", "complete", "get to run"),
)
WHICH = st.integers(0, 5)


def _tasks():
    """Return how an author may write a task."""
    return st.fixed_dictionaries(
        {
            "airflow_tags": st.sampled_from([True, True, False]),
            "waits": st.sampled_from([*[True] * 6, False]),
            "name": st.sampled_from([None, None, "shared"]),
            "own_id": st.sampled_from([*[False] * 6, True]),
            "store": st.sampled_from([None, None, Store]),
            "deferred": st.booleans(),
        }
    )


class Schedule(RuleBasedStateMachine):
    """One schedule of two tasks."""

    schedules = 0
    seen: ClassVar[Counter[str]] = Counter()

    @initialize(
        repeat=st.sampled_from(["replay", "conflict"]),
        other=st.sampled_from(["replay", "conflict"]),
        lifetime=st.sampled_from([None, None, LIFETIME]),
        list_delay=st.sampled_from([0.0, 0.0, 20.0, 100.0]),
        get_delay=st.sampled_from([0.0, 0.0, 20.0]),
        manifests=st.booleans(),
        loose=st.booleans(),
        written=st.tuples(_tasks(), _tasks()),
    )
    def begin_schedule(self, repeat, other, lifetime, list_delay, get_delay, manifests, loose, written):
        self.world = World(
            {
                "request_id_repeat": repeat,
                "request_id_other_input": other,
                "request_id_lifetime": lifetime,
                "list_delay": list_delay,
                "get_delay": get_delay,
                "reuse_run_ids": True,
            },
            manifests,
            loose,
        )
        self.tasks = [self._task(task_id, **how) for task_id, how in zip("ab", written, strict=True)]
        self.foreigners = 0

    def _task(self, task_id, *, airflow_tags, waits, name, own_id, store, deferred):
        if not airflow_tags and self.world.state.settings.request_id_lifetime is not None:
            name = None
        return Task(
            TaskInstance(task_id),
            START,
            airflow_tags,
            waits,
            name,
            f"mine-{task_id}" if own_id else None,
            store and store(),
            deferred=deferred,
        )

    def teardown(self):
        if not hasattr(self, "world"):
            return
        try:
            for task in self.tasks:
                self._nothing_is_lost(task)
                self._a_clear_starts_anew(task)
        finally:
            self.world.close()
            Schedule.schedules += 1
            Schedule.seen += self.world.seen

    # --- tries ---

    @rule(
        which=TASK, spared=st.sampled_from([0, 0, 1]), fate=FATE, pause=PAUSE, calls=CALLS, on=MOSTLY, taken_over=MOSTLY
    )
    def begin(self, which, spared, fate, pause, calls, on, taken_over):
        """
        Begin a task's next try, or take it over; the process before is dead, or goes on or hangs.

        For heartbeats get lost, of workers and of triggerers.
        """
        task = self.tasks[which]
        older = [process for process in self.world.alive if process.task is task]
        for process in older[: max(0, len(older) - spared)]:
            process.go(KilledError())
        if fate:
            self._come_to(fate, self.world.runs_of(task.key))
        self.world.advance(pause)
        self._go(self.world.begin(task, taken_over=taken_over), calls, on=on)

    @precondition(lambda self: self.world.alive)
    @rule(which=WHICH, calls=CALLS, on=st.booleans())
    def go_on(self, which, calls, on):
        self._go(self.world.alive[which % len(self.world.alive)], calls, on=on)

    def _go(self, process: Process, calls, *, on):
        for order in calls:
            self._order(process, order)
        if on:
            self.world.finish(process)

    def _order(self, process, order):
        if process.done:
            return
        where, operation = process.place
        error = ORDERS[order]
        possible = order == "kill" or where == "before" or (where == "after" and order == "connection lost")
        if order == "denied":
            possible &= operation in ("ListRuns", "GetRun") and self.world.state.settings.request_id_lifetime is None
            process.denied |= possible
        if order == "its run fails":
            self._come_to("FAILED", self.world.runs_of(process.key))
        process.go(error() if error and possible else None)

    def _come_to(self, status, runs):
        for run in runs:
            if run.status not in ENDED:
                simulation.force(self.world.state, run, status, None, None)

    # --- what happens meanwhile: to a task, to a run, to all ---

    @rule(event=st.sampled_from(EVENTS), which=WHICH)
    def happens(self, event, which):
        getattr(self, "_" + event.replace(" ", "_"))(which)

    def _clear(self, which):
        # Airflow counts from the tries there were; what matters is that it rises.
        self.tasks[which % 2].ti.max_tries += 1

    def _dag_run_created_anew(self, which):
        task = self.tasks[which % 2]
        self.world.advance(1)
        task.ti = TaskInstance(task.ti.task_id)
        task.dag_run_start = datetime.fromtimestamp(self.world.now, UTC)

    def _edit(self, which):
        self.tasks[which % 2].priority += 1

    def _store_breaks(self, which):
        for store in self._stores(which):
            store.broken = True

    def _store_works(self, which):
        for store in self._stores(which):
            store.broken = False

    def _stores(self, which):
        store = self.tasks[which % 2].store
        return [] if store is None else [store]

    def _cancel(self, which):
        for run in self._one(which, simulation.ACTIVE):
            call(self.world.state, "CancelRun", {"id": run.id}, NOBODY)

    def _delete(self, which):
        for run in self._one(which, ("COMPLETED", "FAILED", "CANCELLED")):
            self.world.delete(run)

    def _fail(self, which):
        self._come_to("FAILED", self._one(which, simulation.ACTIVE))

    def _complete(self, which):
        self._come_to("COMPLETED", self._one(which, simulation.ACTIVE))

    def _get_to_run(self, which):
        self._come_to("RUNNING", self._one(which, ("PENDING",)))

    def _one(self, which, statuses):
        """Return one of the newest runs that are in one of the statuses, if there is any."""
        runs = [run for run in reversed(self.world.runs) if run.status in statuses]
        return runs[which % len(runs) :][:1] if runs else []

    def _run_started_by_hand(self, which):
        """Start one that no task knows, perhaps by a name that tasks use, and with the id of a deleted one."""
        self.foreigners += 1
        request = {
            "workflowId": REQUEST["workflow_id"],
            "roleArn": REQUEST["role_arn"],
            "outputUri": REQUEST["output_uri"],
            "requestId": f"by hand {self.foreigners}",
            "name": "shared" if which % 2 else "other",
        }
        call(self.world.state, "StartRun", request, NOBODY)

    def _time_passes(self, which):
        self.world.advance((1, 5, 30, 150, 500, 1000)[which])

    # --- what must hold ---

    @invariant()
    def holds(self):
        if hasattr(self, "world"):
            self.world.check()

    def _nothing_is_lost(self, task: Task):
        """Demand that a retry without faults, after all is listed, does the right thing about what there is."""
        world = self.world
        process, runs = self._undisturbed_try(task)
        if not process.retry or any(run.status == "DELETED" for run in runs) or (task.name and not task.airflow_tags):
            return
        if not runs or (runs[-1].status in ("FAILED", "CANCELLED") and task.waits and not task.request_id):
            assert process.created == 1, "a retry starts the next run over one that ended badly"
            world.seen["next run" if runs else "first run by a retry"] += 1
            return
        last = runs[-1]
        assert process.created == 0, f"a retry starts nothing over a run that is {last.status}"
        expected = Succeed if last.status == "COMPLETED" or not task.waits else Fail if last.status in ENDED else Wait
        assert isinstance(process.verdict, expected), process.error
        assert process.verdict.run.uuid == last.uuid
        world.seen[f"reattached to {last.status}"] += 1
        if last.status != "STOPPING" or not task.waits:
            return
        assert process.verdict.dying
        world.advance(2)
        simulation.force(world.state, world.runs_of(task.key)[-1], "CANCELLED", None, None)
        world.advance(world.unseen_for)
        process.go()
        world.finish(process)
        assert process.created == (task.request_id is None), "a run that was dying is followed by the next"

    def _a_clear_starts_anew(self, task: Task):
        """Demand that after a clear a try without faults ends well with a run of its own."""
        world = self.world
        task.ti.max_tries += 1
        process, _ = self._undisturbed_try(task)
        if task.request_id:
            return  # One run for it, ever.
        assert process.created == 1, "a clear starts anew"
        if task.waits:
            simulation.force(world.state, world.runs_of(task.key)[-1], "COMPLETED", None, None)
            world.advance(world.unseen_for)
            process.go()
            world.finish(process)
        assert process.result is not None
        assert process.result["uuid"] == world.runs_of(task.key)[-1].uuid

    def _undisturbed_try(self, task):
        world = self.world
        for process in world.alive:
            process.go(KilledError())
        if task.store is not None:
            task.store.broken = False
        world.advance(2 + world.unseen_for)
        # As they are before the try.
        runs = [replace(run) for run in world.runs_of(task.key)]
        process = world.begin(task)
        world.finish(process)
        return process, runs
