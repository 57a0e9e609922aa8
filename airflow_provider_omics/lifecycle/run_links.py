# SPDX-License-Identifier: Apache-2.0
"""The pages of a run to which a task links."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.links.run import OmicsRunLink, OmicsRunLogLink, OmicsRunOutputLink, RunLink

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_omics.compat import BaseOperatorLink
    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)
# The links of every operator that starts runs.
RUN_LINKS: Final[tuple[RunLink, ...]] = (OmicsRunLink(), OmicsRunLogLink(), OmicsRunOutputLink())


def run_links(links: Iterable[BaseOperatorLink], run: Run) -> list[tuple[RunLink, str]]:
    """Return an operator's links to a run with their URLs; one that raises, say of a subclass, is left out."""
    pages: list[tuple[RunLink, str]] = []
    # A subclass may have other links, too; Airflow resolves those itself.
    for link in (it for it in links if isinstance(it, RunLink)):
        try:
            pages.append((link, link.url(run.arn, run.output_uri)))
        except Exception as error:  # noqa: BLE001 - any error: the run goes on
            log.warning("Link %r of run %s is left out: %s: %s", link.name, run.id, type(error).__name__, error)
    return pages
