# SPDX-License-Identifier: Apache-2.0
"""Pages of ListRuns: all runs of a name, and those that are active."""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_omics.aws.answers import Listed, date_of
from airflow_provider_omics.records.run import ACTIVE

# How many runs of a name, or jobs of a store, a look-up checks at most, and how many pages of 100 it reads.
MAX_CANDIDATES: Final = 200
_MAX_PAGES: Final = 50


def runs_of(client: Any, name: str, since: float) -> Listed:  # noqa: ANN401 - boto3 makes its clients at run time
    """
    Return the runs of a name, the newest first; of very many, all active ones and some others.

    :param client: the client of HealthOmics.
    :param name: the runs' exact name.
    :param since: the earliest creation, in epoch seconds.
    """
    runs: dict[str, dict[str, Any]] = {}
    at: float | None = None
    pages = client.get_paginator("list_runs")
    for status in (None, *ACTIVE):
        only = {"status": status} if status else {}
        for number, page in enumerate(pages.paginate(name=name, **only), 1):
            at = at or date_of(page)
            # Whether HealthOmics' filter is exact is not published.
            named = [item for item in page["items"] if item.get("name") == name]
            runs |= {item["id"]: item for item in named if item["creationTime"].timestamp() >= since}
            if number == _MAX_PAGES:
                break
        else:
            if status is None:
                break
    return Listed(sorted(runs.values(), key=lambda item: item["creationTime"], reverse=True), at)


def page_of(client: Any, status: str, token: str | None) -> tuple[list[dict[str, Any]], str | None]:  # noqa: ANN401 - likewise
    """
    Return one page of up to 100 of ListRuns' items, and the token of the next page.

    :param client: the client of HealthOmics.
    :param status: the runs' status; runs of all callers in the account are listed.
    :param token: the token of the page, None for the first one.
    """
    more = {"startingToken": token} if token else {}
    page = client.list_runs(status=status, maxResults=100, **more)
    return page["items"], page.get("nextToken")
