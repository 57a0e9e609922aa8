# SPDX-License-Identifier: Apache-2.0
"""Several calls for one result, as a generator that a worker runs synchronously and a triggerer asynchronously."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from airflow_provider_omics.hooks.omics import OmicsHook

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pause:
    """Some seconds before the next call."""

    seconds: float


# Yields a call, and is sent its answer or thrown an error that is not retried; or yields a pause.
Calls: TypeAlias = Generator["Callable[[OmicsHook], Any] | Pause", Any, T]
Call: TypeAlias = "Callable[[OmicsHook], Any] | Pause"


def answered(calls: Calls[T], answer: Callable[[Call], object]) -> T:
    """Return the result of the calls; ``answer`` makes each of them."""
    said, error = None, None
    while True:
        try:
            call = calls.throw(error) if error else calls.send(said)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # a generator's return value has no type here
        said, error = None, None
        try:
            said = answer(call)
        except Exception as raised:  # noqa: BLE001 - it is raised in the generator
            error = raised


async def answered_later(calls: Calls[T], answer: Callable[[Call], Awaitable[object]]) -> T:
    """Return the result of the calls, in an event loop."""
    said, error = None, None
    while True:
        try:
            call = calls.throw(error) if error else calls.send(said)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # likewise
        said, error = None, None
        try:
            said = await answer(call)
        except Exception as raised:  # noqa: BLE001 - it is raised in the generator
            error = raised
