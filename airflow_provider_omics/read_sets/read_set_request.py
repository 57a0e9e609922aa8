# SPDX-License-Identifier: Apache-2.0
"""Build the requests of a sequence store's jobs from rendered arguments; one error names every violation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_omics.records import documents
from airflow_provider_omics.records.read_set_job import source_of
from airflow_provider_omics.request.build import UNRENDERED, broken_tag_rules, broken_text_rules, text_of
from airflow_provider_omics.request.members import PRINTABLE, Kind, Member
from airflow_provider_omics.request.violations import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_omics.records.documents import JsonValue

_URI = r"s3://([a-z0-9][a-z0-9-.]{1,61}[a-z0-9])/(.{1,1024})"
_STORE = Member("sequenceStoreId", Kind.TEXT, "Sequence store.", 10, 36, "[0-9]+", required=True)
_TOKEN = Member("clientToken", Kind.TEXT, "Idempotency token; derived by default.", 1, 127, PRINTABLE)
IMPORT: Final = (
    _STORE,
    Member("roleArn", Kind.TEXT, "Service role of the job.", 20, 2048, "arn:.*", required=True),
    _TOKEN,
)
ACTIVATION: Final = (_STORE, _TOKEN)
SOURCE: Final = (
    Member(
        "sourceFileType",
        Kind.TEXT,
        "Type of the files.",
        choices=("FASTQ", "BAM", "CRAM", "UBAM"),
        required=True,
    ),
    Member("subjectId", Kind.TEXT, "Subject of the sample.", 1, 127, PRINTABLE, required=True),
    Member("sampleId", Kind.TEXT, "Sample.", 1, 127, PRINTABLE, required=True),
    Member("generatedFrom", Kind.TEXT, "Where the source originated.", 1, 127, PRINTABLE),
    Member("referenceArn", Kind.TEXT, "Reference genome of aligned reads.", 1, 127, "arn:.+"),
    Member("name", Kind.TEXT, "Name of the read set.", 1, 127, PRINTABLE),
    Member("description", Kind.TEXT, "Description of the read set.", 1, 255, PRINTABLE),
)
FILES: Final = (
    Member("source1", Kind.TEXT, "S3 URI of the reads.", pattern=_URI, required=True),
    Member("source2", Kind.TEXT, "S3 URI of the second reads of pairs.", pattern=_URI),
)
READ_SET: Final = Member("readSetId", Kind.TEXT, "Read set.", 10, 36, "[0-9]+", required=True)
MAX_IMPORTED: Final = 100
MAX_ACTIVATED: Final = 20


def build_import(arguments: Mapping[str, object], *, reserved_tags: int = 0) -> tuple[dict[str, JsonValue], list[str]]:
    """
    Return the StartReadSetImportJob request of the arguments that are not None, and warnings.

    :param arguments: rendered values by argument name; ``UNRENDERED`` ones count as given and are not checked.
    :param reserved_tags: how many of a read set's 50 tags the caller may not use.
    :raises RequestError: with every violation.
    """
    violations: list[str] = []
    request = _texts(IMPORT, {member.name: arguments.get(member.argument) for member in IMPORT}, "", violations)

    def source(value: object, place: str) -> dict[str, JsonValue]:
        return _source(value, place, reserved_tags, violations)

    sources = _items(arguments.get("sources"), MAX_IMPORTED, source, violations)
    if violations or (violations := list(_told_apart_by_nothing(sources))):
        raise RequestError(violations)
    return {**request, "sources": list(sources)}, list(_warnings(sources))


def _told_apart_by_nothing(sources: list[dict[str, JsonValue]]) -> Iterator[str]:
    """Yield a sentence for each source that a retry would take for another one; the same one twice is one."""
    first: dict[str, int] = {}
    for index, item in enumerate(sources):
        other = first.setdefault(source_of(item).key, index)
        if item != sources[other]:
            yield (
                f"sources[{index}] names the files, subject and sample of sources[{other}], and a retry could not tell "
                "which of the two is imported: give each a task of its own"
            )


def build_activation(arguments: Mapping[str, object]) -> dict[str, JsonValue]:
    """
    Return the StartReadSetActivationJob request of the arguments that are not None; a read set counts once.

    :param arguments: rendered values by argument name; ``UNRENDERED`` ones are taken for given and not checked.
    :raises RequestError: with every violation.
    """
    violations: list[str] = []
    request = _texts(ACTIVATION, {member.name: arguments.get(member.argument) for member in ACTIVATION}, "", violations)

    def source(value: object, place: str) -> dict[str, JsonValue]:
        members = value if isinstance(value, dict) else {READ_SET.name: value}
        return _texts((READ_SET,), members, place, violations)

    sources = _items(arguments.get("sources"), MAX_ACTIVATED, source, violations)
    if violations:
        raise RequestError(violations)
    unique = {str(item["readSetId"]): item for item in sources}
    return {**request, "sources": list(unique.values())}


def _items(
    value: object,
    most: int,
    read: Callable[[object, str], dict[str, JsonValue]],
    violations: list[str],
) -> list[dict[str, JsonValue]]:
    """Return the sources, of a list or of one in JSON."""
    if value is UNRENDERED:
        return []
    try:
        value = documents.plain(documents.parse(value) if isinstance(value, str) else value)
    except (ValueError, RecursionError) as error:
        violations.append(f"sources {'contains itself' if isinstance(error, RecursionError) else error}")
        return []
    if not isinstance(value, list):
        violations.append(f"sources must be a list of 1 to {most}, not {type(value).__name__}")
        return []
    if wrong := list(documents.not_json(value, "sources")):
        violations += wrong
        return []
    if not 1 <= len(value) <= most:
        cure = "skip the task if there are none" if not value else "map the task over smaller lists"
        violations.append(f"sources must be 1 to {most} (HealthOmics' limit of a job), not {len(value)}: {cure}")
        return []
    return [read(item, f"sources[{index}]") for index, item in enumerate(value)]


def _source(value: object, place: str, reserved_tags: int, violations: list[str]) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        violations.append(f"{place} must be a JSON object, not {type(value).__name__}")
        return {}
    given = {name: item for name, item in value.items() if name not in ("sourceFiles", "tags")}
    source = _texts(SOURCE, given, place, violations)
    files = value.get("sourceFiles")
    if isinstance(files, dict):
        source["sourceFiles"] = _texts(FILES, files, f"{place}.sourceFiles", violations)
    else:
        violations.append(f"{place}.sourceFiles must be a JSON object with source1 and, for pairs, source2")
    tags = value.get("tags")
    if isinstance(tags, dict):
        source["tags"] = {key: _text(_TAG, item, f"{place}.tags[{key!r}]", violations) for key, item in tags.items()}
        violations += broken_tag_rules(tags, reserved_tags, f"{place}.tags", _TOKEN.argument)
    elif tags is not None:
        violations.append(f"{place}.tags must be a JSON object, not {type(tags).__name__}")
    return source


_TAG = Member("tags", Kind.TEXT, "A tag's value.")


def _texts(
    members: tuple[Member, ...], given: Mapping[str, object], place: str, violations: list[str]
) -> dict[str, JsonValue]:
    """Return the members that are given, as texts; ``place`` is empty for an operator's own arguments."""
    known = {member.name: member for member in members}
    dot = f"{place}." if place else ""
    violations += [f"{dot}{name} is none of {', '.join(known)}" for name in given if name not in known]
    texts: dict[str, JsonValue] = {}
    for name, member in known.items():
        value, shown = given.get(name), f"{dot}{name}" if place else member.argument
        if value is None:
            if member.required:
                violations.append(f"{shown} is required")
        elif value is not UNRENDERED:
            texts[name] = _text(member, value, shown, violations)
    return texts


def _text(member: Member, value: object, place: str, violations: list[str]) -> str:
    try:
        text = text_of(member, value, place)
    except RequestError as error:
        violations += error.violations
        return ""
    violations += broken_text_rules(member, text, place)
    return text


def _warnings(sources: list[dict[str, JsonValue]]) -> Iterator[str]:
    for index, source in enumerate(sources):
        kind, files = source["sourceFileType"], source["sourceFiles"]
        if kind in ("BAM", "CRAM") and "referenceArn" not in source:
            yield f"sources[{index}]: aligned reads ({kind}) need a referenceArn, by the user guide"
        if kind != "FASTQ" and isinstance(files, dict) and "source2" in files:
            yield f"sources[{index}]: only FASTQ comes in pairs; HealthOmics does not say what it makes of source2"
