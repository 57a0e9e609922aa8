# SPDX-License-Identifier: Apache-2.0
"""The error of a run that FAILED: its reason, the failed tasks, the last lines of a log, and advice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_omics.aws.console import engine_log_url
from airflow_provider_omics.exceptions import RunFailedError, RunFailedForGoodError
from airflow_provider_omics.results.failed_tasks import failed_tasks, log_end
from airflow_provider_omics.results.failures import understand

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.records.run import Run


def failure_of(
    hook: OmicsHook, run: Run, *, retry_on: Sequence[str] | None, cached: bool, links: Iterable[tuple[str, str]]
) -> RunFailedError:
    """
    Return the error of a run that FAILED, retryable or not.

    :param hook: the hook of the connection.
    :param run: the run as GetRun last showed it.
    :param retry_on: classes and reasons after which Airflow may retry; by default transient and capacity.
    :param cached: whether the run uses a run cache.
    :param links: names and pages of the AWS console.
    """
    tasks, failed = failed_tasks(hook, run)
    end = log_end(hook, run, tasks[0] if tasks else None)
    found = understand(run, tasks, failed=failed, log=end, retry_on=retry_on)
    pages = [("HealthOmics engine log", engine_log_url(run.arn)), *links] if found.engine else links
    kind = RunFailedError if found.retry else RunFailedForGoodError
    return kind(run, found.text(cached=cached, links=[f"{name}: {page}" for name, page in pages]))
