# SPDX-License-Identifier: Apache-2.0
"""What a user may set: how the endpoint behaves where HealthOmics has published nothing, how fast, how strict."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from airflow_provider_omics.local.json_types import check

if TYPE_CHECKING:
    from collections.abc import Iterable

# HealthOmics user guide, service quotas: requests a second of each account and Region.
PUBLISHED_QUOTAS: dict[str, float] = {
    "StartRun": 5,
    "CreateWorkflow": 5,
    **dict.fromkeys(("TagResource", "UntagResource", "ListTagsForResource"), 5),
    **dict.fromkeys(("GetRun", "ListRuns", "CancelRun", "DeleteRun", "ListRunTasks", "GetRunTask"), 10),
    **dict.fromkeys(("GetWorkflow", "ListWorkflows", "UpdateWorkflow", "DeleteWorkflow"), 10),
    **dict.fromkeys(("CreateRunGroup", "GetRunGroup", "ListRunGroups", "UpdateRunGroup", "DeleteRunGroup"), 10),
    **dict.fromkeys(("CreateRunCache", "GetRunCache", "ListRunCaches", "UpdateRunCache", "DeleteRunCache"), 10),
    "CreateSequenceStore": 1,
    "ListReadSets": 5,
    **dict.fromkeys(("StartReadSetImportJob", "GetReadSetImportJob", "ListReadSetImportJobs"), 5),
    **dict.fromkeys(("StartReadSetActivationJob", "GetReadSetActivationJob", "ListReadSetActivationJobs"), 5),
}

_MAX_COPIES = 10

_ACCOUNT = re.compile("[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Settings:
    """The endpoint's switches; the control API, ``--config`` and the fixtures use these names."""

    # A repeated requestId: the first answer again, or ConflictException.
    request_id_repeat: Literal["replay", "conflict"] = "replay"
    # A repeated requestId with other input.
    request_id_other_input: Literal["replay", "conflict"] = "conflict"
    # Seconds after which a requestId is forgotten; None is never.
    request_id_lifetime: float | None = None
    # Which PENDING run goes first: the user guide says that a higher number is a higher priority, the API reference
    # of StartRun that 1 is the highest.
    priority: Literal["higher_first", "lower_first"] = "higher_first"
    # CancelRun of a run that has ended: ConflictException, or accepted without effect.
    cancel_ended: Literal["conflict", "accept"] = "conflict"
    # Whether a new run takes the id of a deleted one.
    reuse_run_ids: bool = False
    # Seconds until ListRuns shows a new run, and the List of its kind a new job.
    list_delay: float = 0.0
    # Seconds until GetRun finds a new run.
    get_delay: float = 0.0
    # How many times faster than planned simulated runs and jobs live.
    speed: float = 1.0
    # Whether simulated runs leave logs in CloudWatch Logs; outputs that a script plans are in S3 all the same.
    logs: bool = True
    # How often each event arrives: HealthOmics sends on a best-effort basis (0), EventBridge at least once (2).
    event_copies: int = 1
    # Requests a second by operation; "published" are HealthOmics' defaults, an empty dict throttles nothing.
    quotas: dict[str, float] = field(default_factory=dict)
    # The AWS account that everything belongs to, and those of other callers, by their access key ids.
    account: str = "123456789012"
    accounts: dict[str, str] = field(default_factory=dict)

    def changed(self, changes: dict[str, Any]) -> Settings:
        """Return these settings with some changed; ValueError names one that does not exist or does not fit."""
        if changes.get("quotas") == "published":
            changes = {**changes, "quotas": PUBLISHED_QUOTAS}
        hints = get_type_hints(Settings)
        if unknown := [name for name in changes if name not in hints]:
            raise ValueError(f"There is no setting {unknown[0]!r}; there are {', '.join(hints)}.")
        check("setting", changes, hints)
        if changes.get("speed", 1) <= 0:
            raise ValueError(f"The setting speed cannot be {changes['speed']!r}; it is more than 0.")
        for name in ("request_id_lifetime", "list_delay", "get_delay"):
            if (changes.get(name) or 0) < 0:
                raise ValueError(f"The setting {name} cannot be {changes[name]!r}; it is 0 seconds or more.")
        if not 0 <= changes.get("event_copies", 1) <= _MAX_COPIES:
            raise ValueError(
                f"The setting event_copies cannot be {changes['event_copies']!r}; it is 0 to {_MAX_COPIES}."
            )
        if any(rate <= 0 for rate in changes.get("quotas", {}).values()):
            raise ValueError(f"The setting quotas cannot be {changes['quotas']!r}; each rate is more than 0.")
        check_accounts("setting account", [changes.get("account", self.account)])
        check_accounts("setting accounts", changes.get("accounts", {}).values())
        return replace(self, **changes)

    def account_of(self, access_key: str) -> str:
        """Return the account of who signs with an access key."""
        return self.accounts.get(access_key, self.account)

    def as_dict(self) -> dict[str, Any]:
        """Return them as JSON."""
        return asdict(self)


def check_accounts(what: str, accounts: Iterable[object]) -> None:
    """Raise ValueError unless each account is one of AWS'."""
    for account in accounts:
        if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
            raise ValueError(f"The {what} cannot be {account!r}; it takes a string of 12 digits.")
