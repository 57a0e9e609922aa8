# SPDX-License-Identifier: Apache-2.0
"""A backfill at 5 StartRun a second, against the same Dag with an operator that only defers; run it as a script."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import psutil
from crowd import START, endpoint
from triggerer import figure

from demo.airflow_processes import AirflowProcesses, airflow_processes
from tests.airflow.conftest import ONCE
from tests.airflow.dags.backfill import PLAN, RUN_SECONDS
from tests.airflow.test_backfill import backfill

RATIO = 1.1
DAGS = Path(__file__).resolve().parents[2] / "airflow" / "dags"


def cpu(airflow: AirflowProcesses) -> dict[int, float]:
    """Return the CPU time of all Airflow processes, with that of what they have started and is over, by pid."""
    parents = [psutil.Process(process.pid) for process in airflow._processes.values()]
    every = {it.pid: it for parent in parents for it in (parent, *parent.children(recursive=True))}
    return {pid: sum(it.cpu_times()[:4]) for pid, it in every.items()}


def spent_since(before: dict[int, float], now: dict[int, float]) -> float:
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in now.items())


def in_order(seconds: dict[str, float], form: str) -> str:
    return ", ".join(form.format(value) for value in seconds.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="Dag runs in each backfill")
    parser.add_argument("--rounds", type=int, default=1, help="how often to measure each, one after the other")
    options = parser.parse_args()
    took, spent = (dict.fromkeys(("backfilled", "only_deferring"), 0.0) for _ in range(2))
    with endpoint() as local, airflow_processes(DAGS, {**local.env(), **ONCE}) as airflow:
        airflow.cli("pools", "set", "omics", "50", "HealthOmics", "--include-deferred")
        local.script(workflowId=START["workflowId"], **PLAN)
        local.switch(quotas="published")
        for number in range(options.rounds):
            hours = range(number * options.runs, (number + 1) * options.runs)
            for dag_id in took:
                before = cpu(airflow)
                _, seconds = backfill(airflow, dag_id, hours)
                took[dag_id] += seconds
                # The scheduler was started anew for this backfill.
                spent[dag_id] += spent_since(before, cpu(airflow))
                print(f"{dag_id}: {seconds:.0f} s, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
        calls = [call["status"] for call in local.calls("StartRun")]
        started = len(local.runs())
    count = options.runs * options.rounds
    ratio = took["backfilled"] / took["only_deferring"]
    what = f"{count} Dag runs of {RUN_SECONDS} s: StartOmicsRunOperator, one that only defers"
    figure(what, in_order(took, "{:.0f} s"))
    figure("  ratio", f"{ratio:.3f}", f"(at most {RATIO})")
    each = {dag_id: seconds / count for dag_id, seconds in spent.items()}
    figure("  CPU time of all Airflow processes, for each Dag run", in_order(each, "{:.2f} s"))
    figure("  StartRun: calls, of which 429; runs", f"{len(calls)}, {calls.count(429)}; {started}")
    return 0 if ratio <= RATIO and started == count else 1


if __name__ == "__main__":
    sys.exit(main())
