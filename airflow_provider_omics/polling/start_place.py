# SPDX-License-Identifier: Apache-2.0
"""A request near its turn at StartRun, and one call for it."""

from __future__ import annotations

import contextvars
import threading
import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.hooks.omics import OmicsHook

T = TypeVar("T")

# A call goes out so many seconds after its caller was asked, or after its answer if that took longer.
_FRESH: Final = 1.25
_JUST_ENDED: Final = 0.1
# For how long a caller that does not answer holds up those behind it.
_PATIENCE: Final = 1.0
# If the process stood still for so long before a call was sent, its caller is asked again.
_STOOD_STILL: Final = 5.0


class Place:
    """
    The place of a request.

    :param number: the lower, the sooner its turn.
    :param request: names the request, which may come back to another place.
    """

    def __init__(self, number: int, request: int) -> None:
        self.number = number
        self.request = request
        # Whether its caller has left it, and whether the account had no room for its run.
        self.given_up = False
        self.had_no_room = False
        # When its caller was last ready, by the monotonic clock.
        self.ready_at = 0.0
        self._asked: float | None = None
        self._ready: float | None = None

    def ask(self, now: float) -> None:
        """Note that its caller is asked whether to go on."""
        self._asked, self._ready = now, None

    def answer(self, now: float) -> float:
        """Note that its caller goes on, and return how long it took to say so."""
        self._ready = now
        self.ready_at = time.monotonic()
        return now - (self._asked or now)

    def forget(self) -> None:
        """Have its caller asked again."""
        self._asked = self._ready = None

    def fresh(self, now: float) -> float:
        """Return for how many seconds the call may still be sent, 0 if its caller has to be asked."""
        if self._asked is None or self._ready is None:
            return 0.0
        return max(0.0, max(self._asked + _FRESH, self._ready + _JUST_ENDED) - now)

    def expected(self, now: float, lead: float) -> float:
        """Return when its caller goes on, if it takes ``lead`` seconds to say so."""
        if self._asked is None:
            return now + lead
        return now if self._ready is not None else max(now, self._asked + lead)

    def waits_for_caller(self, now: float) -> bool:
        """Tell whether its caller was asked and takes so long to answer that others may go before."""
        return self._asked is not None and self._ready is None and now - self._asked > _PATIENCE


class Attempt(Generic[T]):
    """
    One call: it is either sent or taken back.

    :param call: what to call.
    :param ready: when its caller said that it goes on, by the monotonic clock.
    """

    def __init__(self, call: Callable[[OmicsHook], T], ready: float) -> None:
        # Whether it was sent, which it is only once.
        self.sent = False
        self._call = call
        self._caller_ready = ready
        self._lock = threading.Lock()
        self._taken_back = False
        # What it logs belongs to the log of its caller.
        self._context = contextvars.copy_context()

    def __call__(self, hook: OmicsHook) -> T | None:
        """Send it, in a thread, unless it was taken back or the process stood still since its caller was ready."""
        with self._lock:
            if self._taken_back or time.monotonic() - self._caller_ready > _STOOD_STILL:
                return None
            self.sent = True
        return self._context.run(self._call, hook)

    def take_back(self) -> bool:
        """Make sure that it will not be sent; False if it was."""
        with self._lock:
            self._taken_back = True
            return not self.sent
