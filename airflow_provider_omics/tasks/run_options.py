# SPDX-License-Identifier: Apache-2.0
"""The operator's arguments that are not members of StartRun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.links.run import RunLink
    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.run import Run


@dataclass(frozen=True, slots=True)
class RunOptions:
    """
    The arguments as they were rendered.

    :param new_hook: returns a new hook; its arguments win over those of ``botocore_config``.
    :param request: returns the StartRun request without its identity.
    :param links: returns the links of the task to a run, and their pages.
    """

    new_hook: Callable[..., OmicsHook]
    request: Callable[[], dict[str, JsonValue]]
    links: Callable[[Run], list[tuple[RunLink, str]]]
    deferrable: bool
    wait_for_completion: bool
    poll_interval: float | None
    submit_timeout: timedelta
    execution_timeout: timedelta | None
    cancel_on_kill: bool
    airflow_tags: bool
    forward_logs: bool
