# SPDX-License-Identifier: Apache-2.0
"""The error to raise if botocore or HealthOmics rejects a StartRun: the rule or permission, and what to do."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import botocore

from airflow_provider_omics.aws.errors import error_code
from airflow_provider_omics.exceptions import StartRunConflictError, StartRunDeniedError, StartRunRequestError
from airflow_provider_omics.request.members import BOTOCORE_VERSION, MEMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.exceptions import ClientError

    from airflow_provider_omics.exceptions import OmicsError
    from airflow_provider_omics.records.documents import JsonValue

_MEMBERS: Final = frozenset(map(attrgetter("name"), MEMBERS))


def check_known(request: Mapping[str, JsonValue], client: Any) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    """
    Raise if the installed botocore lacks a member of a StartRun request.

    :param request: the request, by the API's names.
    :param client: the client of HealthOmics.
    :raises StartRunRequestError: if it does.
    """
    known = client.meta.service_model.operation_model("StartRun").input_shape.members
    too_new = [name for name in request if name not in known]
    if too_new:
        ours = all(name in _MEMBERS for name in too_new)
        cure = f"install botocore {BOTOCORE_VERSION}" if ours else "check the spelling, install a newer botocore"
        raise StartRunRequestError(
            f"the installed botocore {botocore.__version__} does not know {', '.join(too_new)} of StartRun: "
            f"{cure}, or leave it out"
        )


def explained(
    error: ClientError, request: Mapping[str, JsonValue], where: str, caller: Callable[[], str | None]
) -> OmicsError | ClientError:
    """
    Return the error to raise for a rejected StartRun: one with advice, or the given one if there is none.

    :param error: HealthOmics' answer.
    :param request: the request, by the API's names.
    :param where: for a 404, where the resource was looked for.
    :param caller: returns the ARN of the caller, None if it is not known.
    """
    code, message = error_code(error), error.response.get("Error", {}).get("Message", "")
    if code == "ResourceNotFoundException":
        return StartRunRequestError(f"HealthOmics rejected the run ({code}): {message.rstrip('.')}. {where}")
    if code == "ValidationException":
        return StartRunRequestError(f"HealthOmics rejected the run ({code}): {message}")
    if code == "ConflictException":
        return StartRunConflictError(
            f"HealthOmics answered 409 to requestId {request.get('requestId')} and did not name the run: {message}"
        )
    if code == "AccessDeniedException":
        who = caller() or "the caller"
        return StartRunDeniedError(
            f"StartRun is denied to {who}: {message.rstrip('.')}: {_permission(message, request)}"
        )
    return error


def _permission(message: str, request: Mapping[str, JsonValue]) -> str:
    """Return which permission to add, by the action that the message names."""
    if "TagResource" in message:
        return "allow it omics:TagResource, or set airflow_tags=False to send no tags"
    if "PassRole" in message:
        return f"allow it iam:PassRole on {request.get('roleArn')} for omics.amazonaws.com"
    return f"allow it omics:StartRun, and iam:PassRole on {request.get('roleArn')} for omics.amazonaws.com"
