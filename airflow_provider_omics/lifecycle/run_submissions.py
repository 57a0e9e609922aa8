# SPDX-License-Identifier: Apache-2.0
"""The StartRun requests of one intention, their records, and the look-up of their runs."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from airflow_provider_omics.aws.errors import is_denied
from airflow_provider_omics.aws.run_pages import MAX_CANDIDATES
from airflow_provider_omics.exceptions import OmicsError, RunWaitError
from airflow_provider_omics.lifecycle.intention import tag_value
from airflow_provider_omics.lifecycle.protocol import ExistingRun, Found, Known, Record, created_since
from airflow_provider_omics.lifecycle.submissions import Submissions
from airflow_provider_omics.records.run import ENDED, Run
from airflow_provider_omics.records.versioned import read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_omics.aws.answers import Listed
    from airflow_provider_omics.compat import StateStore
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.lifecycle.calls import Calls
    from airflow_provider_omics.lifecycle.intention import Intention
    from airflow_provider_omics.records.documents import JsonValue

log = logging.getLogger(__name__)
_STORE_KEY: Final = "omics_run"
# Clocks of scheduler and service differ.
CLOCK_SKEW: Final = 300.0


class RunSubmissions(Submissions[Run]):
    """
    The StartRun requests of one intention, and the look-up of their runs.

    :param request: the StartRun request, without requestId, name and tags of the intention.
    :param intention: the intention.
    :param try_number: the task's try.
    :param airflow_tags: whether to tag the run with its intention.
    :param store: the task's state store (Airflow 3.3 and newer).
    """

    operation = "StartRun"
    what = "run"
    key = "requestId"
    argument = "request_id"

    def __init__(
        self,
        request: dict[str, JsonValue],
        intention: Intention,
        *,
        try_number: int = 1,
        airflow_tags: bool = True,
        store: StateStore | None = None,
    ) -> None:
        own = request.get("requestId")
        self.intention = intention
        self.own_request_id = own
        self._try_number = try_number
        # Which try started a run, by its uuid; it must not be in the request.
        self._starters: dict[str, int] = {}
        self._airflow_tags = airflow_tags
        self._store = store
        # By the default name a look-up finds an intention's runs, or the one of the caller's requestId.
        self._name = str(own or intention.run_name)
        self._request: dict[str, JsonValue] = {"name": self._name, **request}

    @property
    def finds_runs(self) -> bool:
        """Whether a look-up can recognise the intention's runs: without tags, only by the default name."""
        return self._airflow_tags or self._request["name"] == self._name

    def request_id(self, submission: int) -> str:
        """Return the token of a submission: the caller's own, or the intention's."""
        return str(self.own_request_id or self.intention.request_id(submission))

    def request(self, submission: int) -> dict[str, JsonValue]:
        """Return the request of a submission; it must be the same in every try."""
        request_id = self.request_id(submission)
        request = {**self._request, "requestId": request_id}
        if self._airflow_tags:
            request["tags"] = {**self.intention.tags(request_id), **(request.get("tags") or {})}  # type: ignore[dict-item]
        return request

    def write(self, record: Record[Run]) -> None:
        """Write a record into the task's state store, if there is one and the run is not adopted."""
        if self._store is None or record.adopted:
            return
        value: dict[str, object] = {"intention": self.intention.digest, "submission": record.submission, "run": None}
        if record.run is not None:
            own = created_since(record.run, record.since)
            starter = self._try_number if own else self._starters.get(record.run.uuid)
            value |= {"run": asdict(record.run), "try_number": starter}
        try:
            self._store.set(_STORE_KEY, value)
        except Exception as error:  # noqa: BLE001 - the look-up finds what is not written down
            log.warning("The task state store did not take a record, so a retry has to look for the run: %s", error)

    def stored(self) -> dict[str, Any] | None:
        """Return the record as JSON types; None for one of another intention, from before a clear."""
        if self._store is None:
            return None
        try:
            value = self._store.get(_STORE_KEY)
        except Exception as error:  # noqa: BLE001 - the look-up finds what cannot be read
            log.warning("The task state store's record cannot be read, so the run is looked for: %s", error)
            return None
        return value if isinstance(value, dict) and value.get("intention") == self.intention.digest else None

    def known(self, stored: Mapping[str, Any] | None, *, retry: bool, waits: bool) -> Known[Run]:
        """
        Return what an attempt knows when it begins.

        :param stored: the record that the task's state store has.
        :param retry: whether an earlier attempt may have started a run.
        :param waits: whether the task waits for the run's end.
        """
        return Known(retry=retry, waits=waits, own_request_id=bool(self.own_request_id), record=self._read_from(stored))

    def _read_from(self, stored: Mapping[str, Any] | None) -> Record[Run] | None:
        """Return the record from the state store, which another process of this attempt may have read."""
        if not stored:
            return None
        try:
            run = read(Run, stored["run"]) if stored["run"] else None
            if run is not None and stored.get("try_number"):
                self._starters[run.uuid] = int(stored["try_number"])
            return Record(int(stored["submission"]), run)
        except (KeyError, TypeError, ValueError) as error:  # the look-up finds what cannot be read
            log.warning("The task state store's record cannot be read, so the run is looked for: %s", error)
            return None

    def submit(self, hook: OmicsHook, submission: int) -> Run:
        """Call StartRun."""
        return hook.start_run(self.request(submission))

    def get_run(self, hook: OmicsHook, run: Run) -> Run:
        """Call GetRun."""
        return hook.get_run(run)

    def wait_error(self, run: Run, why: str) -> RunWaitError:
        """Return the error that waiting for a run failed."""
        return RunWaitError.of(run, why)

    def said_of(self, run: Run, *, own: bool) -> str:
        """Return the log line on the run that was started or found."""
        if own:
            return f"Started run {run.id} ({run.status}), output {run.output_uri}"
        by = self._started_by(run)
        return f"Reattached to run {run.id} ({run.status}), started by {by}, output {run.output_uri}"

    def _started_by(self, run: Run) -> str:
        """Return which try started a run that is older than this attempt."""
        known = self._starters.get(run.uuid)
        if known is None and self.own_request_id:
            return f"an earlier use of request_id {self.own_request_id}"
        if known is None and self._try_number <= 2:  # noqa: PLR2004 - the second try has one before it
            known = 1
        return f"try {known}" if known else "an earlier try"

    # --- the look-up ---

    def newest(self) -> Calls[Found[Run]]:
        """
        Return the intention's newest run.

        :raises ClientError: if ListRuns is denied.
        :raises OmicsError: if so many runs of the name are active that the look-up would use up the account's quota.
        """
        start = None if self.own_request_id else self.intention.dag_run_start
        since = start.timestamp() - CLOCK_SKEW if start else 0.0
        listed: Listed = yield methodcaller("list_runs", str(self._request["name"]), since)
        if not self._airflow_tags:
            return Found((yield from self._by_name(listed.items)), listed.at)
        # Active and COMPLETED runs first: if one of them is this task's, no run is started.
        items = sorted(listed.items, key=lambda item: (item["status"] in ENDED, item["status"] != "COMPLETED"))
        existing = yield from self._tagged(items[:MAX_CANDIDATES])
        if not existing and len(items) > MAX_CANDIDATES:
            self._looked_in_part(items)
        for other in existing[1:]:
            log.warning("There is another run of this task: %s, submission %s", other.run, other.submission)
        return Found(existing[0] if existing else None, listed.at)

    def _looked_in_part(self, items: list[dict[str, Any]]) -> None:
        """Warn that runs of the name were not checked; raise if this task's active run may be among them."""
        name = self._request["name"]
        if items[MAX_CANDIDATES]["status"] not in ENDED and not self.own_request_id:
            raise OmicsError(
                f"More than {MAX_CANDIDATES} active runs have the name {name!r}, too many for a retry to find its own: "
                "leave name out, or give each task its own name; or retry when some of them have ended"
            )
        log.warning(
            "Of %s runs with the name %r only %s were checked, none is this task's: StartRun relies on the requestId",
            len(items),
            name,
            MAX_CANDIDATES,
        )

    def _tagged(self, items: list[dict[str, Any]]) -> Calls[list[ExistingRun[Run]]]:
        """Return the intention's runs, which are recognised by their tag only."""
        existing = []
        for item in items:
            run = Run.from_response(item)
            try:
                now: Run = yield methodcaller("get_run", run)
            except ClientError as error:
                if not is_denied(error):
                    raise
                log.warning("Run %s has this task's name, but GetRun is denied: %s", run.id, error)
                continue
            submission = self._submission(now.request_id)
            if submission is not None:
                existing.append(ExistingRun(now, submission))
        return existing

    def _submission(self, request_id: str | None) -> int | None:
        if self.own_request_id:
            # As it is in the tag, which allows fewer characters.
            return 0 if request_id == tag_value(str(self.own_request_id)) else None
        return self.intention.submission(request_id)

    def _by_name(self, items: list[dict[str, Any]]) -> Calls[ExistingRun[Run] | None]:
        """Without tags: return the newest run with the default name, which is unique to the intention."""
        if not self.finds_runs or not items:
            return None
        run: Run = yield methodcaller("get_run", replace(Run.from_response(items[0]), uuid=""))
        if not run.uuid:
            return None  # Listed, but not visible to GetRun yet: StartRun's answer has its uuid.
        return ExistingRun(run, 0 if self.own_request_id else len(items) - 1)
