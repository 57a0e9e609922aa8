# SPDX-License-Identifier: Apache-2.0
"""JSON documents: read from text, and checked before botocore sends them."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml import SafeLoader

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"

SUFFIXES = (".json", ".yaml", ".yml")
# Airflow 3's processes can exchange integers of 64 bits, and documents nested less than 250 deep.
_SMALLEST, _BIGGEST = -(2**63), 2**64 - 1
_DEEPEST = 200


def is_file_name(text: str) -> bool:
    """Tell whether a text is a file name, and not a document or an S3 URI."""
    return text.endswith(SUFFIXES) and "\n" not in text and "://" not in text and not text.lstrip().startswith("{")


def parse(text: str) -> object:
    """Parse JSON or, if the text is not JSON, YAML; ValueError if it is neither."""
    try:
        return _parse(text.removeprefix("\ufeff"))  # Some editors write a byte order mark.
    except RecursionError:
        raise ValueError(f"is nested more than {_DEEPEST} deep") from None


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith(("{", "[")):
            hint = "; a template that prints a dict or list needs the filter `| tojson`" if "'" in text else ""
            raise ValueError(f"is not JSON ({error}){hint}") from None
    return _parse_yaml(text)


def _parse_yaml(text: str) -> object:
    import yaml  # noqa: PLC0415 - only YAML documents pay for it

    try:
        return yaml.load(text, _yaml_loader())  # noqa: S506 - a subclass of SafeLoader
    except RecursionError:
        raise
    except Exception as error:  # noqa: BLE001 - for a tag such as `!!bool x` PyYAML raises any type of error
        raise ValueError(f"is neither JSON nor YAML ({' '.join(str(error).split())})") from None


@cache
def _yaml_loader() -> type[SafeLoader]:
    """Return a loader that reads scalars as JSON does: `0012`, `NO`, `1:30` and `2026-01-31` stay text."""
    import yaml  # noqa: PLC0415 - only YAML documents pay for it

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {}  # noqa: RUF012 - the name is PyYAML's

    for tag, pattern, first in (
        ("bool", r"true|false", "tf"),
        ("null", r"null|~|", ["n", "~", ""]),
        ("int", r"-?(?:0|[1-9]\d*)", "-0123456789"),
        ("float", r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", "-0123456789"),
        ("merge", r"<<", "<"),
    ):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})\Z"), list(first))
    return Loader


def plain(value: object) -> object:
    """Return mappings as dicts, and tuples and the lazily read XComs of mapped tasks as lists."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [plain(item) for item in value]
    return value


def not_json(value: object, path: str, room: int = _DEEPEST) -> Iterator[str]:
    """Yield a sentence for each place of a value that JSON, or Airflow, cannot hold."""
    if not room:
        yield f"{path[:100]}…: nested more than {_DEEPEST} deep"
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                yield f"{path}: keys must be strings, not {key!r}"
            elif wrong := _not_json(key):
                yield f"{path}: the key {wrong}"
            else:
                yield from not_json(item, f"{path}.{key}", room - 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from not_json(item, f"{path}[{index}]", room - 1)
    elif wrong := _not_json(value):
        yield f"{path}: {wrong}"


def _not_json(value: object) -> str | None:
    """Return what is wrong with a value that is neither dict nor list."""
    if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
        return f"{value!a} is no Unicode text"
    if isinstance(value, str) and "\0" in value:
        return f"{value!a:.100} holds the character U+0000, which PostgreSQL cannot store; leave it out"
    if isinstance(value, float) and not math.isfinite(value):
        return f"JSON has no {value}; leave it out or write it as text"
    if isinstance(value, int) and not _SMALLEST <= value <= _BIGGEST:
        return "an integer of more than 64 bits; write it as text"
    if value is not None and not isinstance(value, str | int | float):
        return f"{type(value).__name__} is not a JSON type; write it as text or number"
    return None


def to_json(value: JsonValue) -> str:
    """Return a document as compact JSON with sorted keys."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True)


def with_shared_names(arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return arguments with interned names: parsed from JSON, each of thousands of triggers would have copies."""
    return {sys.intern(name): value for name, value in arguments.items()}
