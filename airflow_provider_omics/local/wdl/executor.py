# SPDX-License-Identifier: Apache-2.0
"""Real runs: WDL definitions executed by miniwdl on this machine, a few at a time."""

from __future__ import annotations

import logging
import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from airflow_provider_omics.local.runs.run_manifest import manifest_lines
from airflow_provider_omics.local.wdl import cache_export
from airflow_provider_omics.local.wdl.examine import LENIENT
from airflow_provider_omics.local.wdl.inputs import Inputs, no_uri
from airflow_provider_omics.local.wdl.process import WdlError, run_wdl
from airflow_provider_omics.local.wdl.run_folders import RunFolders
from airflow_provider_omics.local.wdl.staging import RunError, unpack, upload, upload_outputs
from airflow_provider_omics.local.wdl.task_progress import ANSWERS, Progress, failure_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_omics.local.publishing.publisher import Publisher
    from airflow_provider_omics.local.state.execution import Definition, RunUpdates
    from airflow_provider_omics.local.state.run_state import Run

logger = logging.getLogger(__name__)

LONGEST_MESSAGE = 1024
# What miniwdl says of a File or Directory that is no URI, or one of a scheme for which there is no plugin.
_NO_URI = re.compile(
    r"(?:^(?:File|Directory) not found: ?|not expressly supplied .*?: ?|unlike `|File invalid path: )(.*?)'?$"
)


class WdlExecutor:
    """Executes runs, ``max_parallel_runs`` at once; the others wait in PENDING."""

    def __init__(self, publisher: Publisher, *, max_parallel_runs: int = 2) -> None:
        self._publisher = publisher
        self.max_parallel_runs = max_parallel_runs
        self._folders = RunFolders()
        self._pool = ThreadPoolExecutor(max_parallel_runs, thread_name_prefix="omics-local-run")
        self._executions: dict[str, _Execution] = {}
        self._closed = False

    def submit(self, run: Run, definition: Definition, updates: RunUpdates) -> None:
        """Take a new run (PENDING) and return at once."""
        if self._closed:
            return
        execution = self._executions[run.id] = _Execution(
            run, definition, updates, self._publisher, folder=self._folders.path
        )
        execution.future = self._pool.submit(self._work, execution)

    def cancel(self, run_id: str) -> None:
        """Have the process tree of a run killed, after which its updates says CANCELLED."""
        execution = self._executions.get(run_id)
        if execution is None:
            return
        execution.stop.set()
        if execution.future and execution.future.cancel():  # it never began: no thread of the pool will end it
            threading.Thread(target=self._work, args=(execution,), name=f"omics-local-cancel-{run_id}").start()

    def time_out(self, run_id: str, message: str) -> None:
        """Have the process tree of a run killed, after which its updates says FAILED, RUN_TIMED_OUT and the message."""
        execution = self._executions.get(run_id)
        if execution and not execution.stop.is_set():
            execution.timed_out = RunError("RUN_TIMED_OUT", message)
            execution.stop.set()

    def end(self, run_ids: Sequence[str]) -> None:
        """Cancel runs and wait until nothing is left of them."""
        # The end of one makes room for another one that has waited.
        while executions := [self._executions[run_id] for run_id in run_ids if run_id in self._executions]:
            for execution in executions:
                self.cancel(execution.run.id)
            for execution in executions:
                execution.ended.wait()

    def close(self) -> None:
        """Kill whatever still runs and wait for it."""
        self._closed = True
        for execution in list(self._executions.values()):
            execution.stop.set()  # those that have not begun end as soon as a thread takes them up
        self._pool.shutdown(wait=True)
        self._folders.close()

    def _work(self, execution: _Execution) -> None:
        try:
            execution.execute()
        except Exception:
            logger.exception("Run %s could not be recorded.", execution.run.id)
        finally:
            if self._executions.get(execution.run.id) is execution:
                del self._executions[execution.run.id]
            execution.ended.set()


class _Execution:
    """One run from PENDING to its end, in one thread."""

    def __init__(
        self, run: Run, definition: Definition, updates: RunUpdates, publisher: Publisher, *, folder: Path
    ) -> None:
        self._folder = folder
        self.run = run
        self.stop = threading.Event()
        self.ended = threading.Event()
        self.future: Future[None] | None = None
        self.timed_out: RunError | None = None
        self._definition = definition
        self._updates = updates
        self._publisher = publisher

    def execute(self) -> None:
        """Live the run's whole life; whatever goes wrong becomes its verdict, so that no run hangs."""
        failure: RunError | None = None
        try:
            if not self.stop.is_set():
                with TemporaryDirectory(prefix="omics-run-", dir=self._folder, ignore_cleanup_errors=True) as directory:
                    self._run_in(Path(directory).resolve())
        except RunError as error:
            failure = error
        except Exception as error:
            logger.exception("Run %s failed in the local endpoint itself.", self.run.id)
            failure = RunError("SERVICE_ERROR", f"The local endpoint failed: {error!r}.")
        if self.timed_out:
            self._end("FAILED", self.timed_out)
        elif self.stop.is_set():
            self._end("CANCELLED", None)
        else:
            self._end("FAILED" if failure else "COMPLETED", failure)

    def _run_in(self, directory: Path) -> None:
        self._status("STARTING")
        root = directory / "definition"
        main = unpack(self._definition, root)
        if self.stop.is_set():
            return
        self._status("RUNNING")
        parameters = self.run.parameters or self.run.request.get("parameters") or {}
        inputs = Inputs(directory / "inputs", self._publisher)
        progress = Progress(directory, self._updates, self._log)
        uri = self.run.run_output_uri.rstrip("/")
        cache_export.prepare(self.run, directory)
        if "runGroupId" in self.run.request:
            (directory / ANSWERS).mkdir()
        try:
            outputs = run_wdl(main, parameters, inputs, progress, self.stop)
        except (RunError, WdlError) as error:
            with suppress(RunError):  # the cache is a help, and the workflow's own failure says more
                if not self.stop.is_set():
                    cache_export.keep(self.run, directory, progress.task_ids, self._publisher)
            with suppress(RunError):  # the workflow's own failure says more than that of its log
                upload(progress.engine_log, f"{uri}/logs/engine.log", self._publisher)
            if isinstance(error, WdlError):
                raise self._verdict(error, progress) from error
            raise
        if not self.stop.is_set():
            upload_outputs(outputs, directory / "run", uri, self._publisher, self.stop)
        if not self.stop.is_set() and self.run.cache_behavior == "CACHE_ALWAYS":
            cache_export.keep(self.run, directory, progress.task_ids, self._publisher)
        if not self.stop.is_set():
            upload(progress.engine_log, f"{uri}/logs/engine.log", self._publisher)

    def _verdict(self, error: WdlError, progress: Progress) -> RunError:
        if progress.failed is None:
            found = _NO_URI.search(str(error))
            lenient = LENIENT if self._definition.engine == "WDL_LENIENT" else ""
            return no_uri(found[1]) if found else RunError("WORKFLOW_RUN_FAILED", f"{error}{lenient}")
        name, task_id, message = progress.failed
        region, account = self.run.arn.split(":")[3:5]
        group = f"arn:aws:logs:{region}:{account}:log-group:/aws/omics/WorkflowLog"
        return RunError(
            failure_reason(message),
            f"Run failed due to task: {name}, id: {task_id}, failure. Use the GetRunTask API operation for more "
            f"details, or see the task's log stream: {group}:log-stream:run/{self.run.id}/task/{task_id}",
        )

    def _end(self, status: str, failure: RunError | None) -> None:
        if self.run.status not in ("PENDING", "STOPPING"):
            self._status("STOPPING")
        reason = failure.failure_reason if failure else None
        message = failure.status_message[:LONGEST_MESSAGE] if failure else None
        now = datetime.now(UTC)
        end = {"status": status, "stopTime": now, "failureReason": reason, "statusMessage": message}
        lines = manifest_lines(self.run, end)
        self._publish(f"manifest/run/{self.run.id}/{self.run.uuid}", [(now, line) for line in lines])
        self._status(status, failure_reason=reason, status_message=message)

    def _status(self, status: str, *, failure_reason: str | None = None, status_message: str | None = None) -> None:
        why = f": {failure_reason}: {status_message}" if failure_reason else ""
        self._log("", [(datetime.now(UTC), f"Run {self.run.id} is {status}{why}")])
        self._updates.status(status, failure_reason=failure_reason, status_message=status_message)

    def _log(self, suffix: str, lines: list[tuple[datetime, str]]) -> None:
        if self.run.request.get("logLevel") != "OFF":
            self._publish(f"run/{self.run.id}{suffix}", lines)

    def _publish(self, stream: str, lines: list[tuple[datetime, str]]) -> None:
        try:
            self._publisher.log(stream, lines)
        except Exception:
            logger.exception("Log stream %s could not be written; the run goes on.", stream)
