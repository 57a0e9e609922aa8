# SPDX-License-Identifier: Apache-2.0
"""The rest-json wire protocol of any AWS service, both ways, read from the installed botocore's model of it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import botocore.session
from botocore.model import ListShape, OperationModel, Shape, StructureShape

from airflow_provider_omics.local.wire.service_error import ServiceError
from airflow_provider_omics.local.wire.shapes import read, read_structure, write

if TYPE_CHECKING:
    from collections.abc import Iterator

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


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
        params = read_structure(shape, params, "", wrong)
        _refuse(wrong)
        return params

    def entry(self, operation: str, path: str, place: str, value: Any) -> Any:  # noqa: ANN401 - the model says which type
        """Return one entry of a list that an operation takes, checked as if the request held it at ``place``."""
        shape: Any = self.model.operation_model(operation).input_shape
        for name in path.split("."):
            shape = shape.members[name]
        wrong: list[str] = []
        entry = read(shape.member, value, place, wrong)
        _refuse(wrong)
        return entry

    def answer(self, operation: OperationModel, output: dict[str, Any]) -> tuple[int, bytes]:
        """Return the HTTP status and the body of an operation's answer; what its model does not know is left out."""
        status = int(operation.http.get("responseCode", 200))
        if operation.output_shape is None or status == 204:  # noqa: PLR2004 - No Content
            return status, b""
        return status, json.dumps(write(operation.output_shape, output), separators=(",", ":")).encode()


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
        return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text


def _json_object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        document = json.loads(body, parse_constant=_no_json)
        if _SURROGATE.search(body):
            json.dumps(document, ensure_ascii=False).encode()  # half of a pair is no character
    except (ValueError, RecursionError) as error:
        raise ServiceError("ValidationException", f"The body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ServiceError("ValidationException", "The body is not a JSON object")
    return document


def _no_json(constant: str) -> None:
    """Refuse NaN and Infinity, which Python's parser takes for JSON."""
    raise ValueError(f"{constant} is no JSON value")
