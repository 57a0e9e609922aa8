# SPDX-License-Identifier: Apache-2.0
"""The arguments of StartRun as template fields, and their rendering."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_omics.compat import render_text
from airflow_provider_omics.exceptions import StartRunRequestError
from airflow_provider_omics.records import documents
from airflow_provider_omics.request.build import rendered
from airflow_provider_omics.request.members import BY_ARGUMENT, FILE_ARGUMENTS
from airflow_provider_omics.tasks.base import OmicsOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jinja2

    from airflow_provider_omics.compat import Context


class StartRunFields(OmicsOperator):
    """An operator whose attributes are the arguments of StartRun."""

    template_fields: Sequence[str] = (*BY_ARGUMENT, "start_run_kwargs", *OmicsOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = dict.fromkeys((*FILE_ARGUMENTS, "start_run_kwargs"), "json")
    _none_matters: ClassVar[Sequence[str]] = template_fields
    _stays_text: ClassVar[Sequence[str]] = (*BY_ARGUMENT, *OmicsOperator.template_fields)
    # Empty: Airflow would read a file for every text with such an ending, also for an S3 URI inside `parameters`.
    template_ext: Sequence[str] = ()
    # Arguments that were rendered from files, and the files' names.
    _files: Mapping[str, str] = MappingProxyType({})

    def prepare_template(self) -> None:
        """Raise for a missing file when the DAG is parsed, not when the task runs."""
        for argument in FILE_ARGUMENTS:
            value = getattr(self, argument)
            if isinstance(value, str) and rendered(value) and documents.is_file_name(value):
                self._template_file(argument, value, self.get_template_env())

    def _render_text(self, field: str, text: str, context: Context, jinja_env: jinja2.Environment) -> Any:  # noqa: ANN401
        if field not in FILE_ARGUMENTS:
            return super()._render_text(field, text, context, jinja_env)
        value = self.render_template(text, context, jinja_env)
        if isinstance(value, str) and documents.is_file_name(value):
            self._files = {**self._files, field: value}
            value = render_text(self._template_file(field, value, jinja_env), context)
        if isinstance(value, str):
            try:
                document = documents.parse(value)  # The UI shows what is sent.
            except ValueError:
                return value  # The error is raised with all other violations when the request is built.
            # An empty file stays text, so that the error names the file.
            return value if document is None and field in self._files else document
        return value

    def _template_file(self, argument: str, name: str, jinja_env: jinja2.Environment) -> jinja2.Template:
        from jinja2 import TemplateNotFound  # noqa: PLC0415 - DAG files without such a file need no Jinja

        try:
            return jinja_env.get_template(name)
        except UnicodeDecodeError as error:
            raise StartRunRequestError(
                f"{type(self).__name__} {self.task_id}: {argument}: {name} is not UTF-8 ({error})"
            ) from None
        except TemplateNotFound:
            folders = getattr(jinja_env.loader, "searchpath", [])
            raise StartRunRequestError(
                f"{type(self).__name__} {self.task_id}: {argument}: there is no file {name!r} beside the DAG "
                f"or in template_searchpath ({', '.join(folders)})"
            ) from None
