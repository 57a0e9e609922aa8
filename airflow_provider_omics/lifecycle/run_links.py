# SPDX-License-Identifier: Apache-2.0
"""The pages of a run to which a task links."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_omics.links.run import OmicsRunLink, OmicsRunLogLink, OmicsRunOutputLink, RunLink

if TYPE_CHECKING:
    from airflow_provider_omics.compat import BaseOperator
    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)


def run_links(operator: BaseOperator, run: Run) -> list[tuple[RunLink, str]]:
    """Return the operator's links to a run with their URLs; one that raises, say of a subclass, is left out."""
    pages: list[tuple[RunLink, str]] = []
    # A subclass may have other links, too; Airflow resolves those itself.
    for link in (it for it in operator.operator_extra_links or () if isinstance(it, RunLink)):
        try:
            pages.append((link, link.url(run.arn, run.output_uri)))
        except Exception as error:  # noqa: BLE001 - any error: the run goes on
            log.warning("Link %r of run %s is left out: %s: %s", link.name, run.id, type(error).__name__, error)
    return pages


def standard_links(run: Run) -> list[tuple[RunLink, str]]:
    """Return the links that every operator of this provider has, with their URLs for a run."""
    return [
        (link, link.url(run.arn, run.output_uri)) for link in (OmicsRunLink(), OmicsRunLogLink(), OmicsRunOutputLink())
    ]
