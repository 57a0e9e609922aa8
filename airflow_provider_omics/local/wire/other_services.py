# SPDX-License-Identifier: Apache-2.0
"""The services beside HealthOmics: which operation a request is, and what an error of it looks like."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

# The codes of S3's guide to errors and of the others' "Common Errors" that a caller tells apart, with HTTP status.
CODES: Final = {
    "s3": {"AccessDenied": 403, "InternalError": 500, "SlowDown": 503},
    "logs": {
        **dict.fromkeys(("AccessDeniedException", "ExpiredTokenException", "ThrottlingException"), 400),
        "ServiceUnavailableException": 500,
    },
    "sqs": {
        "AccessDeniedException": 400,
        "ExpiredTokenException": 403,
        "InternalFailure": 500,
        "QueueDoesNotExist": 400,
        "RequestThrottled": 403,
    },
    "sts": {"AccessDenied": 403, "ExpiredToken": 400, "InvalidClientTokenId": 403, "Throttling": 400},
}
_OF_OBJECTS: Final = {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
_OF_BUCKETS: Final = {"GET": "ListObjectsV2", "PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}
WHO: Final = "sts:GetCallerIdentity"
OPERATIONS: Final = (
    *(f"s3:{name}" for name in (*_OF_OBJECTS.values(), *_OF_BUCKETS.values())),
    *(f"logs:{name}" for name in ("GetLogEvents", "FilterLogEvents", "DescribeLogStreams")),
    *(f"sqs:{name}" for name in ("ReceiveMessage", "DeleteMessageBatch")),
    "sts:AssumeRole",
    WHO,
)


def operation_of(service: str, scope: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> str:
    """Return a request's operation as IAM writes it, such as ``s3:GetObject``; of S3, by method and path alone."""
    if service == "s3":
        of = _OF_OBJECTS if scope["path"].strip("/").partition("/")[2] else _OF_BUCKETS
        name = of.get(scope["method"], "")
    elif service == "sts":
        name = parse_qs(body.decode("latin-1")).get("Action", [""])[0]
    else:
        name = headers.get("x-amz-target", "").rpartition(".")[2]
    return f"{service}:{name}"


def error_answer(service: str, code: str, message: str) -> tuple[int, bytes]:
    """Return the HTTP status and the body of an error, as the service writes it."""
    status = CODES[service][code]
    if service == "s3":
        text = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        return status, text.encode()
    if service == "sts":
        what = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
        return status, f"<ErrorResponse><Error>{what}</Error></ErrorResponse>".encode()
    return status, json.dumps({"__type": code, "message": message}).encode()


def not_implemented(service: str, operation: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Return the HTTP status and the body that tell, in the service's protocol, that moto does not have this."""
    code, name = "NotImplementedException", operation.removesuffix(":")
    message = f"The local endpoint does not serve {name}: moto, which stands for all but HealthOmics, does not have it."
    told = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if service == "s3":
        return 501, f"<Error>{told}</Error>".encode()
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return 501, f"<ErrorResponse><Error>{told}</Error></ErrorResponse>".encode()
    return 501, json.dumps({"__type": code, "message": message}).encode()


def caller_identity(account: str) -> bytes:
    """Return STS' answer to GetCallerIdentity."""
    who = f"<Arn>arn:aws:iam::{account}:user/local</Arn><UserId>local</UserId><Account>{account}</Account>"
    answer = f"<GetCallerIdentityResult>{who}</GetCallerIdentityResult>"
    return f"<GetCallerIdentityResponse>{answer}</GetCallerIdentityResponse>".encode()
