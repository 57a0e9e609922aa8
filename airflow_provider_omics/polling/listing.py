# SPDX-License-Identifier: Apache-2.0
"""Poll many runs by the pages of ListRuns."""

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
# How many runs of a page are processed before the event loop may run other tasks.
_AT_ONCE: Final = 20
# How often a page is tried before the listing is given up; no run is polled meanwhile.
_PAGE_TRIES: Final = 4
# If the creation times differ by more than this, the listed run is another one that has reused the id.
_SAME_CREATION: Final = 300.0


class Listing:
    """
    Reads the pages of all active runs, and keeps how many calls that takes.

    :param client: makes the calls, within its rate limit.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        # How many calls the last listing took.
        self.pages = 0
        # How many active runs of others the last listing showed.
        self._others = 0
        self._again = 0.0
        self._faults = 0

    def saves_calls(self, saved: float, listed: int) -> bool:
        """
        Tell whether the pages take fewer calls than the GetRun calls that they save, and can be read.

        :param saved: how many calls they save; a run that was polled a moment ago counts as almost none.
        :param listed: how many of the runs that they show are waited for.
        """
        return _now() >= self._again and saved > len(ACTIVE) + (listed + self._others) // _PAGE

    async def read(self, wanted: dict[str, list[Watch]], saw: Callable[[Watch, str], None]) -> list[Watch] | None:
        """
        Read pages until they have shown all wanted runs; return those not shown, None if not all pages were read.

        :param wanted: the watches by the ids of their runs. The caller has counted the first call.
        :param saw: called with each watch whose run is shown, and the run's status.
        """
        self.pages, others, saved = 0, 0, len(wanted)
        try:
            async for items in self._pages(wanted):
                saved -= 1
                for number, item in enumerate(items):
                    if number % _AT_ONCE == 0:
                        # Each changed status is a line in the log: let the event loop run other tasks in between.
                        await asyncio.sleep(0)
                    others += not _pass_on(wanted, item, saw)
                if saved <= 0 and len(wanted) > 1:
                    # There are so many active runs of others that GetRun for each of ours takes fewer calls.
                    self._others = max(others, self._others + _PAGE)
                    return None
        except Exception as error:  # noqa: BLE001 - polling continues by GetRun
            self._note_fault(error)
            return None
        self._faults = 0
        self._others = others
        return list(itertools.chain.from_iterable(wanted.values()))

    async def _pages(self, wanted: dict[str, list[Watch]]) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield pages of active runs until at most one wanted run is left, for which GetRun takes no more calls."""
        statuses = {watch.run.status for watches in wanted.values() for watch in watches}
        earliest = min(ACTIVE.index(status) if status in ACTIVE else 0 for status in statuses)
        counted = True  # the caller has counted the first call
        for status in ACTIVE[earliest:]:
            token: str | None = None
            while len(wanted) > 1:
                if not counted:
                    await self._client.acquire()
                counted = False
                items, token = await self._page(status, token)
                yield items
                if token is None:
                    break

    async def _page(self, status: str, token: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page and the token of the next; after a transient error only this page is read again."""
        for faults in itertools.count(1):
            self.pages += 1
            try:
                items, following = await self._client.call(methodcaller("list_page", status, token))
            except Exception as error:
                # Already imported, in a thread: on the event loop it would take a tenth of a second.
                from airflow_provider_omics.aws.errors import is_transient  # noqa: PLC0415

                self._client.slowed_by(error)
                if not is_transient(error) or faults == _PAGE_TRIES:
                    raise
                await asyncio.sleep(back_off(faults))
                await self._client.acquire()
            else:
                self._client.pace.succeeded()
                return items, following
        raise AssertionError

    def _note_fault(self, error: Exception) -> None:
        from airflow_provider_omics.aws.errors import is_denied, is_transient  # noqa: PLC0415 - not at import

        self._faults += 1
        self._again = math.inf if is_denied(error) else _now() + back_off(self._faults)
        if not is_transient(error):
            log.warning("ListRuns failed, so each run is polled by GetRun: %s", error)


def _pass_on(wanted: dict[str, list[Watch]], item: dict[str, Any], saw: Callable[[Watch, str], None]) -> bool:
    """Tell whether a listed run is waited for, and pass on its status."""
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
