# SPDX-License-Identifier: Apache-2.0
"""Build the StartRun request from rendered arguments: types, rules, and one error with every violation."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.records import documents
from airflow_provider_omics.request.members import BY_ARGUMENT, MEMBERS, Kind, Member
from airflow_provider_omics.request.violations import RequestError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow_provider_omics.records.documents import JsonValue

MAX_PARAMETERS_BYTES: Final = 50_000  # user guide, "Fixed quotas"
MAX_TAGS: Final = 50
# How many of them are the provider's own (lifecycle.intention).
OWN_TAGS: Final = 5
# Arguments that are left out if they render to None, as they have a sensible default or are only informative.
_LEFT_OUT: Final = ("name", "priority", "tags", "log_level", "storage_capacity")
_MAX_TAG_KEY: Final = 128
_MAX_TAG_VALUE: Final = 256


class _Unrendered:
    """Marks a value that is given, but not known before its template is rendered."""


UNRENDERED: Final = _Unrendered()


def rendered(value: object) -> bool:
    """Tell whether a value is final: no Jinja in it and nothing that Airflow resolves when the task runs."""
    try:
        return _rendered(value)
    except RecursionError:
        return True  # It contains itself, which the checks report.


def _rendered(value: object) -> bool:
    if isinstance(value, str):
        return not any(mark in value for mark in ("{{", "{%", "{#"))
    if isinstance(value, dict):
        return all(_rendered(item) for item in value.values())
    if isinstance(value, list | tuple | set):
        return all(_rendered(item) for item in value)
    if isinstance(value, os.PathLike):
        return True  # It has a `resolve` of its own.
    return not (callable(value) or hasattr(value, "resolve") or hasattr(value, "template_fields"))


def rendered_to_none(argument: str) -> str:
    """Return the violation for an argument that rendered to None, and must not silently be left out."""
    return f"{argument} rendered to None: leave the argument out, or give a value"


def build_request(
    arguments: Mapping[str, object],
    extra: Mapping[str, object] | str | _Unrendered | None = None,
    *,
    reserved_tags: int = 0,
    none: Collection[str] = (),
    files: Mapping[str, str] | None = None,
) -> tuple[dict[str, JsonValue], list[str]]:
    """
    Return the StartRun request of the arguments that are not None, and warnings.

    :param arguments: rendered values by argument name; ``UNRENDERED`` ones count as given and are not checked.
    :param extra: members that the table does not have, by their API names (``start_run_kwargs``).
    :param reserved_tags: how many of a run's 50 tags the caller may not use.
    :param none: arguments that were given and rendered to None.
    :param files: the names of the files that arguments were read from.
    :raises RequestError: with every violation.
    """
    refused = [name for name in (*BY_ARGUMENT, "start_run_kwargs") if name in none and name not in _LEFT_OUT]
    given = {name: value for name, value in arguments.items() if value is not None} | dict.fromkeys(refused, UNRENDERED)
    request: dict[str, JsonValue] = {}
    violations = [rendered_to_none(name) for name in refused]
    for member in MEMBERS:
        value = given.get(member.argument)
        if value is None or value is UNRENDERED:
            continue
        try:
            request[member.name] = _coerce(member, value, (files or {}).get(member.argument))
            violations += _broken_rules(member, request[member.name], reserved_tags)
        except RequestError as error:
            violations += error.violations
        except ValueError as error:  # Python writes no number of more than 4,300 digits.
            violations.append(f"{member.argument}: {error}")
    try:
        request |= _extra_members(extra)
    except RequestError as error:
        violations += error.violations
    violations += _broken_combinations(given, request)
    if violations:
        raise RequestError(violations)
    left_out = ", ".join(name for name in _LEFT_OUT if name in none)
    warnings = [f"Left out, as rendered to None: {left_out}"] if left_out else []
    return request, [*warnings, *_warnings(given, request)]


def _coerce(member: Member, value: object, file: str | None) -> JsonValue:
    if member.kind is Kind.TEXT:
        return text_of(member, value)
    if member.kind is Kind.INTEGER:
        return _integer(member, value)
    if member.kind is Kind.BOOLEAN:
        return _boolean(member, value)
    document = _document(member.argument, value, file)
    if member.kind is Kind.TAGS:
        return {key: text_of(member, item, f"tags[{key!r}]") for key, item in document.items()}
    return documents.to_json(document) if member.kind is Kind.JSON_TEXT else document


def text_of(member: Member, value: object, place: str | None = None) -> str:
    """
    Return a value as text.

    :param place: the member's name in messages; by default its argument.
    :raises RequestError: if it is not text.
    """
    if isinstance(value, str):
        return value
    # Native rendering may turn an id into an integer; no other type can be converted back for certain.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise RequestError([f"{place or member.argument} must be a string, not {type(value).__name__} {_shown(value)}"])


def _integer(member: Member, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,99}\s*", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise RequestError([f"{member.argument} must be an integer, not {_shown(value)}"])


def _boolean(member: Member, value: object) -> bool:
    if isinstance(value, bool):
        return value
    # The text of a template that prints a boolean of Python or of JSON.
    if isinstance(value, str) and (word := value.strip().lower()) in ("true", "false"):
        return word == "true"
    raise RequestError([f"{member.argument} must be true or false, not {_shown(value)}"])


def _document(argument: str, value: object, file: str | None = None) -> dict[str, JsonValue]:
    place = f"{argument}: {file}" if file else argument
    if isinstance(value, str):
        if documents.is_file_name(value) or "://" in value.split("\n", 1)[0].split("{", 1)[0]:
            raise RequestError([f"{argument}: {_shown(value)} must be a JSON or YAML file that lies beside the DAG"])
        try:
            value = documents.parse(value)
        except ValueError as error:
            raise RequestError([f"{place} {error}"]) from None
    if not isinstance(value, Mapping):
        raise RequestError([f"{place} must be a JSON object, not {type(value).__name__}"])
    try:
        document = documents.plain(value)
        wrong = [f"{file}: {why}" if file else why for why in documents.not_json(document, argument)]
    except RecursionError:
        wrong = [f"{place} contains itself"]
    if wrong:
        raise RequestError(wrong)
    return document  # type: ignore[return-value]  # a mapping becomes a dict


def _broken_rules(member: Member, value: JsonValue, reserved_tags: int) -> Iterator[str]:
    if isinstance(value, str):
        yield from broken_text_rules(member, value)
    elif isinstance(value, int) and not isinstance(value, bool):
        if not (member.minimum or 0) <= value <= (member.maximum or value):
            yield f"{member.argument} must be {member.minimum} to {member.maximum}, not {value}"
    elif member.name == "parameters":
        size = len(documents.to_json(value).encode())
        if size > MAX_PARAMETERS_BYTES:
            yield (
                f"parameters must be at most {MAX_PARAMETERS_BYTES} bytes of JSON, not {size}; "
                "put them into a JSON file in S3 and pass its URI as parameters_uri"
            )
    elif member.kind is Kind.TAGS and isinstance(value, dict):
        yield from broken_tag_rules(value, reserved_tags)


def broken_text_rules(member: Member, text: str, place: str | None = None) -> Iterator[str]:
    """Yield a sentence for each rule of a member that a text breaks; ``place`` is the member's name in messages."""
    name, shown = place or member.argument, _shown(text)
    if member.choices:
        if text not in member.choices:
            yield f"{name} must be one of {', '.join(member.choices)}, not {shown}"
        return
    if not (member.minimum or 0) <= len(text) <= (member.maximum or len(text)):
        yield (
            f"{name} must be {member.minimum} to {member.maximum} characters long, not {len(text)}: {shown}"
            + ("; to leave it out, pass None" if not text else "")
        )
    elif member.pattern and not matches(member.pattern, text):
        yield f"{name} must match {member.pattern}, not {shown}"
    else:
        yield from documents.not_json(text, name)
    if member.name == "outputUri" and not re.match(r"s3://[^/]+", text):
        yield f"output_uri must be an S3 URI such as s3://bucket/prefix, not {shown}"


def matches(pattern: str, text: str) -> bool:
    r"""Match a whole text with a pattern of botocore's models, whose ``\p{L}`` classes `re` does not know."""
    if r"\p{" not in pattern:
        return re.fullmatch(pattern, text) is not None
    categories = set(re.findall(r"\\p\{(\w)\}", pattern))
    literals = {"t": "\t", "n": "\n", "r": "\r"}
    also = {literals[letter] for letter in re.findall(r"\\([tnr])", pattern)}
    return all(char in also or unicodedata.category(char)[0] in categories for char in text)


def broken_tag_rules(
    tags: Mapping[str, JsonValue], reserved: int, place: str = "tags", argument: str = "request_id"
) -> Iterator[str]:
    """Yield a sentence for each broken rule of tags; ``reserved`` is the number of the provider's own tags."""
    if len(tags) > MAX_TAGS - reserved:
        own = (
            f"; {reserved} of the {MAX_TAGS} are the provider's own, airflow_tags=False frees them" if reserved else ""
        )
        yield f"{place} must be at most {MAX_TAGS - reserved}, not {len(tags)}{own}"
    for key, value in tags.items():
        if not 1 <= len(key) <= _MAX_TAG_KEY or key.lower().startswith("aws:"):
            rule = f"a key must be 1 to {_MAX_TAG_KEY} characters long and not start with aws:"
            yield f"{place}: {rule}, not {_shown(key)}"
        if isinstance(value, str) and len(value) > _MAX_TAG_VALUE:
            yield f"{place}[{_shown(key)}] must be at most {_MAX_TAG_VALUE} characters long, not {len(value)}"
        if reserved and key == "airflow:request_id":
            cure = f"set {argument}, or airflow_tags=False"
            yield f"{place}: airflow:request_id is reserved, as a retry looks for it; {cure}"


def _extra_members(extra: Mapping[str, object] | str | _Unrendered | None) -> dict[str, JsonValue]:
    if extra is None or isinstance(extra, _Unrendered):
        return {}
    document = _document("start_run_kwargs", extra)
    known = {member.name: member.argument for member in MEMBERS}
    violations = [
        f"start_run_kwargs: {name} has its own argument, {known.get(name, name)}"
        for name in document
        if name in known or name in BY_ARGUMENT
    ]
    if violations:
        raise RequestError(violations)
    return document


def _broken_combinations(given: Mapping[str, object], request: Mapping[str, JsonValue]) -> Iterator[str]:
    for member in MEMBERS:
        if member.required and member.argument not in given:
            yield f"{member.argument} is required"
    if "parameters" in given and "parameters_uri" in given:
        yield "parameters cannot go with parameters_uri: give one of the two"
    duplicate = "run_id" in given
    if not duplicate and "workflow_id" not in given:
        yield "workflow_id (to start a new run) or run_id (to duplicate one) is required"
    if duplicate and "workflow_owner_id" in given:
        yield "run_id cannot go with workflow_owner_id: HealthOmics does not duplicate runs of a shared workflow"
    if request.get("workflowType") == "READY2RUN" and "cache_id" in given:
        yield "cache_id cannot go with workflow_type READY2RUN: Ready2Run workflows have no call caching"
    if duplicate:
        return  # A duplicate copies what is not given.
    if "cache_behavior" in given and "cache_id" not in given:
        yield "cache_behavior needs cache_id, the run cache whose behavior it overrides"
    if request.get("networkingMode") == "VPC" and "configuration_name" not in given:
        yield "networking_mode VPC needs configuration_name"


def _warnings(given: Mapping[str, object], request: Mapping[str, JsonValue]) -> Iterator[str]:
    if "workflow_id" in given and "run_id" in given:
        yield "workflow_id and run_id are both given; which one HealthOmics uses is not published"
    if request.get("storageType") == "DYNAMIC" and "storage_capacity" in given:
        yield "storage_capacity is ignored with storage_type DYNAMIC"
    if "configuration_name" in given and request.get("networkingMode", "RESTRICTED") != "VPC":
        yield "configuration_name is for networking_mode VPC"
    if request.get("outputUriPrefixMode") == "NONE_WITH_OVERWRITE":
        yield "output_uri_prefix_mode NONE_WITH_OVERWRITE lets a retry or a mapped task overwrite another run's outputs"
    role = request.get("roleArn")
    if isinstance(role, str) and not re.fullmatch(r"arn:[\w-]+:iam::[0-9]{12}:role/.+", role):
        yield f"role_arn does not look like the ARN of an IAM role: {_shown(role)}"


def _shown(value: object) -> str:
    # The query of a presigned URL is a credential.
    text = re.sub(r"(https?://[^?\s]*\?)[^\s'\"]*", r"\1…", repr(value))
    return text if len(text) <= 80 else f"{text[:77]}…"  # noqa: PLR2004 - one terminal line
