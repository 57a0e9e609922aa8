# SPDX-License-Identifier: Apache-2.0
"""Find the runs that a person wants to cancel: one by its id, or all that tasks of a Dag run have started."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_omics.aws.errors import is_denied
from airflow_provider_omics.exceptions import OmicsError
from airflow_provider_omics.hooks.omics import VISIBLE_AFTER
from airflow_provider_omics.records.run import ACTIVE, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from airflow_provider_omics.hooks.omics import OmicsHook

log = logging.getLogger(__name__)
# Seconds for which a run is looked for that GetRun does not find: a new one may not be visible yet.
VISIBLE_SECONDS: Final = 60.0
_AGAIN: Final = 2.0


@dataclass(slots=True)
class Found:
    """
    What a search came to.

    :param runs: the runs that are wanted, by their uuids.
    :param problems: what could not be looked at, a sentence each.
    """

    runs: dict[str, Run] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def by_id(hook: OmicsHook, run: Run, until: float) -> Run:
    """
    Return a run of which only the id is known, and perhaps the uuid, as it is now.

    :param hook: the hook of the connection.
    :param run: the run.
    :param until: until when to look for it, by ``time.monotonic()``.
    :raises OmicsError: if it is not found.
    """
    if seen := visible(hook, run, until):
        return seen
    if run.uuid and (now := hook.get_run(run)).status != "DELETED":
        return now  # Its manifest says how it ended.
    raise OmicsError(f"Run {run.id} not found in {hook.region_name}: check run_id, region_name and the connection")


def visible(hook: OmicsHook, run: Run, until: float) -> Run | None:
    """Return a run of which only the id is known as it is now; None if it has not become visible by then."""
    while True:
        # A 404 says nothing yet: it counts from this first look.
        now = hook.get_run(replace(run, creation_time=time.time()))
        if now.status:
            return now
        if time.monotonic() + _AGAIN >= until:
            return None
        time.sleep(_AGAIN)


def by_tags(hook: OmicsHook, wanted: Callable[[Mapping[str, str]], bool], more: Iterable[Run] = ()) -> Found:
    """
    Return the active runs whose tags are wanted, at one GetRun for each active run of the account.

    :param hook: the hook of the connection.
    :param wanted: tells whether a run with these tags is wanted.
    :param more: more runs to look at, which may be too new to be listed: their ids and, as far as
        known, ARNs; their creation time is the earliest that it can be.
    """
    found = Found()
    seen: set[str] = set()
    until = time.monotonic() + VISIBLE_SECONDS
    for run in more:
        seen.add(run.id)
        _look(hook, run, wanted, found, until)
    try:
        for run_id in _active_ids(hook):
            if run_id not in seen:
                seen.add(run_id)
                _look(hook, Run(run_id), wanted, found, 0.0)
    except Exception as error:  # noqa: BLE001 - what was found until then is cancelled nevertheless
        found.problems.append(f"The account's active runs cannot all be listed: {error}")
    return found


def _active_ids(hook: OmicsHook) -> Iterator[str]:
    pages = hook.conn.get_paginator("list_runs")
    for status in ACTIVE:
        # Listed whole before the runs are looked at: a run that moves on meanwhile is met again, not missed.
        yield from [item["id"] for page in pages.paginate(status=status) for item in page["items"]]


def _look(hook: OmicsHook, run: Run, wanted: Callable[[Mapping[str, str]], bool], found: Found, until: float) -> None:
    while True:
        try:
            hook.check_owner(run)
            answer = hook.conn.get_run(id=run.id)
        except hook.conn.exceptions.ResourceNotFoundException:
            if time.monotonic() + _AGAIN < until:
                time.sleep(_AGAIN)
                continue
            if run.creation_time and time.time() < run.creation_time + VISIBLE_AFTER:
                found.problems.append(f"Run {run.id} is not found: it may be too new to be visible, and go on")
            elif until:
                log.warning("Run %s is not found: it is deleted, or dropped as retention_mode REMOVE allows", run.id)
            return
        except Exception as error:  # noqa: BLE001 - the others are cancelled nevertheless
            if is_denied(error) and not until:
                # A caller who may not look at it may not cancel it either; it is another's, most likely.
                log.warning("Run %s may not be looked at, and is left alone: %s", run.id, error)
                return
            found.problems.append(f"Run {run.id} cannot be looked at: {error}")
            return
        break
    run = Run.from_response(answer)
    if not run.ended and wanted(answer.get("tags", {})):
        found.runs[run.uuid] = run
