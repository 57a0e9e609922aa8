# SPDX-License-Identifier: Apache-2.0
"""Versions of stored data: a task may be deferred by one release, waited for by another and resumed by a third."""

from __future__ import annotations

import logging
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)

log = logging.getLogger(__name__)
# The version of the arguments of triggers and resumed tasks, and of events: the major number rises if an older release
# would misread them, the minor one with each new member. tests/golden has an example of each.
VERSION: Final = "1.0"


class UnreadableError(ValueError):
    """This release cannot read the data of another one: the task looks for its run again."""


def check(version: object) -> None:
    """
    Raise if this release would misread data of a version; None is the oldest version.

    :raises UnreadableError: if it is another major version.
    """
    if version is not None and str(version).partition(".")[0] != VERSION.partition(".")[0]:
        raise UnreadableError(f"it was written by another release, in version {version}, and this one reads {VERSION}")


def read(kind: type[T], members: Mapping[str, object]) -> T:
    """
    Return a dataclass from data that another release may have written.

    :raises UnreadableError: if a member without a default is missing.
    """
    known = {field.name for field in fields(kind)}
    ignore(kind.__name__, members.keys() - known)
    try:
        return kind(**{name: value for name, value in members.items() if name in known})
    except TypeError as missing:
        raise UnreadableError(f"it was written by another release: {missing}") from None


def ignore(of: str, unknown: Iterable[str]) -> None:
    """Warn of members that this release does not know."""
    if names := ", ".join(sorted(unknown)):
        _warn(of, names)


@cache  # Thousands of tasks may have been deferred by the same release.
def _warn(of: str, names: str) -> None:
    log.warning("%s: unknown members of another release are ignored: %s", of, names)
