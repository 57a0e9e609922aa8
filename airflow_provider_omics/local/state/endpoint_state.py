# SPDX-License-Identifier: Apache-2.0
"""Everything that the endpoint remembers, and the few things that every operation does with it."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import json
import logging
import secrets
import threading
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_omics.local.settings import Settings
from airflow_provider_omics.local.state.clock import Clock, later
from airflow_provider_omics.local.wire.service_error import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_omics.local.publishing.publishing_queue import PublishingQueue
    from airflow_provider_omics.local.state.batch import Batch
    from airflow_provider_omics.local.state.execution import Executor
    from airflow_provider_omics.local.state.resources import Resource
    from airflow_provider_omics.local.state.run_state import Queue, Run
    from airflow_provider_omics.local.state.scripts import Script
    from airflow_provider_omics.local.state.sequence_store import Store
    from airflow_provider_omics.local.wire.caller import Answer, Caller

log = logging.getLogger(__name__)


class _Token(NamedTuple):
    digest: bytes
    answer: Answer
    time: datetime


@dataclass(slots=True)
class State:
    """The runs, workflows, groups, caches, batches and sequence stores, the requestIds, and the agenda.

    Runs, batches, stores and requestIds are of their Region alone, as in AWS; workflows, groups and caches are in every
    one, so that a test or demo that has registered them may be run in any.
    """

    lock: threading.RLock = field(default_factory=threading.RLock)
    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=Clock)
    executor: Executor | None = None
    publishing: PublishingQueue | None = None
    runs: dict[str, Run] = field(default_factory=dict)
    deleted: list[Run] = field(default_factory=list)
    workflows: dict[str, Resource] = field(default_factory=dict)
    groups: dict[str, Resource] = field(default_factory=dict)
    caches: dict[str, Resource] = field(default_factory=dict)
    # By ARN.
    configurations: dict[str, Resource] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)
    # By run group, None for runs of none.
    queues: dict[str | None, Queue] = field(default_factory=dict)
    # How many runs the executor has.
    executing: int = 0
    scripts: list[Script] = field(default_factory=list)
    ended: Callable[[Run], None] = lambda _run: None
    _tokens: dict[tuple[str, str, str, str], _Token] = field(default_factory=dict)
    _agenda: list[tuple[datetime, int, Callable[[datetime], None]]] = field(default_factory=list)
    _sequence: itertools.count[int] = field(default_factory=itertools.count)
    _reusable: list[str] = field(default_factory=list)

    def next_seq(self) -> int:
        """Return the next place in the order of all things."""
        return next(self._sequence)

    def new_id(self, taken: dict[str, Any], digits: int = 7) -> str:
        """Return an id of so many digits that is not taken."""
        least = 10 ** (digits - 1)
        while (new := str(secrets.randbelow(9 * least) + least)) in taken:
            pass
        return new

    def new_run_id(self) -> str:
        """Return an id for a run: that of a deleted one if ids are to be reused."""
        if self.settings.reuse_run_ids and self._reusable:
            return self._reusable.pop()
        return self.new_id(self.runs)

    def forget(self, run: Run) -> None:
        """Move a run to the deleted ones; its id is free."""
        del self.runs[run.id]
        self.deleted.append(run)
        self._reusable.append(run.id)

    def at(self, due: datetime, action: Callable[[datetime], None]) -> None:
        """Put an action on the agenda; it is called with the time that it was due."""
        heapq.heappush(self._agenda, (due, self.next_seq(), action))

    def advance(self, most: int | None = None) -> bool:
        """Do what is due by now, in order, at most so many actions; return whether more is due."""
        now, done = self.clock.now(), 0
        while self._agenda and self._agenda[0][0] <= now:
            if done == most:
                return True
            due, _, action = heapq.heappop(self._agenda)
            try:
                action(due)
            except Exception:
                log.exception("A step that was due at %s failed; the others go on.", due)
            done += 1
        return False

    def jump(self) -> None:
        """Move a clock that jumps on to what is due next."""
        if self.clock.jumps and self._agenda:
            self.clock.advance(max(0.0, (self._agenda[0][0] - self.clock.now()).total_seconds()))

    def emit(self, detail_type: str, arn: str, detail: dict[str, Any], moment: datetime) -> None:
        """Send an event about the resource ``arn``, in the order of these calls; nobody waits, and None is left out."""
        if self.publishing is None or not self.publishing.listening:
            return
        told = {"omicsVersion": "1.0.0", "arn": arn, **{name: it for name, it in detail.items() if it is not None}}
        for _ in range(self.settings.event_copies):
            self.publishing.event(detail_type, told, [arn], moment)

    def once(
        self,
        operation: str,
        params: dict[str, Any],
        caller: Caller,
        make: Callable[[], Answer],
        *,
        by: str = "requestId",
    ) -> Answer:
        """Return ``make()`` the first time a token comes in a Region; what a repetition gets is a setting."""
        if by not in params:
            return make()
        key = operation, caller.region, caller.account, params[by]
        text = json.dumps({**params, by: None}, sort_keys=True, default=lambda blob: blob.hex())
        digest = hashlib.sha256(text.encode()).digest()
        known, now, lifetime = self._tokens.get(key), self.clock.now(), self.settings.request_id_lifetime
        if known is None or (lifetime is not None and now >= later(known.time, lifetime)):
            answer = make()
            # A copy, as of now: what is tagged later changes no answer that was given.
            self._tokens[key] = _Token(digest, deepcopy(answer), now)
            return answer
        same = known.digest == digest
        if (self.settings.request_id_repeat if same else self.settings.request_id_other_input) == "replay":
            return known.answer
        other = "" if same else " with other input"
        raise ServiceError("ConflictException", f"{by} {params[by]} was used before{other}")
