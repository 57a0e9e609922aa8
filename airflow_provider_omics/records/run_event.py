# SPDX-License-Identifier: Apache-2.0
"""What a trigger says to its operator: one typed, versioned, JSON-sized event of each kind."""

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
    How a run ended, that the deadline came first, or, with ``error``, why the trigger could not go on.

    :param run: the run, None if none was started.
    :param cancelled: whether the trigger has cancelled the run when the deadline came.
    :param started: whether the run is all that the task wants, though it goes on.
    :param failure: name of the exception that kept the run from being started; ``error`` is its text.
    :param shown: whether the run's XComs are there.
    :param said: what the trigger has logged, since its log gets lost where no one collects it.
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
        """Read an event; UnreadableError if it is none of ours, say after an upgrade while the task was deferred."""
        members = _members(event, "run")
        run = read(Run, members["run"]) if members.get("run") else None
        told = read(cls, {**members, "run": run, "said": tuple(members.get("said") or ())})
        if not (told.failure if run is None else run.ended or told.timed_out or told.error or told.started):
            raise _unreadable(event)
        return told


@dataclass(frozen=True, slots=True)
class ReadSetJobEvent:
    """How a job ended, that the deadline came first, or, with ``error``, why the trigger could not go on waiting.

    The job's sources, a hundred perhaps, stay behind: the worker asks for them.
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
        """Read an event; UnreadableError if it is none of ours."""
        members = _members(event, "job")
        told = read(cls, {**members, "job": read(ReadSetJob, {**(members["job"] or {}), "sources": ()})})
        if not (told.job.ended or told.timed_out or told.error):
            raise _unreadable(event)
        return told


def _members(event: Mapping[str, object] | None, main: str) -> dict[str, Any]:
    """Return what an event says; UnreadableError if it is of another kind or major version."""
    if not isinstance(event, dict) or not isinstance(event.get(main, ""), dict | None):
        raise _unreadable(event)
    check(event.get("version"))
    return {name: value for name, value in event.items() if name != "version"}


def _unreadable(event: Mapping[str, object] | None) -> UnreadableError:
    return UnreadableError(f"the trigger sent an event of another release: {event!r:.200}")
