# SPDX-License-Identifier: Apache-2.0
"""Carry the protocol out: one attempt, from what it knows to a verdict, over a service that it is given."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Protocol

from airflow_provider_omics.core.protocol import (
    ExistingRun,
    Known,
    LookAt,
    LookUp,
    R,
    Record,
    Start,
    Verdict,
    next_step,
)

log = logging.getLogger(__name__)


class Service(Protocol[R]):
    """What an attempt may do to have its run, or its job."""

    @property
    def starting(self) -> int | None:
        """The submission that StartRun was last asked for, in whichever part of this attempt; None before that."""

    def write(self, record: Record[R]) -> None:
        """Write down what the attempt is about to do, or has done; may keep nothing."""

    def look_up(self, at_least: int | None) -> ExistingRun[R] | None:
        """
        Return the newest run of the intention; one of submission ``at_least`` or later if that is given.

        With ``at_least`` the run exists, so the service looks again for as long as a new run may take to be listed.
        """

    def start_run(self, submission: int) -> R | None:
        """Ask for the run of a submission; None if HealthOmics answers 409."""

    def get_run(self, run: R) -> R:
        """Return the run as it is now; one that StartRun has just answered and GetRun does not see yet as it was."""

    def created_here(self, run: R) -> bool:
        """Tell whether the run is not older than this attempt, by HealthOmics' own clock."""


def pursue(known: Known[R], service: Service[R]) -> Verdict[R]:
    """Go on, step by step, until there is a verdict."""
    if known.own_request_id:
        known = replace(known, retry=True)  # Another task, or this one before a clear, may have used it.
    while True:
        match next_step(known):
            case LookAt(run, submission):
                known = replace(known, seen=ExistingRun(service.get_run(run), submission))
            case LookUp(at_least):
                known = _look_up(at_least, known, service)
            case Start(submission, why):
                log.info("%s", why)
                known = _start(submission, known, service)
            case verdict:
                return verdict


def _look_up(at_least: int | None, known: Known[R], service: Service[R]) -> Known[R]:
    found = service.look_up(at_least)
    asked = service.starting if at_least is None else at_least
    if found is not None and asked is not None and found.submission >= asked:
        # It may be the run that an answer was about which this attempt has lost.
        found = replace(found, here=_here(found.run, known, service))
    if found is None or (known.seen is not None and known.seen.submission > found.submission):
        found = known.seen
    return replace(known, seen=found, looked_up=True)


def _start(submission: int, known: Known[R], service: Service[R]) -> Known[R]:
    service.write(Record(submission))
    run = service.start_run(submission)
    if run is None:
        return replace(known, conflict=submission, looked_up=False)
    if known.retry:
        run = service.get_run(run)
    service.write(Record(submission, run))
    return replace(known, seen=ExistingRun(run, submission, here=_here(run, known, service)))


def _here(run: R, known: Known[R], service: Service[R]) -> bool:
    # A first attempt has no predecessor that could have created it.
    return not known.retry or service.created_here(run)
