# SPDX-License-Identifier: Apache-2.0
"""How soon the poll hub sees that runs have ended, and what that costs in calls; run it as a script."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from crowd import START, Calls, endpoint, gather_calls, percentile, start_runs

from airflow_provider_omics.testing.airflow_home import environment, make_database, write_config
from demo import BUILD

INTERVAL, BUDGET, ENDS_A_SECOND = 30.0, 8.0, 4.0
LATE, RATE, CALLS = INTERVAL + 2, 0.9 * BUDGET, 1 / 20
TIMES = {"pending": 10.0, "starting": 10.0, "stopping": 5.0}


def ending_at(end: float) -> dict[str, float]:
    """Return the plan of a run that starts now and ends then."""
    return {**TIMES, "running": end - time.time() - sum(TIMES.values())}


async def wait_for(run, interval: float) -> tuple[str, float]:
    """Wait as a deferred task does, and return which run ended and when that was seen."""
    from airflow_provider_omics.aws.hook_params import HookParams  # noqa: PLC0415 - the home must be made before
    from airflow_provider_omics.triggers.run import OmicsRunTrigger  # noqa: PLC0415 - likewise

    async for event in OmicsRunTrigger.of(run, HookParams("aws_default"), interval).run():
        assert event.payload["run"]["status"] == "COMPLETED", event.payload
    return run.id, time.time()


async def wait_for_all(local, runs) -> tuple[dict[str, float], Calls]:
    """Wait for all runs, and return when the end of each was seen."""
    calls = Calls(local)
    gathering = asyncio.create_task(gather_calls(calls))
    seen = dict(await asyncio.gather(*(wait_for(run, INTERVAL) for run in runs)))
    gathering.cancel()
    calls.gather()
    assert not calls.missed()
    return seen, calls


def ended_at(local) -> dict[str, float]:
    return {run["id"]: datetime.fromisoformat(run["stop_time"]).timestamp() for run in local.runs()}


def figure(name: str, value: str, bar: str = "") -> None:
    print(f"{name:58} {value:>12}  {bar}", flush=True)


def say_calls(calls: Calls) -> None:
    figure("  calls", " ".join(f"{name} {count}" for name, count in calls.counts().items()))
    figure("  most calls within one second, 429 answers", f"{calls.most_in_a_second()}, {calls.throttled()}")


async def trickle(count: int) -> bool:
    """Let one run after another end."""
    with endpoint() as local:
        os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps(local.airflow_connection())
        begun = time.time()
        runs = start_runs(local, (ending_at(begun + 90 + number / ENDS_A_SECOND) for number in range(count)))
        seen, calls = await wait_for_all(local, runs)
        ends = ended_at(local)
    late = [seen[run.id] - ends[run.id] for run in runs]
    figure(f"{count:,} waiting, {ENDS_A_SECOND:g} ends a second: seen after, median", f"{percentile(late, 50):.1f} s")
    figure("  99th percentile", f"{percentile(late, 99):.1f} s", f"(at most {LATE:g} s)")
    figure("  longest", f"{max(late):.1f} s")
    say_calls(calls)
    return percentile(late, 99) <= LATE


async def burst(count: int) -> bool:
    """Let all runs end together."""
    with endpoint() as local:
        os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps(local.airflow_connection())
        begun = time.time()
        runs = start_runs(local, (ending_at(begun + 90) for _ in range(count)))
        seen, calls = await wait_for_all(local, runs)
        ends = ended_at(local)
    moments = sorted(seen.values())
    tenth = count // 10
    rate = (len(moments) - 2 * tenth - 1) / (moments[-tenth - 1] - moments[tenth])
    figure(f"{count:,} ends at once: seen a second", f"{rate:.2f}", f"(at least {RATE:g}; the budget is {BUDGET:g})")
    figure(
        "  all seen after", f"{moments[-1] - max(ends.values()):.0f} s", f"(the budget alone: {count / BUDGET:.0f} s)"
    )
    say_calls(calls)
    return rate >= RATE


ONE = """
from airflow.sdk import DAG
from airflow_provider_omics.operators.run import StartOmicsRunOperator

with DAG("one", schedule=None):
    StartOmicsRunOperator(task_id="run", deferrable=True, poll_interval={interval}, **{request})
"""


def one(home: Path, seconds: float) -> bool:
    """Run a task that starts a run and waits for it, and count all its calls."""
    (home / "dags" / "one.py").write_text(
        ONE.format(
            interval=INTERVAL,
            request={
                "workflow_id": START["workflowId"],
                "role_arn": START["roleArn"],
                "output_uri": START["outputUri"],
            },
        ),
        encoding="utf-8",
    )
    with endpoint() as local:
        local.switch(quotas="published")
        local.script(**TIMES, running=seconds - sum(TIMES.values()))
        env = os.environ | {"AIRFLOW_CONN_AWS_DEFAULT": json.dumps(local.airflow_connection())}
        command = [sys.executable, "-m", "airflow", "dags", "test", "one"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        counts, statuses = local.counts(), [run["status"] for run in local.runs()]
    if done.returncode or statuses != ["COMPLETED"]:
        raise RuntimeError(f"The run is {statuses}:\n{done.stdout}{done.stderr}")
    looks = 1 + math.ceil(seconds / (0.9 * INTERVAL))
    figure(
        f"one run of {seconds:.0f} s, from its task's start to its end: calls",
        " ".join(f"{name} {count}" for name, count in counts.items()),
        f"(at most StartRun 1, and GetRun {looks}: a first look, and one each {0.9 * INTERVAL:g} to {INTERVAL:g} s)",
    )
    return counts.keys() == {"StartRun", "GetRun"} and counts["StartRun"] == 1 and counts["GetRun"] <= looks


async def life(count: int, seconds: float) -> bool:
    """Follow runs from their start to their end."""
    with endpoint() as local:
        os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps(local.airflow_connection())
        runs = start_runs(local, ({**TIMES, "running": seconds - sum(TIMES.values())} for _ in range(count)))
        cpu = time.process_time()
        _, calls = await wait_for_all(local, runs)
        cpu = time.process_time() - cpu
    polling = count * seconds / INTERVAL
    ratio = len(calls.polls) / polling
    figure(
        f"{count:,} whole lives of {seconds:.0f} s: calls",
        f"{len(calls.polls):,}",
        f"(GetRun for each: {polling:,.0f})",
    )
    bar = f"(at most {CALLS:g})" if count >= 1000 and seconds >= 3600 else ""
    figure("  against GetRun for each", f"{ratio:.4f}", bar)
    figure("  CPU of this process", f"{cpu:.1f} s")
    say_calls(calls)
    return not bar or ratio <= CALLS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["trickle", "burst", "one"], help="of trickle, burst, one, life")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=3600, help="how long the runs of `life` live")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        os.environ.update(environment(home), AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING")
        write_config(home, home / "dags")
        make_database(home, BUILD)
        (home / "dags").mkdir()
        parts = {
            "trickle": lambda: asyncio.run(trickle(options.runs)),
            "burst": lambda: asyncio.run(burst(options.runs)),
            "one": lambda: one(home, 150),
            "life": lambda: asyncio.run(life(options.runs, options.seconds)),
        }
        missed = [part for part in options.parts if not parts[part]()]
    return len(missed)


if __name__ == "__main__":
    sys.exit(main())
