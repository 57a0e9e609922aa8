# SPDX-License-Identifier: Apache-2.0
"""Waiting triggers and real tasks, while calls meet every fault and the triggerer is killed; run it as a script."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from crowd import endpoint, percentile, start_runs
from dags.soaked import ENDS, WORKFLOWS
from triggerer import defer, figure, ours
from waking import ending_at

from demo.airflow_processes import ENDED, AirflowProcesses, Run, airflow_processes

DAGS = Path(__file__).resolve().parent / "dags"
# Of ten runs of the crowd.
CROWD_ENDS = ["COMPLETED"] * 7 + ["FAILED"] * 2 + ["CANCELLED"]
WHY = {"FAILED": {"failureReason": "RUN_TASK_FAILED"}}
TASK_RUN = {"pending": 3.0, "starting": 5.0, "running": 40.0, "stopping": 2.0}
FAULTS = [
    ("*", "error", {"code": "ThrottlingException"}),
    ("*", "error", {"code": "InternalServerException"}),
    ("*", "error", {"code": "RequestTimeoutException"}),
    ("*", "error", {"code": "ExpiredTokenException"}),
    ("*", "drop", {}),
    ("*", "lost", {}),
    ("*", "delay", {"seconds": 10.0}),
    ("StartRun", "error", {"code": "ServiceQuotaExceededException"}),
]
ENV = {
    "AIRFLOW__TRIGGERER__CAPACITY": "5000",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
}


class Task(NamedTuple):
    """A task of the real Dag, as Airflow's database has it."""

    run_id: str
    map_index: int
    state: str | None
    try_number: int


def plan_faults(local, share: float) -> None:
    """Let this share of all calls meet a fault, and StartRun one more of its own."""
    each = share / sum(operation == "*" for operation, _, _ in FAULTS)
    for number, (operation, kind, members) in enumerate(FAULTS):
        # A later one meets only what those before it have left.
        local.fault(operation, kind, probability=each / (1 - number * each), **members)


def say_faults(local, before: int) -> None:
    calls, faults = sum(local.counts().values()) - before, local.faults()
    struck = sum(fault["struck"] for fault in faults)
    figure("calls, of which met a fault", f"{calls:,}, {struck:,}", f"({struck / calls:.1%})")
    for fault in faults:
        kind = f"{fault['code']} to {fault['operation']}" if fault["kind"] == "error" else fault["kind"]
        figure(f"  {kind}", f"{fault['struck']:,}")


def crowd_plans(begun: float, count: int, seconds: float):
    """Yield lives that end one after the other, from a tenth to nine tenths of the time."""
    for number in range(count):
        status = CROWD_ENDS[number % len(CROWD_ENDS)]
        end = begun + seconds * (0.1 + 0.8 * number / count)
        yield {**ending_at(end), "status": status, **WHY.get(status, {})}


def go_on(airflow: AirflowProcesses, dag_runs: list[Run], seconds: float, kill_every: float) -> int:
    """Trigger the Dag runs one after the other and kill the triggerer now and then; return how often."""
    begun = time.monotonic()
    waves = [(seconds * 0.8 * number / len(dag_runs), run) for number, run in enumerate(dag_runs)]
    kills = [(moment, "kill") for moment in range(int(kill_every), int(seconds), int(kill_every))]
    for moment, what in sorted(chain(waves, kills, [(seconds, None)]), key=lambda it: it[0]):
        while (left := begun + moment - time.monotonic()) > 0:
            say_progress(airflow, time.monotonic() - begun)
            time.sleep(min(left, 30))
        if isinstance(what, Run):
            airflow.trigger(what.dag_id, run_id=what.run_id)
        elif what:
            airflow.kill("triggerer")
            airflow.start("triggerer")
    return len(kills)


def say_progress(airflow: AirflowProcesses, seconds: float) -> None:
    states = airflow.database.query("SELECT dag_id, state, count(*) FROM task_instance GROUP BY dag_id, state")
    text = ", ".join(f"{dag_id} {state} {count}" for dag_id, state, count in states)
    print(f"{seconds:5.0f} s: {text}; load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)


def settle(airflow: AirflowProcesses, count: int, seconds: float) -> None:
    """Wait until nothing goes on, or the time is up."""
    going = "SELECT 1 FROM task_instance WHERE state = 'deferred' LIMIT 1"
    over = "SELECT count(*) FROM dag_run WHERE dag_id = 'soaked' AND state IN (?, ?)"
    begun = time.monotonic()
    while airflow.database.query(going) or airflow.database.query(over, *ENDED) != [(count,)]:
        if time.monotonic() - begun > seconds:
            break
        say_progress(airflow, time.monotonic() - begun)
        time.sleep(10)


def judge_crowd(airflow: AirflowProcesses, runs, real) -> bool:
    """Compare what each trigger told its task with how the task's run ended."""
    told, late, wrong = Counter(), [], []
    rows = (
        "SELECT map_index, state, next_method, next_kwargs, scheduled_dttm FROM task_instance WHERE dag_id = 'waiting'"
    )
    for number, state, method, kwargs, moment in airflow.database.query(rows):
        event, truth = json.loads(kwargs or "{}").get("event", {}), real[runs[number].id]
        status = truth["status"]
        expected = {"id": truth["id"], "uuid": truth["uuid"], "status": status}
        same = {key: event.get("run", {}).get(key) for key in expected} == expected
        faultless = (event.get("timed_out"), event.get("error")) == (False, None)
        if (state, method) == ("scheduled", "execute_complete") and same and faultless and status in ENDS.values():
            told[status] += 1
            late.append(datetime.fromisoformat(f"{moment}+00:00") - datetime.fromisoformat(truth["stop_time"]))
        else:
            wrong.append(f"{truth['id']} {status}: {state} {method} {event.get('error')} {event}")
    figure("triggers that told their run's end", f"{told.total():,}", f"(of {len(runs):,}) {said(told)}")
    seconds = [it.total_seconds() for it in late]
    figure("  after it, median and longest", f"{percentile(seconds, 50):.0f}, {max(seconds):.0f} s")
    for line in wrong[:20]:
        print(f"  {line:.1000}")
    return told.total() == len(runs)


def said(ends: Counter[str]) -> str:
    return ", ".join(f"{status} {count:,}" for status, count in ends.items())


def judge_tasks(airflow: AirflowProcesses, dag_runs: list[Run], real) -> bool:
    """Compare how each task ended with how its run did, of which there must be one."""
    tasks = [
        Task(*row)
        for row in airflow.database.query(
            "SELECT run_id, map_index, state, try_number FROM task_instance WHERE dag_id = 'soaked'"
        )
    ]
    theirs: dict[tuple[str, int], list[dict]] = {}
    for run in real.values():
        if run["tags"].get("airflow:dag_id") == "soaked":
            theirs.setdefault((run["tags"]["airflow:run_id"], int(run["tags"]["airflow:map_index"])), []).append(run)
    true, by_fault, wrong = Counter(), 0, []
    for task in tasks:
        started = theirs.get((task.run_id, task.map_index), [])
        status = started[0]["status"] if started else None
        log = airflow.log(Run("soaked", task.run_id), "run", task.map_index)
        told = bool(started) and f"run {started[0]['id']} {status}" in log
        good = task.state == ("success" if status == "COMPLETED" else "failed") and told and task.try_number == 1
        if good and len(started) == 1 and status in ENDS.values():
            true[status] += 1
            continue
        by_fault += task.state == "failed"
        errors = "\n".join(line[:1000] for line in log.splitlines() if '"level":"error"' in line)
        wrong.append(f"{task} {[run['status'] for run in started]}\n{errors}")
    count = len(dag_runs) * len(WORKFLOWS)
    twice = sum(len(started) > 1 for started in theirs.values())
    figure("tasks that ended as their run did, in their first try", f"{true.total()}", f"(of {count}) {said(true)}")
    figure("tasks failed by a fault", f"{by_fault}", "(none)")
    figure("tasks with more than one run", f"{twice}", "(none)")
    for line in wrong[:5]:
        print(f"  {line}")
    return true.total() == count == len(theirs)


def soak(options: argparse.Namespace) -> bool:
    seconds = 60 * options.minutes
    with endpoint() as local, airflow_processes(DAGS, {**local.env(), **ENV}) as airflow:
        for workflow_id, status in ENDS.items():
            local.workflow(id=workflow_id, name=status.lower())
            local.script(workflowId=workflow_id, status=status, **TASK_RUN, **WHY.get(status, {}))
        runs = start_runs(local, crowd_plans(time.time(), options.triggers, seconds))
        before = sum(local.counts().values())
        plan_faults(local, options.faults)
        defer(ours(runs, len(runs)), airflow.env)
        dag_runs = [Run("soaked", f"soak-{number}") for number in range(options.tasks // len(WORKFLOWS))]
        kills = go_on(airflow, dag_runs, seconds, 60 * options.kill_every)
        settle(airflow, len(dag_runs), 60 * options.grace)
        print(f"{options.triggers:,} waiting triggers and {options.tasks} tasks for {options.minutes:g} minutes")
        say_faults(local, before)
        figure("triggerer killed and started again", f"{kills}")
        real = {run["id"]: run for run in local.runs()}
        cancelled = local.counts().get("CancelRun", 0)
        verdicts = [
            judge_crowd(airflow, runs, real),
            judge_tasks(airflow, dag_runs, real),
            len(real) == len(runs) + options.tasks,
            not cancelled,
        ]
        figure("runs at the endpoint", f"{len(real):,}", f"(must be {len(runs) + options.tasks:,})")
        figure("calls of CancelRun", f"{cancelled}", "(none)")
        return all(verdicts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--grace", type=float, default=15, help="minutes, with faults, for what then still goes on")
    parser.add_argument("--triggers", type=int, default=2000)
    parser.add_argument("--tasks", type=int, default=200, help=f"a multiple of {len(WORKFLOWS)}")
    parser.add_argument("--faults", type=float, default=0.05, help="the share of calls that meet a fault")
    parser.add_argument("--kill-every", type=float, default=4, help="minutes between two deaths of the triggerer")
    return 0 if soak(parser.parse_args()) else 1


if __name__ == "__main__":
    sys.exit(main())
