# SPDX-License-Identifier: Apache-2.0
"""What the pages of ListRuns show of the runs that many wait for."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_omics.polling.pacing import back_off
from airflow_provider_omics.records.run import ACTIVE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from airflow_provider_omics.polling.client import Client
    from airflow_provider_omics.polling.watch import Watch

log = logging.getLogger(__name__)
_PAGE: Final = 100
# How many of a page are told before the event loop may do something else.
_AT_ONCE: Final = 20
# How often a page is asked for before the listing is given up; nobody is looked at meanwhile.
_PAGE_TRIES: Final = 4
# A listed run whose creation is further off than this is another one, that took over the id.
_SAME_CREATION: Final = 300.0


class Listing:
    """
    Reads the pages of all active runs, and knows what that costs.

    :param client: makes the calls, within its rate limit.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        # How often the last listing asked for a page.
        self.pages = 0
        # What the last listing has taught: active runs of others.
        self._others = 0
        self._again = 0.0
        self._faults = 0

    def pays(self, saved: float, listed: int) -> bool:
        """
        Tell whether the pages cost less than the calls of GetRun that they save, and can be read.

        :param saved: how many calls they save; a run that was looked at a moment ago saves next to nothing.
        :param listed: how many of the runs that they show are waited for.
        """
        return _now() >= self._again and saved > len(ACTIVE) + (listed + self._others) // _PAGE

    async def read(self, wanted: dict[str, list[Watch]], saw: Callable[[Watch, str], None]) -> list[Watch] | None:
        """
        Read the pages until they have shown the wanted runs; return what they did not show, None if not all were read.

        :param wanted: by the ids of their runs; the first page is paid for.
        :param saw: called for each that is shown, with its status.
        """
        self.pages, strangers, worth = 0, 0, len(wanted)
        try:
            async for items in self._pages(wanted):
                worth -= 1
                for number, item in enumerate(items):
                    if number % _AT_ONCE == 0:
                        # Each whose status has changed logs a line: the event loop serves others in between.
                        await asyncio.sleep(0)
                    strangers += not _meet(wanted, item, saw)
                if worth <= 0 and len(wanted) > 1:
                    # So many are active beside ours that asking for each of ours is cheaper.
                    self._others = max(strangers, self._others + _PAGE)
                    return None
        except Exception as error:  # noqa: BLE001 - GetRun goes on without the pages
            self._note_fault(error)
            return None
        self._faults = 0
        self._others = strangers
        return list(itertools.chain.from_iterable(wanted.values()))

    async def _pages(self, wanted: dict[str, list[Watch]]) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the pages of active runs until all but one are met: for that one GetRun is no dearer than a page."""
        statuses = {watch.run.status for watches in wanted.values() for watch in watches}
        earliest = min(ACTIVE.index(status) if status in ACTIVE else 0 for status in statuses)
        paid = True  # the caller has taken the first call from the budget
        for status in ACTIVE[earliest:]:
            token: str | None = None
            while len(wanted) > 1:
                if not paid:
                    await self._client.spend()
                paid = False
                items, token = await self._page(status, token)
                yield items
                if token is None:
                    break

    async def _page(self, status: str, token: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page and the token of the next; a fault that passes costs the page again, not the whole listing."""
        for faults in itertools.count(1):
            self.pages += 1
            try:
                items, following = await self._client.call(methodcaller("list_page", status, token))
            except Exception as error:
                # Imported by now, in a thread: on the event loop it would take a tenth of a second.
                from airflow_provider_omics.aws.errors import is_transient  # noqa: PLC0415

                self._client.slowed_by(error)
                if not is_transient(error) or faults == _PAGE_TRIES:
                    raise
                await asyncio.sleep(back_off(faults))
                await self._client.spend()
            else:
                self._client.budget.succeeded()
                return items, following
        raise AssertionError

    def _note_fault(self, error: Exception) -> None:
        from airflow_provider_omics.aws.errors import is_denied, is_transient  # noqa: PLC0415 - not at import

        self._faults += 1
        self._again = math.inf if is_denied(error) else _now() + back_off(self._faults)
        if not is_transient(error):
            log.warning("ListRuns is not possible, so every run costs GetRun calls: %s", error)


def _meet(wanted: dict[str, list[Watch]], item: dict[str, Any], saw: Callable[[Watch, str], None]) -> bool:
    """Tell whether a listed run is a member's, and say that it lives."""
    watches = wanted.get(item["id"])
    if watches is None:
        return False
    created = item["creationTime"].timestamp()
    for watch in watches:
        if abs(created - (watch.run.creation_time or created)) > _SAME_CREATION:
            return False
        saw(watch, item["status"])
    del wanted[item["id"]]
    return True


def _now() -> float:
    return asyncio.get_running_loop().time()
