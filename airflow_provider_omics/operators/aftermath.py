# SPDX-License-Identifier: Apache-2.0
"""What a task tells and hands on when its run has ended."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import Asset, AssetAlias

from airflow_provider_omics.core.console import engine_log_url
from airflow_provider_omics.core.failures import understand
from airflow_provider_omics.core.lineage import uris
from airflow_provider_omics.core.progress import summary
from airflow_provider_omics.core.text import clipped, one_line
from airflow_provider_omics.exceptions import RunFailedError, RunFailedForGoodError
from airflow_provider_omics.hooks.aftermath import description, failed_tasks, log_end, outputs
from airflow_provider_omics.links.run import run_links

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_omics.compat import Context
    from airflow_provider_omics.core.documents import JsonValue
    from airflow_provider_omics.core.run import Run
    from airflow_provider_omics.operators.start_run_task import StartRunTask

log = logging.getLogger(__name__)
# A workflow may write thousands of files; each asset is a row of Airflow's database.
_MAX_ASSETS: Final = 100
# In bytes: the names of all outputs in the log.
_MAX_NAMES: Final = 1000
# Airflow takes an S3 URI for one of the web: of an object's name it drops or sorts what follows these.
_SPECIAL: Final = re.compile(r"[#?\x00-\x1f\x7f]")
_ENCODED: Final = re.compile(rf"%|{_SPECIAL.pattern}")


def failure(operator: StartRunTask, run: Run) -> RunFailedError:
    """Return the error of a run that FAILED: retryable or not, with all that helps to mend it."""
    # Ten adaptive attempts at a log would keep the failure waiting, and nobody has to have the log.
    hook = operator.hook(retries={"mode": "standard", "total_max_attempts": 3})
    tasks, failed = failed_tasks(hook, run)
    end = log_end(hook, run, tasks[0] if tasks else None)
    found = understand(run, tasks, failed=failed, log=end, retry_on=operator.retry_on)
    links = [f"HealthOmics engine log: {engine_log_url(run.arn)}"] if found.engine else []
    links += [f"{link.name}: {page}" for link, page in run_links(operator, run)]
    kind = RunFailedError if found.retry else RunFailedForGoodError
    return kind(run, found.text(cached=bool(operator.cache_id), links=links))


def told(operator: StartRunTask, run: Run) -> str:
    """Say what run it was, how long it took and where its outputs are, as far as no call is needed to know it."""
    workflow = f"workflow {operator.workflow_id}" if operator.workflow_id else f"the workflow of run {operator.run_id}"
    if operator.workflow_version_name:
        workflow += f" version {operator.workflow_version_name}"
    name = operator.name or operator.request_id or (operator.attempt and operator.attempt.intention.run_name)
    return summary(run, [workflow, *([f"name {name}"] if name else [])])


def hand_on(operator: StartRunTask, context: Context, run: Run) -> None:
    """Push a completed run's named outputs; tell the task's outlets of the run, whether or not it is waited for."""
    if run.succeeded and operator.fetch_outputs:
        operator.named_outputs = outputs(operator.hook(), run)
    if operator.named_outputs is not None:
        context["ti"].xcom_push(key="outputs", value=operator.named_outputs)
        log.info("Named outputs, in XCom outputs: %s", _names(operator.named_outputs))
    if operator.outlets:
        _tell_outlets(operator, context, run)


def _names(named: Mapping[str, object]) -> str:
    """Return the names of outputs or, of those that are too many for XCom, why they are not there."""
    names = named["truncated"] if named.keys() == {"truncated"} else ", ".join(named)
    return clipped(one_line(str(names)), _MAX_NAMES)


def _tell_outlets(operator: StartRunTask, context: Context, run: Run) -> None:
    # A duplicate's workflow is that of the run it was made from.
    about = {} if operator.workflow_id else description(operator.hook(), run)
    extra: dict[str, JsonValue] = {
        **run.xcom(),
        "workflow_id": operator.workflow_id or about.get("workflowId"),
        "workflow_version_name": operator.workflow_version_name or about.get("workflowVersionName"),
    }
    written = _assets(operator, run) if run.succeeded else {}
    for outlet in operator.outlets:
        try:
            events = context["outlet_events"][outlet]
        except TypeError:
            continue  # Airflow 3 has events of assets alone, not of a File or Table, which are lineage's.
        if isinstance(outlet, AssetAlias):
            for uri, asset in written.items():
                events.add(asset, extra=extra if asset.uri == uri else {**extra, "uri": uri})
        else:
            events.extra = extra


def _assets(operator: StartRunTask, run: Run) -> dict[str, Asset]:
    """Return the assets of what a run has written, by its own URIs; what Airflow refuses is left out."""
    assets: dict[str, Asset] = {}
    for uri in list(dict.fromkeys(uris(operator.named_outputs)))[:_MAX_ASSETS] or [run.output_uri]:
        try:
            assets[uri] = asset_of(uri)
        except ValueError as error:
            log.warning("%.200s of run %s is no asset to Airflow, and is left out: %s", uri, run.id, error)
    return assets


def asset_of(uri: str) -> Asset:
    """
    Return the asset of an S3 URI, percent-encoded if Airflow would take a part of the object's name for something else.

    :param uri: the URI, with the object's name as it is.
    :raises ValueError: if Airflow refuses such an asset, be it in the task or in its API server, where that would fail
        a task that has succeeded.
    """
    if not uri.isascii():
        raise ValueError("it is not ASCII")
    bucket = urlsplit(uri).netloc
    if not bucket or "@" in bucket:
        raise ValueError("it names no bucket")
    if _SPECIAL.search(uri):
        uri = _ENCODED.sub(lambda found: quote(found[0]), uri)
    return Asset(uri)
