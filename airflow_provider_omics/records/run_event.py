# SPDX-License-Identifier: Apache-2.0
"""The events of the triggers, which their operators read: typed, with a version, of JSON types."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_omics.records.read_set_job import ReadSetJob
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.text import storable
from airflow_provider_omics.records.versioned import VERSION, UnreadableError, check, read

if TYPE_CHECKING:
    from collections.abc import Mapping

# An event is a row of Airflow's database: a service message of any length must fit.
_MAX_MESSAGE: Final = 4000
_MAX_SAID: Final = 500


@dataclass(frozen=True, slots=True)
class RunEvent:
    """
    A run has ended, the deadline has passed, or, with ``error``, waiting has failed.

    :param run: the run, None if none was started.
    :param cancelled: whether the trigger has cancelled the run at the deadline.
    :param started: whether the task does not wait for the run's end.
    :param failure: class name of the exception if no run was started; ``error`` is its text.
    :param shown: whether the trigger has pushed the run's XComs.
    :param said: the trigger's log lines, as its log is lost without remote logging.
    """

    run: Run | None
    timed_out: bool = False
    cancelled: bool = False
    error: str | None = None
    started: bool = False
    failure: str | None = None
    shown: bool = True
    said: tuple[str, ...] = ()

    def serialize(self) -> dict[str, object]:
        """Return the event as JSON types."""
        run = asdict(self.run) if self.run else {}
        clipped = {
            key: storable(value)[:_MAX_MESSAGE] if isinstance(value, str) else value for key, value in run.items()
        }
        return {
            "version": VERSION,
            "run": clipped or None,
            "timed_out": self.timed_out,
            "cancelled": self.cancelled,
            "error": self.error and storable(self.error)[:_MAX_MESSAGE],
            "started": self.started,
            "failure": self.failure,
            "shown": self.shown,
            "said": [storable(line)[:_MAX_SAID] for line in self.said],
        }

    @classmethod
    def deserialize(cls, event: Mapping[str, object] | None) -> RunEvent:
        """Read an event; UnreadableError if it has another format, say after an upgrade while the task was deferred."""
        members = _members(event, "run")
        run = read(Run, members["run"]) if members.get("run") else None
        result = read(cls, {**members, "run": run, "said": tuple(members.get("said") or ())})
        if not (result.failure if run is None else run.ended or result.timed_out or result.error or result.started):
            raise _unreadable(event)
        return result


@dataclass(frozen=True, slots=True)
class ReadSetJobEvent:
    """A job has ended, the deadline has passed, or, with ``error``, waiting has failed.

    It is without the job's sources, of which there may be a hundred: the worker gets them again.
    """

    job: ReadSetJob
    timed_out: bool = False
    error: str | None = None

    def serialize(self) -> dict[str, object]:
        """Return the event as JSON types."""
        return {
            "version": VERSION,
            "job": asdict(replace(self.job, sources=())),
            "timed_out": self.timed_out,
            "error": self.error and storable(self.error)[:_MAX_MESSAGE],
        }

    @classmethod
    def deserialize(cls, event: Mapping[str, object] | None) -> ReadSetJobEvent:
        """Read an event; UnreadableError if it has another format."""
        members = _members(event, "job")
        result = read(cls, {**members, "job": read(ReadSetJob, {**(members["job"] or {}), "sources": ()})})
        if not (result.job.ended or result.timed_out or result.error):
            raise _unreadable(event)
        return result


def _members(event: Mapping[str, object] | None, main: str) -> dict[str, Any]:
    """Return the members of an event; UnreadableError if it has another format or major version."""
    if not isinstance(event, dict) or not isinstance(event.get(main, ""), dict | None):
        raise _unreadable(event)
    check(event.get("version"))
    return {name: value for name, value in event.items() if name != "version"}


def _unreadable(event: Mapping[str, object] | None) -> UnreadableError:
    return UnreadableError(f"the trigger sent an event of another release: {event!r:.200}")
