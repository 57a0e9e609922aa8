# SPDX-License-Identifier: Apache-2.0
"""A backfill whose StartRun has a quota, against one that only defers and two by the amazon provider; a script."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from statistics import median

import psutil
from crowd import START, endpoint, moment_of
from triggerer import figure

from demo.airflow_processes import AirflowProcesses, airflow_processes
from tests.airflow.conftest import ONCE
from tests.airflow.dags.backfill import PLAN, RUN_SECONDS
from tests.airflow.test_backfill import backfill

RATIO = 1.1
CPU_RATIO = 1.25
WARM_UP = 5
TESTS = Path(__file__).resolve().parents[2]
DAGS_FILES = TESTS / "airflow/dags/backfill.py", *(TESTS / "benchmarks/long/dags").glob("*_backfilled.py")
OURS, DEFERRING, TWO_CALLS, WAITER = "backfilled", "only_deferring", "two_calls", "waiter"
DAGS = {
    OURS: "StartOmicsRunOperator",
    DEFERRING: "an operator that only defers",
    TWO_CALLS: "one that also calls AWS once in each worker",
    WAITER: "AwsBaseWaiterTrigger",
}


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
    parser.add_argument(
        "--rounds", type=int, default=1, help="how often to measure each Dag, in turn in the other order"
    )
    parser.add_argument("--rate", type=float, default=5.0, help="StartRun calls a second that the endpoint allows")
    options = parser.parse_args()
    took: dict[str, list[float]] = {dag_id: [] for dag_id in DAGS}
    spent: dict[str, list[float]] = {dag_id: [] for dag_id in DAGS}
    statuses: list[int] = []
    with tempfile.TemporaryDirectory() as folder, endpoint() as local:
        for file in DAGS_FILES:
            shutil.copy(file, folder)
        env = {**local.env(), **ONCE, "PYTHONPATH": str(TESTS.parent)}
        with airflow_processes(Path(folder), env) as airflow:
            airflow.cli("pools", "set", "omics", "50", "HealthOmics", "--include-deferred")
            s3 = local.client("s3")
            s3.create_bucket(Bucket="bucket")
            s3.put_object(Bucket="bucket", Key="outputs.json", Body=b'{"CramToBam.reads": 1200}')
            local.script(workflowId=START["workflowId"], **PLAN, outputs={"CramToBam.reads": 1200})
            for dag_id in DAGS:  # What a process does once is not measured.
                backfill(airflow, dag_id, range(WARM_UP))
            for number in range(options.rounds):
                hours = range(WARM_UP + number * options.runs, WARM_UP + (number + 1) * options.runs)
                for dag_id in DAGS if number % 2 == 0 else reversed(DAGS):
                    # The waiter's one call of StartRun is not asked again for as long as a quota takes.
                    local.switch(quotas={"StartRun": options.rate} if dag_id == OURS else {})
                    before, begun = cpu(airflow), time.time()
                    _, seconds = backfill(airflow, dag_id, hours)
                    took[dag_id].append(seconds)
                    if dag_id == OURS:
                        statuses += [it["status"] for it in local.calls("StartRun") if moment_of(it) >= begun]
                    parts = spent_since(before, cpu(airflow))
                    spent[dag_id].append(parts.total() / options.runs)
                    each = ", ".join(f"{name} {part / options.runs:.2f}" for name, part in parts.items())
                    print(
                        f"{dag_id}: {seconds:.0f} s, {spent[dag_id][-1]:.2f} s of CPU a Dag run ({each}), "
                        f"load {os.getloadavg()[0]:.1f}",
                        flush=True,
                    )
    count = options.runs * options.rounds
    quota = (options.runs - 1) / options.rate
    ratio = median(took[OURS]) / max(quota, median(took[DEFERRING]))
    for dag_id, name in DAGS.items():
        figure(f"{count} Dag runs of {RUN_SECONDS} s, in {options.rounds} backfills: {name}", spread(took[dag_id]))
        figure("  CPU time of all Airflow processes, for each Dag run", spread(spent[dag_id]))
    figure(
        "a backfill, against the StartRun quota or, if that is longer, the one that defers",
        f"{ratio:.3f}",
        f"(at most {RATIO})",
    )
    for dag_id, bar in ((DEFERRING, f"(at most {CPU_RATIO})"), (TWO_CALLS, ""), (WAITER, "")):
        figure(f"CPU time, against {DAGS[dag_id]}", f"{median(spent[OURS]) / median(spent[dag_id]):.2f}", bar)
    started = statuses.count(HTTPStatus.CREATED)
    figure("StartRun: calls, of which 429; runs", f"{len(statuses)}, {statuses.count(429)}; {started}")
    return 0 if ratio <= RATIO and started == count else 1


if __name__ == "__main__":
    sys.exit(main())
