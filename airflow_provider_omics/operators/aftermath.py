# SPDX-License-Identifier: Apache-2.0
"""What a task tells and hands on when its run has ended."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset, AssetAlias

from airflow_provider_omics.core.failures import understand
from airflow_provider_omics.core.lineage import uris
from airflow_provider_omics.exceptions import RunFailedError, RunFailedForGoodError
from airflow_provider_omics.hooks.aftermath import failed_tasks, last_lines, outputs

if TYPE_CHECKING:
    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.core.documents import JsonValue
    from airflow_provider_omics.core.run import Run
    from airflow_provider_omics.operators.start_run_task import StartRunTask

log = logging.getLogger(__name__)
# A workflow may write thousands of files; each asset is a row of Airflow's database.
_MAX_ASSETS = 100


def failure(operator: StartRunTask, run: Run) -> RunFailedError:
    """Return the error of a run that FAILED: retryable or not, with all that helps to mend it."""
    # Ten adaptive attempts at a log would keep the failure waiting, and nobody has to have the log.
    hook = operator.hook(retries={"mode": "standard", "total_max_attempts": 3})
    tasks, failed = failed_tasks(hook, run)
    lines = last_lines(hook, run, tasks[0]) if tasks else []
    found = understand(run, tasks, failed=failed, log=lines, retry_on=operator.retry_on)
    links = [f"{link.name}: {link.url(run.arn, run.output_uri)}" for link in operator.operator_extra_links]
    kind = RunFailedError if found.retry else RunFailedForGoodError
    return kind(run, found.text(cached=bool(operator.cache_id), links=links))


def hand_on(operator: StartRunTask, context: Context, run: Run) -> None:
    """Push a completed run's named outputs, and tell the task's outlets where they are."""
    named = outputs(operator.hook(), run) if operator.fetch_outputs else None
    operator.named_outputs = named
    if named is not None:
        context["ti"].xcom_push(key="outputs", value=named)
    if operator.outlets:
        _tell_outlets(operator, context, run, named)


def _tell_outlets(operator: StartRunTask, context: Context, run: Run, named: dict[str, Any] | None) -> None:
    extra: dict[str, JsonValue] = {
        **run.xcom(),
        "workflow_id": operator.workflow_id,
        "workflow_version_name": operator.workflow_version_name,
    }
    written = list(dict.fromkeys(uris(named)))[:_MAX_ASSETS] or [run.output_uri]
    for outlet in operator.outlets:
        events = context["outlet_events"][outlet]
        if isinstance(outlet, AssetAlias):
            for uri in written:
                events.add(Asset(uri), extra=extra)
        else:
            events.extra = extra
