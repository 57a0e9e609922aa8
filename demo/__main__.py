# SPDX-License-Identifier: Apache-2.0
"""``make demo``: reads arrive, a real Airflow sees them, and a genomics workflow calls their variants."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.environment import environment
from airflow_provider_omics.local.seed import seed
from demo import BUILD
from demo.airflow_processes import ENDED, airflow_processes
from demo.endpoint import BUCKET, client, omics_local, prepare
from demo.reads import make_data

if TYPE_CHECKING:
    from airflow_provider_omics.testing.database import Run
    from demo.airflow_processes import AirflowProcesses
    from demo.reads import Data

DAG_FOLDER = Path(__file__).resolve().parent.parent / "example_dags"
DAG_ID = "omics_germline_after_arrival"
CHAIN, REPORT = "omics_germline_chain", "omics_germline_report"
# The tasks that start runs; the first is in both Dags.
RUN_TASKS = ("call_variants", "filter_variants")
STARTED = time.monotonic()


def main() -> int:
    """Run the demo; with ``--ui`` leave everything up until Ctrl-C."""
    parser = argparse.ArgumentParser("python -m demo", description=__doc__)
    parser.add_argument("--chain", action="store_true", help="filter in a second run, report in a second DAG")
    parser.add_argument("--ui", action="store_true", help="leave Airflow and the endpoint up until Ctrl-C")
    options = parser.parse_args()
    # Like Ctrl-C: unwind, and so end all that was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    BUILD.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="demo-", dir=BUILD) as scratch:
            return 0 if play(Path(scratch), chain=options.chain, stay=options.ui) else 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    except (RuntimeError, TimeoutError, OSError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1


def play(scratch: Path, *, chain: bool, stay: bool) -> bool:
    """Set the stage, show a Dag run from the arrival of its data to its report, and clear the stage."""
    with omics_local(scratch / "omics-local.log") as url:
        say(f"HealthOmics answers on {url}")
        data = make_data(scratch / "data")
        workflows = prepare(url, data)
        registered = ", ".join(f"{name} {workflow_id}" for name, workflow_id in workflows.items())
        say(f"Workflows are registered ({registered}), a reference is in s3://{BUCKET}; now Airflow starts …")
        settings = {
            **{name: value for name, value in environment(url).items() if not name.startswith("AWS_")},
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "AIRFLOW__OMICS__POLL_INTERVAL": "1",
            # The DAGs' own defaults, so that they may be triggered in the UI as they are.
            **{f"OMICS_{name.upper()}_WORKFLOW": workflow_id for name, workflow_id in workflows.items()},
        }
        dag_id = CHAIN if chain else DAG_ID
        with airflow_processes(DAG_FOLDER, settings) as airflow:
            say(f"Airflow answers on {airflow.url} ({', '.join(airflow.components)})")
            show = show_chain if chain else show_one
            succeeded = show(airflow, url, data)
            if stay:
                seed(url)
                airflow.cli("pools", "set", "omics", "50", "omics", "--include-deferred")
                say(f"Look around: {airflow.url}/dags/{dag_id} (no password). Ctrl-C ends everything.")
                say("To run it again, trigger it, with the form as it is; the other DAGs' runs are simulated.")
                say("A DAG that needs something first says so on its page. The links of a task lead to AWS.")
                while True:
                    time.sleep(0.5)
        return succeeded


def show_one(airflow: AirflowProcesses, url: str, data: Data) -> bool:
    """Follow one Dag run and sum up."""
    omics, s3 = client(url, "omics"), client(url, "s3")
    run, arrived = start(airflow, s3, data, DAG_ID)
    follow(airflow, omics, run)
    found, expected = airflow.database.xcom(run, "report"), f"{len(data.planted)} of {len(data.planted)}"
    if found != expected:
        say(f"The report should say {expected} variants, but says {found}.\n{airflow.report(run)}")
        return False
    done = omics.get_run(id=airflow.database.xcom(run, "call_variants", "run_id"))
    print(f"\nHealthOmics run {done['id']}, uuid {done['uuid']}: {found} planted variants found")
    sum_up(omics, s3, done)
    tell_times(arrived)
    return True


def show_chain(airflow: AirflowProcesses, url: str, data: Data) -> bool:
    """Follow a Dag run of two runs, and the one that their asset starts, and sum up."""
    omics, s3 = client(url, "omics"), client(url, "s3")
    airflow.unpause(REPORT)
    run, arrived = start(airflow, s3, data, CHAIN)
    follow(airflow, omics, run)
    if airflow.database.run_state(run) != "success":
        say(f"The chain is broken.\n{airflow.report(run)}")
        return False
    woken = airflow.until(lambda: airflow.database.newest_run(REPORT), f"{REPORT} to be started")
    say(f"The asset has started {REPORT}")
    airflow.wait_for(woken, "success")
    for task_id in RUN_TASKS:
        done = omics.get_run(id=airflow.database.xcom(run, task_id, "run_id"))
        print(f"\n{task_id}: HealthOmics run {done['id']}, uuid {done['uuid']}")
        sum_up(omics, s3, done)
    [line] = airflow.database.xcom(woken, "report")
    print(f"\nReported by {REPORT}\n  {line}")
    tell_times(arrived)
    return f"kept {len(data.planted)} variants" in line


def start(
    airflow: AirflowProcesses,
    s3: Any,  # noqa: ANN401 - a boto3 client
    data: Data,
    dag_id: str,
) -> tuple[Run, float]:
    """Trigger a Dag, let the reads arrive while its sensor waits, and return the Dag run and when they had arrived."""
    run = airflow.trigger(dag_id)
    airflow.unpause(dag_id)
    say(f"Dag run {run.run_id} is triggered")
    airflow.wait_for(run, "up_for_reschedule", task_id="wait_for_reads")
    say("wait_for_reads has looked, and waits. Now the reads arrive:")
    for reads in (data.reads_1, data.reads_2):
        s3.upload_file(str(reads), BUCKET, f"arrivals/{reads.name}")
        say(f"    s3://{BUCKET}/arrivals/{reads.name}, {reads.stat().st_size:,} bytes")
    return run, time.monotonic()


def sum_up(omics: Any, s3: Any, done: dict[str, Any]) -> None:  # noqa: ANN401 - boto3 clients
    """Print a run's named outputs and how long its tasks took."""
    tasks = omics.list_run_tasks(id=done["id"])["items"]
    outputs = json.load(s3.get_object(Bucket=BUCKET, Key=f"results/{done['id']}/logs/outputs.json")["Body"])
    print("\nOutputs")
    for name, value in outputs.items():
        print(f"  {name:24} {value}")
    print("\nTime taken")
    for name, part in [("HealthOmics run", done), *((f"  {task['name']}", task) for task in tasks)]:
        print(f"  {name:24} {(part['stopTime'] - part['startTime']).total_seconds():5.1f} s")


def tell_times(arrived: float) -> None:
    """Print how long all has taken."""
    print(f"  {'from arrival to report':24} {time.monotonic() - arrived:5.1f} s")
    print(f"  {'all':24} {time.monotonic() - STARTED:5.1f} s")


def follow(airflow: AirflowProcesses, omics: Any, run: Run) -> None:  # noqa: ANN401 - a boto3 client
    """Say what changes, in Airflow and in HealthOmics, until the Dag run has ended."""
    told: dict[str, str] = {}

    def ended() -> bool:
        over = airflow.database.run_state(run) in ENDED
        now = {task.task_id: task.state for task in airflow.database.tasks(run) if task.state}
        for run_id in filter(None, (airflow.database.xcom(run, task_id, "run_id") for task_id in RUN_TASKS)):
            now[f"    HealthOmics run {run_id}"] = omics.get_run(id=run_id)["status"]
            now |= {f"        {task['name']}": task["status"] for task in omics.list_run_tasks(id=run_id)["items"]}
        for what, state in now.items():
            if told.get(what) != state:
                say(f"{what}: {state}")
        told.update(now)
        return over

    airflow.until(ended, "the Dag run to end", run=run, timeout=300)


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
