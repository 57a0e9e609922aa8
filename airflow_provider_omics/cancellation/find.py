# SPDX-License-Identifier: Apache-2.0
"""Find the runs to cancel or delete: one by its id, or all that tasks of a Dag run have started."""

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
# Seconds in which GetRun is repeated if it does not find a run: a new one may not be visible yet.
VISIBLE_SECONDS: Final = 60.0
_AGAIN: Final = 2.0


@dataclass(slots=True)
class FoundRuns:
    """
    The result of a search.

    :param runs: the runs that match, by their uuids.
    :param problems: what could not be read, a sentence each.
    """

    runs: dict[str, Run] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def by_id(hook: OmicsHook, run: Run, until: float) -> Run:
    """
    Return the present run by its id and, if it is given, its uuid.

    :param hook: the hook of the connection.
    :param run: the run.
    :param until: until when to repeat GetRun, by ``time.monotonic()``.
    :raises OmicsError: if it is not found.
    """
    if seen := visible(hook, run, until):
        return seen
    if run.uuid and (now := hook.get_run(run)).status != "DELETED":
        return now  # Its manifest says how it ended.
    raise OmicsError(f"Run {run.id} not found in {hook.region_name}: check run_id, region_name and the connection")


def visible(hook: OmicsHook, run: Run, until: float) -> Run | None:
    """Return the present run by its id; None if it is not visible by then."""
    while True:
        # A 404 does not mean deleted yet: the time for that counts from now.
        now = hook.get_run(replace(run, creation_time=time.time()))
        if now.status:
            return now
        if time.monotonic() + _AGAIN >= until:
            return None
        time.sleep(_AGAIN)


def by_tags(hook: OmicsHook, wanted: Callable[[Mapping[str, str]], bool], more: Iterable[Run] = ()) -> FoundRuns:
    """
    Return the active runs whose tags match, by one GetRun for each active run of the account.

    :param hook: the hook of the connection.
    :param wanted: returns whether a run with these tags matches.
    :param more: more runs to check, which may be too new to be listed: their ids, their ARNs if known, and the
        earliest time at which they can have been created.
    """
    found = FoundRuns()
    seen: set[str] = set()
    until = time.monotonic() + VISIBLE_SECONDS
    for run in more:
        seen.add(run.id)
        _look(hook, run, wanted, found, until, ours=True)
    try:
        for run_id in _active_ids(hook):
            if run_id not in seen:
                seen.add(run_id)
                _look(hook, Run(run_id), wanted, found, until, ours=False)
    except Exception as error:  # noqa: BLE001 - the runs found so far are cancelled all the same
        found.problems.append(f"The account's active runs cannot all be listed: {error}")
    return found


def _active_ids(hook: OmicsHook) -> Iterator[str]:
    pages = hook.conn.get_paginator("list_runs")
    for status in ACTIVE:
        # Each status is listed completely before its runs are read, in the order of a run's life: a run whose status
        # changes meanwhile is listed twice, not missed.
        yield from [item["id"] for page in pages.paginate(status=status) for item in page["items"]]


def _look(
    hook: OmicsHook,
    run: Run,
    wanted: Callable[[Mapping[str, str]], bool],
    found: FoundRuns,
    until: float,
    *,
    ours: bool,
) -> None:
    """
    Add a run if its tags match.

    :param until: until when to repeat GetRun if it does not find the run, by ``time.monotonic()``: also a run that is
        listed may not be visible yet.
    :param ours: whether it is known to be a run of these tasks.
    """
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
            elif ours:
                why = "it was deleted, by a person or by retention_mode REMOVE; if it was just started, cancel again"
                log.warning("Run %s is not found: %s", run.id, why)
            return
        except Exception as error:  # noqa: BLE001 - the others are cancelled all the same
            if is_denied(error) and not ours:
                # Without GetRun the caller probably has no CancelRun either: the run is probably not this Dag's.
                log.warning("GetRun of run %s is denied, so it is not cancelled: %s", run.id, error)
                return
            found.problems.append(f"GetRun of run {run.id} failed: {error}")
            return
        break
    run = Run.from_response(answer)
    if not run.ended and wanted(answer.get("tags", {})):
        found.runs[run.uuid] = run
