# SPDX-License-Identifier: Apache-2.0
"""What to tell of a StartRun that HealthOmics refuses for good: which rule or permission, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_omics.aws.errors import error_code
from airflow_provider_omics.exceptions import StartRunConflictError, StartRunDeniedError, StartRunRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.exceptions import ClientError

    from airflow_provider_omics.exceptions import OmicsError
    from airflow_provider_omics.records.documents import JsonValue


def explained(
    error: ClientError, request: Mapping[str, JsonValue], where: str, caller: Callable[[], str | None]
) -> OmicsError | ClientError:
    """
    Return the error to raise for a refused StartRun: ours where there is something to add.

    :param error: the answer.
    :param request: the request, by the API's names.
    :param where: of what is not found, where it was looked for.
    :param caller: returns the ARN of the caller, None if it is not known.
    """
    code, message = error_code(error), error.response.get("Error", {}).get("Message", "")
    if code == "ResourceNotFoundException":
        return StartRunRequestError(f"HealthOmics refused the run ({code}): {message.rstrip('.')}. {where}")
    if code == "ValidationException":
        return StartRunRequestError(f"HealthOmics refused the run ({code}): {message}")
    if code == "ConflictException":
        return StartRunConflictError(
            f"HealthOmics answered 409 to requestId {request.get('requestId')}, not saying which run has it: {message}"
        )
    if code == "AccessDeniedException":
        who = caller() or "the caller"
        return StartRunDeniedError(
            f"StartRun is denied to {who}: {message.rstrip('.')}: {_permission(message, request)}"
        )
    return error


def _permission(message: str, request: Mapping[str, JsonValue]) -> str:
    """Say what to allow, by the action that a message names."""
    if "TagResource" in message:
        return "allow it omics:TagResource, or set airflow_tags=False to send no tags"
    if "PassRole" in message:
        return f"allow it iam:PassRole on {request.get('roleArn')} for omics.amazonaws.com"
    return f"allow it omics:StartRun, and iam:PassRole on {request.get('roleArn')} for omics.amazonaws.com"
