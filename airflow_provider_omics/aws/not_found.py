# SPDX-License-Identifier: Apache-2.0
"""What to check when HealthOmics does not find what a request names: where it was looked for, and the arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORKFLOW: Final = ("region_name", "workflow_type", "workflow_owner_id")
# Members that name something, each with what to check: a message that names a version names its workflow, too.
_CHECKS: Final = {
    "workflowVersionName": ("workflow_version_name", "workflow_id", *_WORKFLOW),
    "runGroupId": ("run_group_id", "region_name"),
    "cacheId": ("cache_id", "region_name"),
    "configurationName": ("configuration_name", "region_name"),
    "runId": ("run_id (the run to duplicate, if it was not deleted)", "region_name"),
    "jobId": ("job_id", "sequence_store_id", "region_name"),
    "sequenceStoreId": ("sequence_store_id", "region_name"),
    "id": ("run_id", "region_name"),
    "workflowId": ("workflow_id", *_WORKFLOW),
}
_MEANS: Final = {
    "region_name": "by default the connection's",
    "workflow_type": "READY2RUN for a Ready2Run workflow",
    "workflow_owner_id": "the account that shares the workflow",
}
_GIVEN: Final = {"workflow_type": "workflowType", "workflow_owner_id": "workflowOwnerId"}


def where_to_look(message: str, request: Mapping[str, object], region: str, account: str | None = None) -> str:
    """
    Return in one sentence where something was looked for and which arguments to check.

    :param message: what HealthOmics said, which names what it does not find.
    :param request: the request, by the API's names.
    :param region: the Region of the client.
    :param account: the caller's account, if it is known; else that of the service role, which may not be another one.
    """
    account = account or account_of(str(request.get("roleArn", "")))
    named = [member for member in _CHECKS if member in request]
    words = message.rstrip(".").split()
    found = [member for member in named if str(request[member]) in words][:1] or named
    checks = dict.fromkeys(check for member in found for check in _CHECKS[member])
    return (
        f"It was looked for in Region {region}{f', account {account}' if account else ''}: "
        f"check {', '.join(_explained(check, request) for check in checks)}."
    )


def account_of(arn: str) -> str | None:
    """Return the account that an ARN names."""
    parts = arn.split(":")
    return (parts[4] or None) if len(parts) > 4 else None  # noqa: PLR2004 - arn:partition:service:region:account


def _explained(check: str, request: Mapping[str, object]) -> str:
    """Return an argument's name with what was given for it or, if nothing was, what it is for."""
    given = request.get(_GIVEN.get(check, ""))
    means = f"now {given}" if given else _MEANS.get(check)
    return f"{check} ({means})" if means else check
