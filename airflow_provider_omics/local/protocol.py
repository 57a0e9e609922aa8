# SPDX-License-Identifier: Apache-2.0
"""The rest-json wire protocol of any AWS service, both ways, read from the installed botocore's model of it."""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata
from collections import defaultdict
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PROPERTIES = re.compile(r"(?P<prefix>\w*)\[(?P<members>(?:\\p\{\w\}|\\[tnr]|[^\\\]])*)\]\+")
_MAX_SHOWN = 200


class ServiceError(Exception):
    """An error of the service: a code of its model and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type[ServiceError], tuple[str, str], dict[str, Any]]:
        return type(self), (self.code, self.message), vars(self)


class Service:
    """One service's operations: find the one that a request means, read its input, write its output or error."""

    def __init__(self, name: str) -> None:
        self.model = botocore.session.get_session().get_service_model(name)
        self.statuses: dict[str, int] = {
            # Every AWS service answers them, and no model has them ("Common errors" of an API reference).
            "ExpiredTokenException": 403,
            "InvalidSignatureException": 403,
            "RequestTimeout": 408,
            "Throttling": 400,
            "UnrecognizedClientException": 403,
            **{shape.name: shape.metadata["error"]["httpStatusCode"] for shape in self.model.error_shapes},
        }
        self._routes: dict[tuple[str, int], list[tuple[list[str], OperationModel]]] = defaultdict(list)
        for operation in map(self.model.operation_model, self.model.operation_names):
            segments = operation.http["requestUri"].partition("?")[0].split("/")
            self._routes[operation.http["method"], len(segments)].append((segments, operation))
        for routes in self._routes.values():
            routes.sort(key=lambda route: sum(segment.startswith("{") for segment in route[0]))

    def route(self, method: str, raw_path: str) -> tuple[OperationModel, dict[str, str]]:
        """Return the operation of a request and the labels in its path, which is still percent-encoded."""
        given = raw_path.split("/")
        for segments, operation in self._routes.get((method, len(given)), ()):
            labels = _match(segments, given)
            if labels is not None:
                return operation, labels
        name = self.model.service_name
        raise ServiceError("UnknownOperationException", f"{method} {raw_path} is no operation of {name}")

    def parse(self, operation: OperationModel, labels: dict[str, str], query: str, body: bytes) -> dict[str, Any]:
        """Return the operation's input, or raise a ValidationException that names everything wrong with it."""
        shape = operation.input_shape
        if shape is None:
            return {}
        wrong: list[str] = []
        params = dict(_outside_body(shape, labels, query, wrong))
        document = _json_object(body)
        for name, value in document.items():
            member = shape.members.get(name)
            if member is None or member.serialization.get("location"):
                wrong.append(f"Unknown member '{name}'")
            elif value is not None:
                params[name] = value
        params = _read_structure(shape, params, "", wrong)
        _refuse(wrong)
        return params

    def entry(self, operation: str, path: str, place: str, value: Any) -> Any:  # noqa: ANN401 - the model says which type
        """Return one entry of a list that an operation takes, checked as if the request held it at ``place``."""
        shape: Any = self.model.operation_model(operation).input_shape
        for name in path.split("."):
            shape = shape.members[name]
        wrong: list[str] = []
        read = _read(shape.member, value, place, wrong)
        _refuse(wrong)
        return read

    def answer(self, operation: OperationModel, output: dict[str, Any]) -> tuple[int, bytes]:
        """Return the HTTP status and the body of an operation's answer; what its model does not know is left out."""
        status = int(operation.http.get("responseCode", 200))
        if operation.output_shape is None or status == 204:  # noqa: PLR2004 - No Content
            return status, b""
        return status, json.dumps(_write(operation.output_shape, output), separators=(",", ":")).encode()


def _refuse(wrong: list[str]) -> None:
    if wrong:
        count = f"{len(wrong)} validation error{'s' if len(wrong) > 1 else ''} detected"
        raise ServiceError("ValidationException", f"{count}: {'; '.join(wrong)}")


def _match(segments: list[str], given: list[str]) -> dict[str, str] | None:
    """Return the labels of a path that fits the segments, else None."""
    labels = {}
    for segment, text in zip(segments, given, strict=True):
        if segment.startswith("{"):
            if not text:
                return None
            labels[segment.strip("{}+")] = unquote(text)
        elif segment != text:
            return None
    return labels


def _outside_body(
    shape: StructureShape, labels: dict[str, str], query: str, wrong: list[str]
) -> Iterator[tuple[str, Any]]:
    """Yield the members that come in the path and the query string, in their types."""
    located = _located(shape)
    for label, text in labels.items():
        yield located["uri", label][0], text
    texts: dict[str, list[str]] = defaultdict(list)
    if query:
        for key, text in parse_qsl(query, keep_blank_values=True):
            texts[key].append(text)
    for key, values in texts.items():
        if ("querystring", key) not in located:
            wrong.append(f"Unknown member '{key}'")
            continue
        name, member = located["querystring", key]
        yield name, values if isinstance(member, ListShape) else _scalar(member, values[-1])


@cache
def _located(shape: StructureShape) -> dict[tuple[str, str], tuple[str, Shape]]:
    return {
        (member.serialization["location"], member.serialization.get("name", name)): (name, member)
        for name, member in shape.members.items()
        if "location" in member.serialization
    }


def _scalar(shape: Shape, text: str) -> Any:  # noqa: ANN401 - the model says which type
    """Return a query string's text as the type of its member; what cannot be read stays text and fails validation."""
    if shape.type_name in ("integer", "long"):
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text


def _json_object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        document = json.loads(body, parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        raise ServiceError("ValidationException", f"The body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ServiceError("ValidationException", "The body is not a JSON object")
    return document


def _no_json(constant: str) -> None:
    """Refuse NaN and Infinity, which Python's parser takes for JSON."""
    raise ValueError(f"{constant} is no JSON value")


def _read(shape: Shape, value: Any, path: str, wrong: list[str]) -> Any:  # noqa: ANN401 - the model says which type
    """Return a JSON value as the shape's type; every broken rule is added to ``wrong``."""
    if getattr(shape, "is_document_type", False):
        return value
    kind, reader = _READERS[shape.type_name]
    return reader(shape, value, path, wrong) if _is(value, kind, path, wrong) else value


def _read_structure(shape: StructureShape, value: dict[str, Any], path: str, wrong: list[str]) -> dict[str, Any]:
    dot = f"{path}." if path else ""
    wrong.extend(
        f"Value null at '{dot}{name}' failed to satisfy constraint: Member must not be null"
        for name in shape.required_members
        if value.get(name) is None
    )
    wrong.extend(f"Unknown member '{dot}{name}'" for name in value if name not in shape.members)
    read = {
        name: _read(shape.members[name], item, dot + name, wrong)
        for name, item in value.items()
        if name in shape.members and item is not None
    }
    if shape.is_tagged_union and len(read) != 1:
        wrong.append(f"Value at '{path}' failed to satisfy constraint: Exactly one member must be set")
    return read


def _read_list(shape: ListShape, value: list[Any], path: str, wrong: list[str]) -> list[Any]:
    _check_range(shape, len(value), value, path, wrong)
    return [_read(shape.member, item, f"{path}.{i}.member", wrong) for i, item in enumerate(value, 1)]


def _read_map(shape: MapShape, value: dict[str, Any], path: str, wrong: list[str]) -> dict[str, Any]:
    _check_range(shape, len(value), value, path, wrong)
    for key in value:
        _read(shape.key, key, f"{path}.key", wrong)
    return {key: _read(shape.value, item, f"{path}.{key}", wrong) for key, item in value.items()}


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
    except binascii.Error:
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
    "structure": (dict, _read_structure),
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


def _write(shape: Shape, value: Any) -> Any:  # noqa: ANN401 - the model says which type
    """Return an output value as JSON; None and members that the model does not have are left out."""
    if getattr(shape, "is_document_type", False):
        return value
    if isinstance(shape, StructureShape):
        known = shape.members
        return {name: _write(known[name], item) for name, item in value.items() if item is not None and name in known}
    if isinstance(shape, ListShape):
        return [_write(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _write(shape.value, item) for key, item in value.items()}
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value
