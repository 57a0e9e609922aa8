# SPDX-License-Identifier: Apache-2.0
"""Advice for a ResourceNotFoundException: Region and account that were searched, and the arguments to check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORKFLOW: Final = ("region_name", "workflow_type", "workflow_owner_id")
# Members that name a resource, and the arguments to check. The order matters: a message about a version also names its
# workflow.
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
    Return one sentence: Region and account that were searched, and the arguments to check.

    :param message: HealthOmics' message, which names the resource.
    :param request: the request, by the API's names.
    :param region: the Region of the client.
    :param account: the caller's account, if it is known; else that of the service role, which must be the same one.
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
    """Return an argument's name with its value or, if it was not given, its meaning."""
    given = request.get(_GIVEN.get(check, ""))
    means = f"now {given}" if given else _MEANS.get(check)
    return f"{check} ({means})" if means else check
