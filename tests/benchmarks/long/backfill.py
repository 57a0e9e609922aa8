# SPDX-License-Identifier: Apache-2.0
"""A backfill whose StartRun has a quota, against the same Dag with an operator that only defers; run it as a script."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path
from statistics import median

import psutil
from crowd import START, endpoint
from triggerer import figure

from demo.airflow_processes import AirflowProcesses, airflow_processes
from tests.airflow.conftest import ONCE
from tests.airflow.dags.backfill import PLAN, RUN_SECONDS
from tests.airflow.test_backfill import backfill

RATIO = 1.1
CPU_RATIO = 1.25
WARM_UP = 5
DAGS = Path(__file__).resolve().parents[2] / "airflow" / "dags"


def cpu(airflow: AirflowProcesses) -> dict[tuple[str, int], float]:
    """Return the CPU time of Airflow's processes, and of what they have started, by component and pid."""
    seconds = {}
    for name, process in airflow._processes.items():
        parent = psutil.Process(process.pid)
        for it in (parent, *parent.children(recursive=True)):
            seconds[name, it.pid] = sum(it.cpu_times()[:4])  # With that of its children that have ended.
    return seconds


def spent_since(before: dict[tuple[str, int], float], now: dict[tuple[str, int], float]) -> Counter[str]:
    """Return the CPU time since then, by component."""
    spent: Counter[str] = Counter()
    for (name, pid), seconds in now.items():
        spent[name] += seconds - before.get((name, pid), 0.0)
    return spent


def spread(seconds: list[float]) -> str:
    return f"{median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="Dag runs in each backfill")
    parser.add_argument("--rounds", type=int, default=1, help="how many pairs to measure, each in the other order")
    parser.add_argument("--rate", type=float, default=5.0, help="StartRun calls a second that the endpoint allows")
    options = parser.parse_args()
    dag_ids = ["backfilled", "only_deferring"]
    took: dict[str, list[float]] = {dag_id: [] for dag_id in dag_ids}
    spent: dict[str, list[float]] = {dag_id: [] for dag_id in dag_ids}
    with endpoint() as local, airflow_processes(DAGS, {**local.env(), **ONCE}) as airflow:
        airflow.cli("pools", "set", "omics", "50", "HealthOmics", "--include-deferred")
        local.script(workflowId=START["workflowId"], **PLAN)
        local.switch(quotas={"StartRun": options.rate})
        for dag_id in dag_ids:  # What a process does once is not measured.
            backfill(airflow, dag_id, range(WARM_UP))
        before_calls, before_runs = len(local.calls("StartRun")), len(local.runs())
        for number in range(options.rounds):
            hours = range(WARM_UP + number * options.runs, WARM_UP + (number + 1) * options.runs)
            for dag_id in dag_ids if number % 2 == 0 else reversed(dag_ids):
                before = cpu(airflow)
                _, seconds = backfill(airflow, dag_id, hours)
                took[dag_id].append(seconds)
                # The scheduler was started anew for this backfill.
                parts = spent_since(before, cpu(airflow))
                spent[dag_id].append(parts.total() / options.runs)
                load = os.getloadavg()[0]
                each = ", ".join(f"{name} {part / options.runs:.2f}" for name, part in parts.items())
                print(
                    f"{dag_id}: {seconds:.0f} s, {spent[dag_id][-1]:.2f} s of CPU a Dag run ({each}), load {load:.1f}",
                    flush=True,
                )
        calls = [call["status"] for call in local.calls("StartRun")[before_calls:]]
        started = len(local.runs()) - before_runs
    count = options.runs * options.rounds
    ours, theirs = dag_ids
    ratio = median(took[ours]) / median(took[theirs])
    figure(f"{count} Dag runs of {RUN_SECONDS} s, {options.rounds} pairs: StartOmicsRunOperator", spread(took[ours]))
    figure("  an operator that only defers", spread(took[theirs]))
    figure("  ratio", f"{ratio:.3f}", f"(at most {RATIO})")
    figure("  CPU time of all Airflow processes, for each Dag run", spread(spent[ours]))
    figure("  an operator that only defers", spread(spent[theirs]))
    figure("  ratio", f"{median(spent[ours]) / median(spent[theirs]):.2f}", f"(at most {CPU_RATIO})")
    figure("  StartRun: calls, of which 429; runs", f"{len(calls)}, {calls.count(429)}; {started}")
    return 0 if ratio <= RATIO and started == count else 1


if __name__ == "__main__":
    sys.exit(main())
