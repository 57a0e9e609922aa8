# SPDX-License-Identifier: Apache-2.0
"""What a trigger says to its operator: one typed, versioned, JSON-sized event of each kind."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.core.pacing import Turn
from airflow_provider_omics.core.read_set_job import ReadSetJob
from airflow_provider_omics.core.run import Run
from airflow_provider_omics.core.text import storable

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = 1
# An event is a row of Airflow's database: a service message of any length must fit.
_MAX_MESSAGE: Final = 4000
_MAX_SAID: Final = 500


@dataclass(frozen=True, slots=True)
class RunEvent:
    """
    How a run ended, that the deadline came first, or, with ``error``, why the trigger could not go on waiting.

    :param cancelled: whether the trigger has cancelled the run when the deadline came.
    :param said: what the trigger has logged, since its log gets lost where no one collects it.
    """

    run: Run
    timed_out: bool = False
    cancelled: bool = False
    error: str | None = None
    said: tuple[str, ...] = ()

    def serialize(self) -> dict[str, object]:
        """Return the event as JSON types."""
        run = {
            key: storable(value)[:_MAX_MESSAGE] if isinstance(value, str) else value
            for key, value in asdict(self.run).items()
        }
        return {
            "version": VERSION,
            "run": run,
            "timed_out": self.timed_out,
            "cancelled": self.cancelled,
            "error": self.error and storable(self.error)[:_MAX_MESSAGE],
            "said": [storable(line)[:_MAX_SAID] for line in self.said],
        }

    @classmethod
    def deserialize(cls, event: Mapping[str, object] | None) -> RunEvent:
        """Read an event; ValueError if it is none of ours, say after an upgrade while the task was deferred."""
        if not event or event.get("version") != VERSION or not isinstance(event.get("run"), dict):
            raise ValueError(f"the trigger sent an event of another release: {event!r:.200}")
        error, said = event.get("error"), event.get("said")
        try:
            run = Run(**event["run"])  # type: ignore[arg-type]  # checked above
        except TypeError as unknown:
            raise ValueError(f"the trigger sent a run of another release: {unknown}") from None
        return cls(
            run,
            timed_out=bool(event.get("timed_out")),
            cancelled=bool(event.get("cancelled")),
            error=str(error) if error else None,
            said=tuple(said) if isinstance(said, list) else (),
        )


@dataclass(frozen=True, slots=True)
class TurnEvent:
    """That the task may call StartRun now; without a turn, that its time to start a run is up."""

    turn: Turn | None

    def serialize(self) -> dict[str, object]:
        """Return the event as JSON types."""
        return {"version": VERSION, "turn": asdict(self.turn) if self.turn else None}

    @classmethod
    def deserialize(cls, event: Mapping[str, object] | None) -> TurnEvent:
        """Read an event; ValueError if it is none of ours."""
        if not event or event.get("version") != VERSION or "turn" not in event:
            raise ValueError(f"the trigger sent an event of another release: {event!r:.200}")
        turn = event["turn"]
        try:
            return cls(Turn(**turn) if isinstance(turn, dict) else None)
        except TypeError as error:
            raise ValueError(f"the trigger sent a turn of another release: {error}") from None


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
        """Read an event; ValueError if it is none of ours."""
        job = event.get("job") if event and event.get("version") == VERSION else None
        if event is None or not isinstance(job, dict):
            raise ValueError(f"the trigger sent an event of another release: {event!r:.200}")
        error = event.get("error")
        try:
            ended = ReadSetJob(**{**job, "sources": ()})
        except TypeError as unknown:
            raise ValueError(f"the trigger sent a job of another release: {unknown}") from None
        return cls(ended, timed_out=bool(event.get("timed_out")), error=str(error) if error else None)
