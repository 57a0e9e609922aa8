# SPDX-License-Identifier: Apache-2.0
"""A request near the head of the start queue, and one call for it."""

from __future__ import annotations

import contextvars
import threading
import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.hooks.omics import OmicsHook

T = TypeVar("T")

# A call is sent within so many seconds after the check of its caller began, or ended if that took longer.
_FRESH: Final = 1.25
_JUST_ENDED: Final = 0.1
# Seconds for which the check of one caller may delay the requests behind it.
_CHECK_SECONDS: Final = 1.0
# If the process was suspended for so long before a call was sent, its caller is checked again.
_SUSPENDED: Final = 5.0


class QueuedRequest:
    """
    A request in the start queue.

    :param number: a lower number is called sooner.
    :param request: number of the request, which may be queued again with another ``number``.
    """

    def __init__(self, number: int, request: int) -> None:
        self.number = number
        self.request = request
        # Whether its caller has left, and whether its call exceeded a quota.
        self.given_up = False
        self.exceeded_quota = False
        # When the check of its caller last succeeded, by the monotonic clock.
        self.ready_at = 0.0
        self._asked: float | None = None
        self._ready: float | None = None

    def ask(self, now: float) -> None:
        """Note that the check of its caller begins."""
        self._asked, self._ready = now, None

    def answer(self, now: float) -> float:
        """Note that the check succeeded, and return how long it took."""
        self._ready = now
        self.ready_at = time.monotonic()
        return now - (self._asked or now)

    def forget(self) -> None:
        """Forget the check, so that it is made again."""
        self._asked = self._ready = None

    def fresh(self, now: float) -> float:
        """Return for how many seconds the call may still be sent, 0 if its caller has to be checked."""
        if self._asked is None or self._ready is None:
            return 0.0
        return max(0.0, max(self._asked + _FRESH, self._ready + _JUST_ENDED) - now)

    def expected(self, now: float, lead: float) -> float:
        """Return when its caller will be ready, if a check takes ``lead`` seconds."""
        if self._asked is None:
            return now + lead
        return now if self._ready is not None else max(now, self._asked + lead)

    def waits_for_caller(self, now: float) -> bool:
        """Tell whether the check of its caller takes so long that others may go first."""
        return self._asked is not None and self._ready is None and now - self._asked > _CHECK_SECONDS


class QueuedCall(Generic[T]):
    """
    One call, which is either sent once or withdrawn.

    :param call: what to call.
    :param ready: when the check of its caller succeeded, by the monotonic clock.
    """

    def __init__(self, call: Callable[[OmicsHook], T], ready: float) -> None:
        # Whether it was sent.
        self.sent = False
        self._call = call
        self._caller_ready = ready
        self._lock = threading.Lock()
        self._withdrawn = False
        # Its log lines belong to the log of its caller.
        self._context = contextvars.copy_context()

    def __call__(self, hook: OmicsHook) -> T | None:
        """Send it, in a thread, unless it was withdrawn or the process was suspended since the check."""
        with self._lock:
            if self._withdrawn or time.monotonic() - self._caller_ready > _SUSPENDED:
                return None
            self.sent = True
        return self._context.run(self._call, hook)

    def withdraw(self) -> None:
        """Withdraw it, unless it was sent already."""
        with self._lock:
            self._withdrawn = True
