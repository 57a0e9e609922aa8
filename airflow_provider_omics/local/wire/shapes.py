# SPDX-License-Identifier: Apache-2.0
"""JSON values read and written by the shapes of a service's model; what breaks one of their rules is told."""

from __future__ import annotations

import base64
import re
import unicodedata
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

if TYPE_CHECKING:
    from collections.abc import Callable

_PROPERTIES = re.compile(r"(?P<prefix>\w*)\[(?P<members>(?:\\p\{\w\}|\\[tnr]|[^\\\]])*)\]\+")
_MAX_SHOWN = 200


def read(shape: Shape, value: Any, path: str, wrong: list[str]) -> Any:  # noqa: ANN401 - the model says which type
    """Return a JSON value as the shape's type; every broken rule is added to ``wrong``."""
    if getattr(shape, "is_document_type", False):
        return value
    kind, reader = _READERS[shape.type_name]
    return reader(shape, value, path, wrong) if _is(value, kind, path, wrong) else value


def read_structure(shape: StructureShape, value: dict[str, Any], path: str, wrong: list[str]) -> dict[str, Any]:
    """Return a JSON object as a structure; unknown and missing members are added to ``wrong``."""
    dot = f"{path}." if path else ""
    wrong.extend(
        f"Value null at '{dot}{name}' failed to satisfy constraint: Member must not be null"
        for name in shape.required_members
        if value.get(name) is None
    )
    wrong.extend(f"Unknown member '{dot}{name}'" for name in value if name not in shape.members)
    members = {
        name: read(shape.members[name], item, dot + name, wrong)
        for name, item in value.items()
        if name in shape.members and item is not None
    }
    if shape.is_tagged_union and len(members) != 1:
        wrong.append(f"Value at '{path}' failed to satisfy constraint: Exactly one member must be set")
    return members


def _read_list(shape: ListShape, value: list[Any], path: str, wrong: list[str]) -> list[Any]:
    _check_range(shape, len(value), value, path, wrong)
    return [read(shape.member, item, f"{path}.{i}.member", wrong) for i, item in enumerate(value, 1)]


def _read_map(shape: MapShape, value: dict[str, Any], path: str, wrong: list[str]) -> dict[str, Any]:
    _check_range(shape, len(value), value, path, wrong)
    for key in value:
        read(shape.key, key, f"{path}.key", wrong)
    return {key: read(shape.value, item, f"{path}.{key}", wrong) for key, item in value.items()}


def _read_number(shape: Shape, value: int, path: str, wrong: list[str]) -> int:
    _check_range(shape, value, value, path, wrong)
    return value


def _read_boolean(_shape: Shape, value: bool, _path: str, _wrong: list[str]) -> bool:  # noqa: FBT001 - a reader like the others
    return value


def _is(value: object, kind: type, path: str, wrong: list[str]) -> bool:
    fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not fits:
        names = {str: "a string", int: "an integer", bool: "a boolean", list: "a list", dict: "an object"}
        _broken(value, path, f"Member must be {names[kind]}", wrong)
    return fits


def _check_range(shape: Shape, size: int, value: object, path: str, wrong: list[str]) -> None:
    """Check a number, or the length of anything else, against the shape's min and max."""
    what = "value" if shape.type_name in ("integer", "long") else "length"
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        _broken(value, path, f"Member must have {what} greater than or equal to {low}", wrong)
    if high is not None and size > high:
        _broken(value, path, f"Member must have {what} less than or equal to {high}", wrong)


def _read_blob(shape: Shape, value: str, path: str, wrong: list[str]) -> bytes:
    try:
        data = base64.b64decode(value, validate=True)
    except ValueError:
        _broken(value, path, "Member must be base64", wrong)
        return b""
    _check_range(shape, len(data), "(blob)", path, wrong)
    return data


def _read_string(shape: StringShape, value: str, path: str, wrong: list[str]) -> str:
    if shape.enum and value not in shape.enum:
        _broken(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]", wrong)
    _check_range(shape, len(value), value, path, wrong)
    pattern = shape.metadata.get("pattern")
    if pattern and not _matcher(pattern)(value):
        _broken(value, path, f"Member must satisfy regular expression pattern: {pattern}", wrong)
    return value


def _read_timestamp(_shape: Shape, value: str, path: str, wrong: list[str]) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        _broken(value, path, "Member must be an ISO 8601 time", wrong)
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_READERS: dict[str, tuple[type, Callable[..., Any]]] = {
    "structure": (dict, read_structure),
    "list": (list, _read_list),
    "map": (dict, _read_map),
    "string": (str, _read_string),
    "blob": (str, _read_blob),
    "integer": (int, _read_number),
    "long": (int, _read_number),
    "boolean": (bool, _read_boolean),
    "timestamp": (str, _read_timestamp),
}


def _broken(value: object, path: str, rule: str, wrong: list[str]) -> None:
    text = str(value)
    shown = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
    wrong.append(f"Value '{shown}' at '{path}' failed to satisfy constraint: {rule}")


@cache
def _matcher(pattern: str) -> Callable[[str], object]:
    r"""Return the check of a Java pattern: Python's ``re`` knows no ``\p{L}``; in a Java class ``||`` is a literal."""
    if r"\p{" not in pattern:
        return re.compile(pattern, re.ASCII).fullmatch
    parts = _PROPERTIES.fullmatch(pattern)
    if parts is None:
        raise NotImplementedError(f"The pattern {pattern!r} has a form that this endpoint cannot check: teach it here.")
    prefix, members = parts["prefix"], parts["members"]
    categories = frozenset(re.findall(r"\\p\{(\w)\}", members))
    escapes = {r"\t": "\t", r"\n": "\n", r"\r": "\r"}
    literals = frozenset(
        escapes.get(char, char) for char in re.findall(r"\\[tnr]|[^\\]", re.sub(r"\\p\{\w\}", "", members))
    )

    def matches(value: str) -> bool:
        rest = value.removeprefix(prefix)
        return (
            value.startswith(prefix)
            and rest != ""
            and all(char in literals or unicodedata.category(char)[0] in categories for char in rest)
        )

    return matches


def write(shape: Shape, value: Any) -> Any:  # noqa: ANN401 - the model says which type
    """Return an output value as JSON; None and members that the model does not have are left out."""
    if getattr(shape, "is_document_type", False):
        return value
    if isinstance(shape, StructureShape):
        known = shape.members
        return {name: write(known[name], item) for name, item in value.items() if item is not None and name in known}
    if isinstance(shape, ListShape):
        return [write(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: write(shape.value, item) for key, item in value.items()}
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value
