# SPDX-License-Identifier: Apache-2.0
"""Real Airflow processes in a home of their own, started, driven, killed and cleaned up from one Python process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil

from airflow_provider_omics.testing.airflow_home import AIRFLOW_3, environment, make_database, write_config
from airflow_provider_omics.testing.database import Database, Run
from demo import BUILD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")
ENDED = ("success", "failed")
_JOBS = {"scheduler": "SchedulerJob", "triggerer": "TriggererJob", "dag-processor": "DagProcessorJob"}


class AirflowProcesses:
    """A running Airflow; made by :func:`airflow_processes`."""

    def __init__(self, home: Path, dags_folder: Path, env: Mapping[str, str]) -> None:
        self.home = home
        self.database = Database(home)
        self._reserved = reserved_port()
        self.port = self._reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {**environment(home), **env}
        write_config(home, dags_folder, self.port)
        make_database(home, BUILD)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        # 2.11's scheduler parses Dag files itself, and its REST API is not needed.
        new = ("api-server", "dag-processor") if AIRFLOW_3 else ()
        self.components = ("scheduler", "triggerer", *new)

    def start(self, *names: str) -> None:
        """
        Start components, all of them when none is named, and wait until they are healthy.

        A second process of a component has a name with a number: ``triggerer-2``.
        """
        begun = f"{datetime.now(UTC):%F %T.%f}"
        names = names or self.components
        for name in names:
            component = _component(name)
            command = [sys.executable, "-m", "airflow", component]
            if component == "api-server":
                command += ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
            elif component in ("scheduler", "triggerer"):
                command.append("--skip-serve-logs")
            with self._output(name).open("ab") as output:
                self._processes[name] = subprocess.Popen(
                    command,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        for name in names:
            self.until(partial(self._healthy, name, begun), f"{name} to be healthy")

    def kill(self, name: str, signum: int = signal.SIGKILL) -> None:
        """Send a signal to a component and to all that it started, as when its machine dies."""
        self.send(name, signum)
        self._processes.pop(name).wait(60)

    def revive(self) -> None:
        """Start anew what has crashed."""
        if crashed := [name for name, process in self._processes.items() if process.poll() is not None]:
            self.start(*crashed)

    def send(self, name: str, signum: int) -> None:
        """Send a signal to a component and to all that it started."""
        process = psutil.Process(self._processes[name].pid)
        for victim in [process, *process.children(recursive=True)]:
            _signal(victim, signum)

    def kill_task(
        self,
        run: Run,
        task_id: str,
        map_index: int = -1,
        *,
        supervisor: bool = True,
        signum: int = signal.SIGKILL,
    ) -> list[psutil.Process]:
        """Send a signal to the process that executes a task and, if asked, to the one that watches over it."""

        def pid() -> int | None:
            task = self.database.task(run, task_id, map_index)
            return task.pid if task else None

        worker = psutil.Process(self.until(pid, f"{task_id} to be executed by a process", run=run))
        above = worker.parents()[:1] if supervisor else []
        victims = [*above, worker, *worker.children(recursive=True)]
        for victim in victims:
            _signal(victim, signum)
        return victims

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, run_id: str | None = None) -> Run:
        """Trigger a Dag run, once the Dag's file has been parsed."""
        run = Run(dag_id, run_id or f"manual__{uuid.uuid4()}")
        self.until(lambda: self._parsed(dag_id), f"the Dag {dag_id} to be parsed")
        if AIRFLOW_3:
            body = {"dag_run_id": run.run_id, "logical_date": None, "conf": dict(conf or {})}
            self.rest("POST", f"/dags/{dag_id}/dagRuns", body)
        else:
            self.cli("dags", "trigger", "--run-id", run.run_id, "--conf", json.dumps(dict(conf or {})), dag_id)
        return run

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler start a Dag's runs, once the Dag's file has been parsed."""
        self.until(lambda: self._parsed(dag_id), f"the Dag {dag_id} to be parsed")
        if AIRFLOW_3:
            self.rest("PATCH", f"/dags/{dag_id}", {"is_paused": False})
        else:
            self.cli("dags", "unpause", dag_id)

    def wait_for(
        self, run: Run, *states: str, task_id: str | None = None, map_index: int = -1, timeout: float = 300
    ) -> str:
        """Wait until a Dag run, or one task of it, is in one of the states, and return that state."""

        def state() -> str | None:
            if task_id is None:
                return self.database.run_state(run)
            task = self.database.task(run, task_id, map_index)
            return task.state if task else None

        what = f"{task_id or 'the run'} to be {' or '.join(states)}"

        def reached() -> str | None:
            # The run's end is read first: after it, a task changes no more.
            over = self.database.run_state(run) in ENDED
            now = state()
            if over and now not in states:
                raise RuntimeError(f"Waited for {what}, but {run} is over and it is {now}.\n{self.report(run)}")
            return now if now in states else None

        return str(self.until(reached, what, run=run, timeout=timeout))

    def noticed(self, run: Run, task_id: str, map_index: int = -1) -> bool:
        """Tell whether the scheduler has noticed that the present try's process is over, its task being deferred."""
        task = self.database.task(run, task_id, map_index)
        if task is None:
            return False
        key = f"task_id={task_id!r}, run_id={run.run_id!r}, try_number={task.try_number}, map_index={task.region_index}"
        over = "Received executor event with state success for task instance"
        with self._output("scheduler").open(errors="replace") as lines:
            return any(over in line and key in line for line in lines)

    def log(self, run: Run, task_id: str, map_index: int = -1) -> str:
        """Return all that a task, its trigger included, has logged in all its tries and, in a loop, passes."""
        folder = self.home / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}" / f"task_id={task_id}"
        files = "**/attempt=*" if map_index < 0 else f"**/map_index={map_index}/attempt=*"
        return "".join(path.read_text(errors="replace") for path in sorted(folder.glob(files)))

    def said(self, name: str) -> str:
        """Return all that a component has written, a triggerer what it did when its triggers were gone."""
        return self._output(name).read_text(errors="replace")

    def report(self, run: Run) -> str:
        """Return the tasks of a run in one line each, with the last log lines of those that did not succeed."""
        lines = []
        for task in self.database.tasks(run):
            tries = f"try {task.try_number} of {task.max_tries + 1}"
            lines.append(f"{task.task_id}[{task.map_index}] {task.state}, {tries}")
            if task.state not in ("success", None):
                lines += [f"    {line}" for line in self.log(run, task.task_id, task.map_index).splitlines()[-25:]]
        return "\n".join(lines)

    def until(self, reached: Callable[[], T | None], what: str, *, run: Run | None = None, timeout: float = 240) -> T:
        """Call a function until its answer is true, and return that; a component that died ends the waiting."""
        deadline = time.monotonic() + timeout
        while not (answer := reached()):
            for name, process in self._processes.items():
                if process.poll() is not None:
                    tail = "\n".join(self._output(name).read_text(errors="replace").splitlines()[-25:])
                    raise RuntimeError(f"Airflow's {name} died with status {process.returncode}:\n{tail}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"Waited {timeout:.0f} s in vain for {what}.\n{self.report(run) if run else ''}")
            time.sleep(0.25)
        return answer

    def rest(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - any JSON
        """Call Airflow 3's public REST API, as an administrator."""
        token = _http("GET", f"{self.url}/auth/token")["access_token"]
        return _http(method, f"{self.url}/api/v2{path}", body, token)

    def cli(self, *arguments: str) -> str:
        """Run an ``airflow`` command in this home and return what it prints."""
        return self.python("-m", "airflow", *arguments)

    def python(self, *arguments: str) -> str:
        """Run Python in this home's environment and return what it prints."""
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def stop(self) -> None:
        """Kill every process of this home, also those whose parents were killed: it has nothing to save."""
        while ours := [process for process in psutil.process_iter() if _home_of(process) == str(self.home)]:
            for process in ours:
                _signal(process, signal.SIGKILL)
            psutil.wait_procs(ours, timeout=10)
        for child in self._processes.values():
            child.wait(60)
        self._processes.clear()
        self._reserved.close()

    def _healthy(self, name: str, since: str) -> bool:
        if name == "api-server":
            try:
                return bool(_http("GET", f"{self.url}/api/v2/monitor/health"))
            except OSError:
                return False
        started = "SELECT 1 FROM job WHERE job_type=? AND state='running' AND start_date>=?"
        return bool(self.database.query(started, _JOBS[_component(name)], since))

    def _parsed(self, dag_id: str) -> bool:
        if errors := self.database.query("SELECT filename, stacktrace FROM import_error"):
            raise RuntimeError("\n".join(f"{file}: {trace}" for file, trace in errors))
        return bool(self.database.query("SELECT 1 FROM serialized_dag JOIN dag USING (dag_id) WHERE dag_id=?", dag_id))

    def _output(self, name: str) -> Path:
        return self.home / f"{name}.out"


@contextmanager
def airflow_processes(dags_folder: Path, env: Mapping[str, str] | None = None) -> Iterator[AirflowProcesses]:
    """Run an Airflow on the Dag files of a folder; at the end nothing of it is left, neither process nor file."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="airflow-", dir=BUILD, ignore_cleanup_errors=True) as scratch:
        airflow = AirflowProcesses(Path(scratch), dags_folder.resolve(), env or {})
        try:
            airflow.start()
            yield airflow
        finally:
            airflow.stop()


def reserved_port() -> socket.socket:
    """Return a socket whose port nobody is given before a server, which reuses addresses, asks for that very one."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


def _http(method: str, url: str, body: Mapping[str, Any] | None = None, token: str = "") -> Any:  # noqa: ANN401 - any JSON
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - always http
    # No proxy stands between this machine and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return json.loads(answer.read() or "null")


def _component(name: str) -> str:
    """Return what a process's name says after its number is gone."""
    return name.rstrip("-0123456789")


def _signal(process: psutil.Process, signum: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signum)


def _home_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("AIRFLOW_HOME") if process.pid != os.getpid() else None
    except psutil.Error:
        return None
