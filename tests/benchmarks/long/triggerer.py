# SPDX-License-Identifier: Apache-2.0
"""What deferred runs cost a real triggerer, against sleeping triggers and the amazon provider's; run it as a script."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import psutil
from crowd import START, Calls, endpoint, start_runs

from airflow_provider_omics.testing.airflow_home import environment, make_database, write_config
from airflow_provider_omics.testing.database import Database
from demo import BUILD

HERE = Path(__file__).resolve().parent
INTERVAL, BUDGET, HOUR = 30, 8.0, 3600.0
CPU_RATIO, STALL, KILOBYTES, CALLS = 1 / 40, 0.05, 10.0, 1 / 20
# Airflow assigns this many triggers in each of its loops, about one a second; more only shortens the start of 10,000.
PER_LOOP = 50
WAITING = {
    "hook_params": {"aws_conn_id": "aws_default", "region_name": None, "verify": None, "botocore_config": None},
    "poll_interval": float(INTERVAL),
    "deadline": None,
    "cancel_on_kill": True,
}


class Beat(NamedTuple):
    """The event loop came late: when, by how many seconds, and the CPU time of its thread and process meanwhile."""

    moment: float
    late: float
    thread: float
    process: float


@dataclass
class Measured:
    """What one triggerer did with its triggers."""

    start_seconds: float
    start_cpu: float
    cpu: float
    calls_cpu: float
    memory: float
    stalls: list[Beat]
    calls: Calls | None


def sleeping(_runs, count: int) -> list[tuple[str, dict[str, object]]]:
    return [("asleep.SleepingTrigger", {"number": number}) for number in range(count)]


def ours(runs, _count: int) -> list[tuple[str, dict[str, object]]]:
    return [("airflow_provider_omics.triggers.run.OmicsRunTrigger", {"run": asdict(run), **WAITING}) for run in runs]


def starting(_runs, count: int) -> list[tuple[str, dict[str, object]]]:
    """Return triggers that start their runs themselves, with 20 KB of parameters each."""
    kwargs = {"request": {**START, "parameters": {"reads": "x" * 20_000}}, "retry": False, "until": time.time() + HOUR}
    task = {"dag_id": "waiting", "task_id": "wait", "run_id": "crowd", "dag_run_start": None, "max_tries": 0}
    path = "airflow_provider_omics.triggers.start_run.OmicsStartRunTrigger"
    return [(path, {"intention": {**task, "map_index": it + 1}, **kwargs, **WAITING}) for it in range(count)]


def theirs(runs, _count: int) -> list[tuple[str, dict[str, object]]]:
    return [("waiter.RunWaiterTrigger", {"run_id": run.id, "waiter_delay": INTERVAL}) for run in runs]


class Triggerer:
    """The processes of one ``airflow triggerer``: a supervisor, and a runner in which the triggers are."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._supervisor = psutil.Process(process.pid)

    def _all(self) -> list[psutil.Process]:
        return [self._supervisor, *self._supervisor.children(recursive=True)]

    def cpu(self) -> float:
        return sum(times.user + times.system for times in (process.cpu_times() for process in self._all()))

    def calls_cpu(self) -> float:
        """Return the CPU time of the runner's threads beside its event loop: in these the hub makes its calls."""
        (runner,) = self._supervisor.children()
        return sum(thread.user_time + thread.system_time for thread in runner.threads() if thread.id != runner.pid)

    def memory(self) -> float:
        """Return the bytes of all, what they share counted once."""
        return sum(process.memory_full_info().pss for process in self._all())


def defer(triggers: list[tuple[str, dict[str, object]]], env: dict[str, str]) -> None:
    """Write a deferred task instance for each trigger into a home's database."""
    command = [sys.executable, HERE / "rows.py"]
    subprocess.run(command, input=json.dumps(triggers), env=env, check=True, text=True, stdout=subprocess.DEVNULL)


@contextmanager
def triggerer(home: Path, env: dict[str, str]):
    command = [sys.executable, "-m", "airflow", "triggerer", "--capacity", "20000", "--skip-serve-logs"]
    with (home / "triggerer.out").open("w") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output, start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait(process: subprocess.Popen[bytes], seconds: float, calls: Calls | None) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if process.poll() is not None:
            raise RuntimeError("The triggerer died.")
        time.sleep(min(left, 60))
        if calls:
            calls.gather()


def measure(make, count: int, window: float, *, quotas: str | dict = "published", per_loop: int = PER_LOOP) -> Measured:
    """Let a triggerer hold a number of triggers for some seconds after it has started all of them."""
    BUILD.mkdir(exist_ok=True)
    scratch = tempfile.TemporaryDirectory(prefix="airflow-", dir=BUILD, ignore_cleanup_errors=True)
    with scratch as folder, endpoint() if make is not sleeping else nullcontext() as local:
        home = Path(folder)
        write_config(home, home / "dags")
        make_database(home, BUILD)
        beats = home / "beats"
        env = environment(home) | {
            "PYTHONPATH": str(HERE),
            "AIRFLOW__TRIGGERER__MAX_TRIGGER_TO_SELECT_PER_LOOP": str(per_loop),
        }
        runs = []
        if local:
            env["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps(local.airflow_connection())
            # They are RUNNING by the time that the window begins, as for all but minutes of their hour.
            plan = {"pending": 10.0, "starting": 10.0, "running": HOUR}
            if make is starting:
                local.script(**plan)
            else:
                runs = start_runs(local, (plan for _ in range(count)))
            local.switch(quotas=quotas)
        triggers = [("asleep.MetronomeTrigger", {"path": str(beats)}), *make(runs, count)]
        defer(triggers, env)
        calls = Calls(local) if local else None
        database = Database(home)
        with triggerer(home, env) as process:
            begun = time.monotonic()
            while not beats.exists():
                wait(process, 0.5, None)
            looked_at = Triggerer(process)
            first = looked_at.cpu()
            # A trigger's log, which says that it was started, has a folder of its own.
            while len(list(home.glob("logs/*/*/*/map_index=*"))) < len(triggers):
                wait(process, 1, None)
            while make is starting and len(local.runs()) < count:
                wait(process, 5, calls)
            # By then each run was seen RUNNING, which is logged once; theirs have yet to make their clients.
            wait(process, INTERVAL + 15, calls)
            while make is theirs and len({call["id"] for call in calls.polls}) < count:
                wait(process, 1, calls)
            started, cpu, calls_cpu = time.time(), looked_at.cpu(), looked_at.calls_cpu()
            start_seconds = time.monotonic() - begun
            wait(process, window, calls)
            measured = Measured(
                start_seconds=start_seconds,
                start_cpu=cpu - first,
                cpu=looked_at.cpu() - cpu,
                calls_cpu=looked_at.calls_cpu() - calls_cpu,
                memory=looked_at.memory(),
                stalls=[beat for beat in read_beats(beats) if beat.moment <= started],
                calls=calls,
            )
            (unsound,) = database.query("SELECT count(*) FROM task_instance WHERE state != 'deferred'")
            if unsound != (0,):
                raise RuntimeError(f"{unsound[0]} tasks are no longer deferred.")
        if calls:
            calls.gather()
            assert not calls.missed()
        return measured


def read_beats(path: Path) -> list[Beat]:
    return [Beat(*map(float, line.split())) for line in path.read_text(encoding="utf-8").splitlines()]


def figure(name: str, value: str, bar: str = "") -> None:
    print(f"{name:62} {value:>12}  {bar}", flush=True)


def say(name: str, it: Measured) -> None:
    figure(f"{name}: all started after", f"{it.start_seconds:.0f} s")
    figure("  CPU while they start, and in the window", f"{it.start_cpu:.1f}, {it.cpu:.1f} s")
    figure("  of the window's, in threads beside the event loop", f"{it.calls_cpu:.2f} s")
    figure("  memory of the triggerer", f"{it.memory / 2**20:.0f} MB")
    parts = [max((part(beat) for beat in it.stalls), default=0.0) for part in (by_clock, by_cpu, by_thread)]
    stalls = ", ".join(f"{1000 * part:.0f}" for part in parts)
    figure("  longest stall while they start, by clock, CPU time, thread's", f"{stalls} ms")
    if it.calls:
        counts = it.calls.counts()
        figure("  calls", " ".join(f"{operation} {counts[operation]}" for operation in sorted(counts)))
        figure("  most calls within 1 s, 429 answers", f"{it.calls.most_in_a_second()}, {it.calls.throttled()}")


def by_clock(beat: Beat) -> float:
    """Return the seconds that the event loop came late, also because the machine had others to serve."""
    return beat.late


def by_cpu(beat: Beat) -> float:
    """Return the most of it that can have been this process, whose other threads may have held the interpreter."""
    return min(beat.late, beat.process)


def by_thread(beat: Beat) -> float:
    """Return the least of it that was this process: what the event loop's own thread computed."""
    return min(beat.late, beat.thread)


def thousand(count: int, window: float) -> bool:
    """Compare the CPU time of all three, the stalls and the calls."""
    base, mine = measure(sleeping, count, window), measure(ours, count, window)
    # Without quotas, for otherwise it would spend its time on being throttled.
    rival = measure(theirs, count, window, quotas={})
    print(f"{count:,} triggers, a window of {window:.0f} s")
    for name, it in (("sleeping", base), ("OmicsRunTrigger", mine), ("AwsBaseWaiterTrigger", rival)):
        say(name, it)
    running = (mine.cpu - base.cpu) / (rival.cpu - base.cpu)
    starting = (mine.start_cpu - base.start_cpu) / (rival.start_cpu - base.start_cpu)
    # Theirs takes longer to start, and calls meanwhile: what it would call in our time is known without it.
    calls = len(mine.calls.polls) / (count * (mine.start_seconds + window) / INTERVAL)
    stall = max(map(by_cpu, mine.stalls), default=0.0)
    figure(
        "CPU over the sleeping ones, against AwsBaseWaiterTrigger: window", f"{running:.4f}", f"(at most {CPU_RATIO})"
    )
    figure("  while they start, however long each takes to", f"{starting:.4f}")
    figure("calls, against GetRun for each", f"{calls:.4f}", f"(at most {CALLS})")
    figure("longest stall while they start", f"{1000 * stall:.0f} ms", f"(under {1000 * STALL:.0f} ms)")
    return running <= CPU_RATIO and calls <= CALLS and stall < STALL and not mine.calls.throttled()


def ten_thousand(count: int, window: float) -> bool:
    """Compare the memory, and watch the calls."""
    base, mine = measure(sleeping, count, window, per_loop=500), measure(ours, count, window, per_loop=500)
    print(f"{count:,} triggers, a window of {window:.0f} s")
    for name, it in (("sleeping", base), ("OmicsRunTrigger", mine)):
        say(name, it)
    each = (mine.memory - base.memory) / count / 1024
    figure("memory of a waiting run over a sleeping trigger", f"{each:.2f} KB", f"(under {KILOBYTES:g} KB)")
    figure("calls a second, on average", f"{mine.calls.rate():.2f}", f"(at most {BUDGET:g})")
    return each < KILOBYTES and mine.calls.rate() <= BUDGET and not mine.calls.throttled()


def started(count: int, window: float) -> bool:
    """Compare what a waiting run adds to the memory where the triggerer has started it, and where a worker has."""
    more = []
    for name, make in (("started by workers", ours), ("started by the triggerer", starting)):
        few, many = (measure(make, number, window, quotas={}, per_loop=500) for number in (count // 6, count))
        print(f"{count // 6:,} and {count:,} triggers, a window of {window:.0f} s")
        say(f"{name}, {count // 6:,}", few)
        say(f"{name}, {count:,}", many)
        more.append((many.memory - few.memory) / (count - count // 6) / 1024)
        figure(f"{name}: memory of each more, with all that Airflow keeps of it", f"{more[-1]:.0f} KB")
    return more[1] < more[0] + KILOBYTES


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", default=["thousand", "ten-thousand"], help="of thousand, started, ten-thousand"
    )
    parser.add_argument("--window", type=float, default=300, help="seconds to measure after all have started")
    parser.add_argument("--runs", type=int, help="how many, instead of 1,000 and 10,000")
    options = parser.parse_args()
    parts = {
        "thousand": lambda: thousand(options.runs or 1000, options.window),
        "started": lambda: started(options.runs or 600, options.window),
        "ten-thousand": lambda: ten_thousand(options.runs or 10_000, options.window),
    }
    missed = [part for part in options.parts if not parts[part]()]
    return len(missed)


if __name__ == "__main__":
    sys.exit(main())
