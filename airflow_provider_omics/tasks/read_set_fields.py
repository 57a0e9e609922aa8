# SPDX-License-Identifier: Apache-2.0
"""The arguments of a read set job as template fields: rendering, and building the request."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_omics.request.build import UNRENDERED, rendered, rendered_to_none
from airflow_provider_omics.request.violations import RequestError
from airflow_provider_omics.tasks.base import OmicsOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_omics.records.documents import JsonValue


class ReadSetJobFields(OmicsOperator):
    """An operator whose attributes are the arguments of StartReadSetImportJob or StartReadSetActivationJob."""

    template_fields: Sequence[str] = ("sequence_store_id", "sources", "client_token", *OmicsOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sources": "json"}
    _none_matters: ClassVar[Sequence[str]] = (*template_fields, "role_arn")
    # Not `sources`, which may become a list.
    _stays_text: ClassVar[Sequence[str]] = tuple(name for name in _none_matters if name != "sources")
    # Empty: Airflow would read a file for every text with such an ending.
    template_ext: Sequence[str] = ()

    @abstractmethod
    def build(self, arguments: Mapping[str, object]) -> tuple[dict[str, JsonValue], list[str]]:
        """Return the request of rendered arguments, and warnings; RequestError names every violation."""

    def build_request(self, *, known_only: bool = False) -> dict[str, JsonValue]:
        """Return the request; with ``known_only``, only check what needs no rendering."""
        values: dict[str, object] = {name: getattr(self, name) for name in type(self).template_fields}
        if known_only:
            values = {name: value if rendered(value) else UNRENDERED for name, value in values.items()}
        none = sorted(self._rendered_to_none())
        violations = [] if known_only else [rendered_to_none(name) for name in none]
        request: dict[str, JsonValue] = {}
        warnings: list[str] = []
        try:
            request, warnings = self.build({**values, **dict.fromkeys(none, UNRENDERED)})
        except RequestError as error:
            violations += error.violations
        if violations:
            raise self._request_error("; ".join(violations))
        if not known_only:
            for warning in warnings:
                self.log.warning("%s", warning)
        return request
