# SPDX-License-Identifier: Apache-2.0
"""Whether what comes as JSON fits the types that it is for.

pydantic would take more: a class for each document, and what puts its errors into one sentence. Airflow 2.11 does not
bring it, either.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, get_args, get_origin

_MEANINGS = {float: "a number", int: "an integer", bool: "true or false", str: "a string", type(None): "null"}


def check(what: str, members: Mapping[str, Any], hints: Mapping[str, Any]) -> None:
    """Raise ValueError, which names the member and what it takes, unless all members that have a hint fit it."""
    for name, value in members.items():
        if name in hints and not fits(value, hints[name]):
            raise ValueError(f"The {what} {name} cannot be {value!r}; it takes {_meaning(hints[name])}.")


def check_all(what: str, members: Mapping[str, Any], hints: Mapping[str, Any]) -> None:
    """Raise ValueError unless all members have a hint and fit it."""
    if unknown := [name for name in members if name not in hints]:
        raise ValueError(f"The {what} {unknown[0]} is not known; there are {', '.join(hints)}.")
    check(what, members, hints)


def check_times(what: str, members: Mapping[str, Any]) -> None:
    """Raise ValueError if something is to happen less than once."""
    times = members.get("times")
    if times is not None and times < 1:
        raise ValueError(f"The {what} times cannot be {times!r}; it is 1 or more, or null for ever.")


def fits(value: object, hint: Any) -> bool:  # noqa: ANN401 - a type, a union or a Literal
    """Tell whether a JSON value fits a type; numbers are finite, an array is a tuple."""
    kind, arguments = get_origin(hint), get_args(hint)
    if hint in (float, int):
        return isinstance(value, int | hint) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if kind is UnionType:
        return any(fits(value, argument) for argument in arguments)
    if kind is Literal:
        return value in arguments
    if kind is tuple:
        return isinstance(value, list | tuple) and all(fits(item, arguments[0]) for item in value)
    if kind in (dict, Mapping):
        return isinstance(value, dict) and all(fits(item, arguments[1]) for item in value.values())
    return hint is Any or isinstance(value, hint)


def _meaning(hint: Any) -> str:  # noqa: ANN401 - a type, a union or a Literal
    kind, arguments = get_origin(hint), get_args(hint)
    if kind is UnionType:
        return " or ".join(map(_meaning, arguments))
    if kind is Literal:
        return " or ".join(map(repr, arguments))
    if kind is tuple:
        return f"an array, each item {_meaning(arguments[0])}"
    if kind in (dict, Mapping):
        return "an object" if arguments[1] is Any else f"an object, each value {_meaning(arguments[1])}"
    return _MEANINGS[hint]
