# SPDX-License-Identifier: Apache-2.0
"""The datasets that a run reads and writes, by OpenLineage's naming, from the URIs in documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SCHEMES: Final = ("s3://", "omics://")


@dataclass(frozen=True, slots=True)
class DatasetName:
    """
    The name of a dataset (`OpenLineage, "Naming" <https://openlineage.io/docs/spec/naming>`__).

    :param namespace: the bucket, or the HealthOmics storage of an account and Region, as a URI without a path.
    :param name: the object's key, or the path of a read set or reference.
    """

    namespace: str
    name: str


def uris(document: object) -> Iterator[str]:
    """Yield the S3 and HealthOmics URIs that are values of a document, at any depth, in order."""
    if isinstance(document, str):
        if document.startswith(_SCHEMES):
            yield document
    elif isinstance(document, Mapping):
        for value in document.values():
            yield from uris(value)
    elif isinstance(document, Sequence):
        for value in document:
            yield from uris(value)


def dataset(uri: str) -> DatasetName | None:
    """
    Return the dataset that a URI names, None if it names none.

    A prefix is named without its last slash, so that it equals the ``run_output_uri`` of the run that wrote it; a glob
    (Nextflow's ``*``) by its folder; a whole bucket as ``/``, as Airflow's assets are.
    """
    scheme, _, rest = uri.partition("://")
    authority, _, path = rest.partition("/")
    if not authority:
        return None
    fixed, glob, _ = path.partition("*")
    name = fixed.rpartition("/")[0] if glob else fixed
    return DatasetName(f"{scheme}://{authority}", name.rstrip("/") or "/")


def datasets(found: Iterable[str]) -> dict[DatasetName, str]:
    """Return the datasets of URIs, each once, in order, with the first URI of each."""
    named: dict[DatasetName, str] = {}
    for uri in found:
        if name := dataset(uri):
            named.setdefault(name, uri)
    return named
