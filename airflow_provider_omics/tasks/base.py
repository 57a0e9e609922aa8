# SPDX-License-Identifier: Apache-2.0
"""The base of all operators and sensors: connection arguments, times, and rendering."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_omics.compat import BaseOperator, check_storable, render_text, resolved_when_unmapped
from airflow_provider_omics.exceptions import OmicsRequestError
from airflow_provider_omics.request.arguments import broken_connection_rules, seconds_of, verify_of
from airflow_provider_omics.request.build import rendered, rendered_to_none
from airflow_provider_omics.request.violations import RequestError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    import jinja2
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_omics.aws.hook_params import HookParams
    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.records.documents import JsonValue


class OmicsConnection:
    """The four connection arguments of an operator or a sensor, its times, and the rendering of its fields."""

    task_id: str
    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None
    botocore_config: dict[str, JsonValue] | None
    execution_timeout: timedelta | None
    # Template fields that must not silently become None by rendering.
    _none_matters: ClassVar[Sequence[str]] = ("aws_conn_id", "region_name", "verify")
    _none: frozenset[str] = frozenset()
    # Fields that stay text under native rendering, which would turn an id into a number.
    _stays_text: ClassVar[Sequence[str]] = ("aws_conn_id", "region_name", "verify")

    @property
    def hook_params(self) -> HookParams:
        """The connection arguments as one."""
        from airflow_provider_omics.aws.hook_params import HookParams  # noqa: PLC0415 - keep DAG parsing fast

        return HookParams(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)

    def hook(self, **config: JsonValue) -> OmicsHook:
        """Return a new hook; ``config`` wins over ``botocore_config``."""
        from airflow_provider_omics.hooks.omics import OmicsHook  # noqa: PLC0415 - no boto3 in DAG files

        return OmicsHook.from_params(self.hook_params, config)

    def _deadline(self) -> float | None:
        """Return a time shortly before Airflow's own time-out, which would not cancel the run, in epoch seconds."""
        if not self.execution_timeout:  # For Airflow zero means none.
            return None
        seconds = self.execution_timeout.total_seconds()
        return time.time() + seconds - min(10.0, seconds / 10)

    def check_deferral(self, trigger: BaseTrigger, method_name: str, kwargs: dict[str, Any]) -> None:
        """
        Check, before anything is started, that Airflow can store the deferral, by serializing it as Airflow will.

        :raises OmicsRequestError: if it cannot.
        """
        try:
            check_storable({"trigger": trigger.serialize()[1], "kwargs": kwargs})
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            what = f"Airflow cannot store the arguments of the trigger or of {method_name}"
            raise self._request_error(f"{what}; nothing was started: {error}") from error

    def _check_connection(self) -> None:
        """Raise if a connection argument has a wrong type, as far as it is rendered."""
        none = self._rendered_to_none()
        broken = [rendered_to_none(name) for name in OmicsConnection._none_matters if name in none]
        broken += broken_connection_rules(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)
        if broken:
            raise self._request_error("; ".join(broken))

    def _check_switches(self, *names: str) -> None:
        """Raise if an argument is not a boolean: a template would not be rendered, and count as true."""
        wrong = {name: value for name in names if not isinstance(value := getattr(self, name), bool)}
        if wrong:
            rule = "must be True or False, and cannot be a template"
            raise self._request_error("; ".join(f"{name} {rule}, not {value!r:.80}" for name, value in wrong.items()))

    def _seconds(self, name: str, value: timedelta | float, *, zero: bool = False) -> float:
        """Return a time in seconds; OmicsRequestError if it breaks a rule."""
        try:
            return seconds_of(name, value, zero=zero)
        except RequestError as error:
            raise self._request_error(error) from None

    def _do_render_template_fields(
        self,
        parent: Any,  # noqa: ANN401 - Airflow's signature
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        # The one method that Airflow 2.11 and 3 call with the fields' names for both tasks and mapped tasks.
        for field in template_fields:
            given = getattr(parent, field, None)
            if parent is self and isinstance(given, str) and field in self._stays_text:
                setattr(self, field, self._render_text(field, given, context, jinja_env))
            else:
                super()._do_render_template_fields(parent, [field], context, jinja_env, seen_oids)  # type: ignore[misc]
            if parent is self:
                self._note_none(field, given)
        if parent is self:
            self._check_connection()
            self.verify = verify_of(self.verify)

    def _render_text(self, field: str, text: str, context: Context, jinja_env: jinja2.Environment) -> Any:  # noqa: ANN401, ARG002
        """Return the rendered value of a field that is a text."""
        return render_text(jinja_env.from_string(text), context)

    def _note_none(self, field: str, given: object) -> None:
        """Note that a field has rendered to None, or to the text "None"."""
        value = getattr(self, field, None)
        printed = isinstance(given, str) and not rendered(given) and isinstance(value, str) and value.strip() == "None"
        if field in self._none_matters and (printed or (value is None and given is not None)):
            setattr(self, field, None)
            self._none |= {field}

    def _rendered_to_none(self) -> frozenset[str]:
        """Return the fields that were given and rendered to None; a None that is written in the DAG means not given."""
        resolved = resolved_when_unmapped(self, OmicsConnection._none_matters)
        return self._none.union(
            name for name in self._none_matters if name in resolved and getattr(self, name, None) is None
        )

    def _request_error(self, why: object) -> OmicsRequestError:
        return OmicsRequestError(f"{type(self).__name__} {self.task_id}: {why}")


class OmicsOperator(OmicsConnection, BaseOperator):
    """
    Reach AWS HealthOmics by an Airflow connection.

    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    """

    template_fields: Sequence[str] = ("aws_conn_id", "region_name", "verify")
    ui_color = "#d6e9d0"

    def __init__(
        self,
        *,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | os.PathLike[str] | None = None,
        botocore_config: dict[str, JsonValue] | None = None,
        **kwargs: Any,  # noqa: ANN401 - whatever BaseOperator takes
    ) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify_of(verify)
        self.botocore_config = botocore_config
        self._check_connection()
