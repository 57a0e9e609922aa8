# SPDX-License-Identifier: Apache-2.0
"""Arguments of operators: rendered, and stored with a deferral."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import jinja2
    from airflow.providers.common.compat.sdk import Context


def render_text(template: jinja2.Template, context: Context) -> str:
    """Render to text even in a native environment, which would turn version ``1.10`` into the number 1.1."""
    values = copy.copy(context)
    values.update((key, value) for key, value in template.globals.items() if key not in context)  # type: ignore[typeddict-item]
    environment = template.environment
    nodes = template.root_render_func(
        environment.context_class(environment, values, template.name, template.blocks)  # type: ignore[arg-type]
    )
    return "".join(str(node) for node in nodes)


def check_storable(values: dict[str, Any]) -> None:
    """
    Serialize values as Airflow serializes the arguments of a trigger and of a resumed task, and read them again.

    For an unknown type Airflow 3 raises an error when the task defers; 2.11 turns the value into text.

    :raises TypeError: or ValueError, AttributeError, RecursionError if they do not come back the same.
    """
    kept: Any
    try:
        from airflow.sdk import serde as kept  # noqa: PLC0415 - new in 3.2
    except ImportError:
        from airflow.serialization.serialized_objects import BaseSerialization as kept  # noqa: PLC0415, N813 - before
    read = kept.deserialize(json.loads(json.dumps(kept.serialize(values), allow_nan=False)))
    if read != values:
        raise ValueError(f"it would come back as {read!r:.500}")
