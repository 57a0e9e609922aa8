# SPDX-License-Identifier: Apache-2.0
"""What is published in the background, in the order of its importance."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_omics.local.publishing.publisher import Publisher

T = TypeVar("T")
log = logging.getLogger(__name__)
_FIRST, _LATER = 0, 1


class PublishingQueue:
    """One thread that publishes, so that no call and no event loop ever waits for S3 or EventBridge.

    Events and manifests go in order, before all else: of many runs that end at once, one after the other ends.
    """

    def __init__(self, publisher: Publisher, lock: threading.RLock) -> None:
        self.publisher = publisher
        # Events go nowhere before a rule can exist: the app sets this at the first call of EventBridge.
        self.listening = False
        self._lock = lock
        self._jobs: queue.PriorityQueue[tuple[int, int, Callable[[], None]]] = queue.PriorityQueue()
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._begun = threading.Event()
        self._begun.set()

    def renewed(self) -> PublishingQueue:
        """Return another one, for a state that is new; it publishes nothing until :meth:`begin`."""
        renewed = PublishingQueue(self.publisher, self._lock)
        renewed._begun.clear()
        return renewed

    def begin(self) -> None:
        """Publish what waits, and all that comes."""
        self._begun.set()

    def close(self) -> None:
        """End the thread; what it has not yet published is dropped."""
        self._closed = True
        self._begun.set()
        if self._thread:
            self._jobs.put((_FIRST, -1, lambda: None))
            self._thread.join()

    def event(self, detail_type: str, detail: dict[str, Any], resources: list[str], moment: datetime) -> None:
        """Send an event."""
        self._submit(_FIRST, partial(self.publisher.event, detail_type, detail, resources, moment))

    def log(self, stream: str, lines: list[tuple[datetime, str]], done: Callable[[], None]) -> None:
        """Write to a log stream, then call ``done``, holding the lock."""

        def job() -> None:
            try:
                self.publisher.log(stream, lines)
            finally:
                with self._lock:
                    done()

        self._submit(_FIRST, job)

    def work(self, work: Callable[[Publisher], T], done: Callable[[T], None]) -> None:
        """Let the thread do what needs S3, then call ``done``, holding the lock, with what came of it."""

        def job() -> None:
            result = work(self.publisher)
            with self._lock:
                done(result)

        self._submit(_LATER, job)

    def _submit(self, priority: int, job: Callable[[], None]) -> None:
        if self._closed:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="omics-local-publishing", daemon=True)
            self._thread.start()
        self._jobs.put((priority, next(self._order), job))

    def _work(self) -> None:
        self._begun.wait()
        while True:
            _, _, job = self._jobs.get()
            if self._closed:
                return
            try:
                job()
            except Exception:
                log.exception("What was to be published could not be")
