# SPDX-License-Identifier: Apache-2.0
"""The log streams of a run in CloudWatch Logs: only lines of the run's own time, and not too many for a task log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from airflow_provider_omics.aws.errors import error_code, is_stale, is_transient
from airflow_provider_omics.aws.manifest import LOG_GROUP
from airflow_provider_omics.records.text import clipped, plain, size
from airflow_provider_omics.results.failures import engine_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)
# Ids, and so log streams, are reused: only lines of the run's own time belong to it. Clocks may differ by so much.
_SLACK_SECONDS: Final = 300
# The most that is copied at a time: lines, bytes, and bytes of a line.
MAX_LINES: Final = 1000
MAX_BYTES: Final = 200_000
_MAX_LINE: Final = 2000
# How many pages, of 10,000 lines or 1 MB, are read for the last lines of a log that was not read before.
_MAX_PAGES: Final = 20


class RunLog:
    """
    One log stream of a run.

    :param new_hook: returns the hook whose connection to use, and another one when that has expired.
    :param stream: the stream's name.
    """

    def __init__(self, new_hook: Callable[[], OmicsHook], stream: str) -> None:
        self.stream = stream
        self._new_hook = new_hook
        self._hook: OmicsHook | None = None
        self._token: dict[str, str] = {}

    def last(self, run: Run, limit: int) -> list[str]:
        """Return the last lines, at most so many."""
        return [_line(event) for event in self._get(**_since(run), **_until(run), limit=limit)["events"]]

    def more(self, run: Run, **limit: int) -> list[str] | None:
        """Return a page of the lines that follow those returned before; None at the end of the stream."""
        answer = self._get(**_since(run), **self._token, startFromHead=True, **limit)
        token = {"nextToken": answer["nextForwardToken"]}
        if token == self._token and not answer["events"]:
            return None
        self._token = token
        until = _until(run).get("endTime")
        return [_line(event) for event in answer["events"] if until is None or event["timestamp"] < until]

    def _get(self, **where: Any) -> Any:  # noqa: ANN401 - boto3's
        if self._hook is None:
            self._hook = self._new_hook()
        try:
            return self._hook.logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=self.stream, **where)
        except Exception as error:
            if is_stale(error):
                self._hook = None
            raise


class EngineLog:
    """
    The log of a run's engine, copied into the task's.

    :param new_hook: returns the hook whose connection to use, and another one when that has expired.
    :param run: the run.
    """

    def __init__(self, new_hook: Callable[[], OmicsHook], run: Run) -> None:
        self._log = RunLog(new_hook, engine_stream(run))
        self._warned = False
        self._in_vain = False

    def copy(self, run: Run) -> None:
        """Log the new lines or, if the run has ended, the last of the remaining ones; errors do not fail the task."""
        if self._in_vain:
            return
        try:
            lines, whole = self._rest(run) if run.ended else (self._log.more(run, limit=MAX_LINES) or [], True)
        except Exception as error:  # noqa: BLE001 - any error: the run goes on
            self._note(run, error)
            return
        shown = _last_that_fit(lines)
        if not whole or len(shown) < len(lines):
            log.info("engine | … lines are left out here: all are in log stream %s", self._log.stream)
        for line in shown:
            log.info("engine | %s", line)

    def _rest(self, run: Run) -> tuple[list[str], bool]:
        """Return the last of the lines that were not copied yet, and whether these are all."""
        rest: list[str] = []
        whole = True
        for _ in range(_MAX_PAGES):
            page = self._log.more(run)
            if page is None:
                return rest, whole
            whole = whole and len(rest) + len(page) <= MAX_LINES
            rest = [*rest, *page][-MAX_LINES:]
        return self._log.last(run, MAX_LINES), False

    def _note(self, run: Run, error: Exception) -> None:
        if isinstance(error, ClientError) and error_code(error) == "ResourceNotFoundException":
            # It may be created later; by one page of the user guide, when the run has failed.
            if run.ended:
                log.info("Run %s has no engine log (stream %s)", run.id, self._log.stream)
            return
        self._in_vain = not is_transient(error)
        if not self._warned:
            self._warned = True
            log.warning("The engine log of run %s cannot be read (stream %s): %s", run.id, self._log.stream, error)


def _since(run: Run) -> dict[str, int]:
    return {"startTime": max(0, int(((run.creation_time or 0) - _SLACK_SECONDS) * 1000))}


def _until(run: Run) -> dict[str, int]:
    return {"endTime": int((run.stop_time + _SLACK_SECONDS) * 1000)} if run.stop_time else {}


def _line(event: dict[str, Any]) -> str:
    return clipped(plain(str(event["message"])).rstrip(), _MAX_LINE)


def _last_that_fit(lines: Sequence[str]) -> Sequence[str]:
    room = MAX_BYTES
    for number, line in enumerate(reversed(lines)):
        room -= size(line)
        if room < 0:
            return lines[len(lines) - number :]
    return lines
