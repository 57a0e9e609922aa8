# SPDX-License-Identifier: Apache-2.0
"""Classify errors of AWS: transient, throttled, quota exceeded, denied, or stale credentials."""

from __future__ import annotations

import socket
from typing import Final

from botocore import exceptions
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoCredentialsError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotocoreConnectionError
from botocore.parsers import ResponseParserError

from airflow_provider_omics.exceptions import (
    ConnectionNotFoundError,
    StartRunDeniedError,
    StartRunElsewhereError,
    WrongAccountError,
)

# Codes that botocore itself retries (`botocore.retries.standard`, `botocore/data/_retry.json`) for the services that
# are called here. A test compares them.
_THROTTLED: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_SERVICE_FAULTS: Final = frozenset(
    {"BadDigest", "IDPCommunicationError", "InternalServerException", "RequestTimeout", "RequestTimeoutException"}
)
# A missing or wrong connection may be a brief fault of a secrets backend: it is retried so often, for some minutes.
# After that it is probably a mistake, and the task fails.
_MAX_CONNECTION_ERRORS: Final = 10
_TIMED_OUT: Final = 408
_TOO_MANY: Final = 429
_SERVER_FAULT: Final = 500

_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
# The access key was replaced: a new client may have the new one.
_REPLACED: Final = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
# Errors of credential providers: the metadata service of an instance or a container, STS, SSO, an expired login.
_NO_CREDENTIALS: Final = (
    NoCredentialsError
    | CredentialRetrievalError
    | MetadataRetrievalError
    | TokenRetrievalError
    | SSOError
    | getattr(exceptions, "LoginError", SSOError)  # new in botocore 1.41
)
# botocore raises a RuntimeError with this text if refreshed credentials have already expired.
_STILL_EXPIRED: Final = "refreshed credentials are still expired"
# Network errors, of botocore and, where Airflow reads a connection from a secrets backend, of Python itself.
_NO_ANSWER: Final = (
    HTTPClientError
    | BotocoreConnectionError
    | IncompleteReadError
    | ResponseParserError
    | ConnectionError
    | TimeoutError
    | socket.gaierror
)


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later: throttled, a server or network error, expired or missing credentials."""
    if isinstance(error, ClientError):
        code, status = error_code(error), _http_status(error)
        return (
            is_throttled(error)
            or is_stale(error)
            or code in _SERVICE_FAULTS
            or status == _TIMED_OUT
            or status >= _SERVER_FAULT
        )
    return is_unanswered(error)


def is_unanswered(error: BaseException) -> bool:
    """Whether AWS cannot be reached, or not with these credentials, so that every other call would fail, too."""
    return is_stale(error) or (isinstance(error, _NO_ANSWER) and not _is_misconfigured(error))


def is_stale(error: BaseException) -> bool:
    """Whether the client must be replaced, because its credentials are missing, expired or replaced."""
    refused = isinstance(error, ClientError) and error_code(error) in _REPLACED | _EXPIRED
    handed_out = isinstance(error, RuntimeError) and _STILL_EXPIRED in str(error)
    return refused or handed_out or isinstance(error, _NO_CREDENTIALS)


def is_wrong_connection(error: BaseException) -> bool:
    """Whether the connection is missing, or leads to another account than the run's."""
    return isinstance(error, ConnectionNotFoundError | WrongAccountError)


def takes_new_client(error: BaseException) -> bool:
    """Whether the next call needs a new client, with the connection and the credentials read again."""
    return is_stale(error) or is_wrong_connection(error)


def should_retry(error: BaseException, faults: int = 0) -> bool:
    """
    Whether to repeat a call about a run or job that exists.

    :param faults: how many errors in a row the caller has had before.
    """
    if isinstance(error, StartRunElsewhereError):
        return faults <= 1  # With the connection as it is now: it may have been edited.
    return (is_wrong_connection(error) and faults < _MAX_CONNECTION_ERRORS) or is_transient(error)


def depends_on_connection(error: BaseException) -> bool:
    """Whether the call may succeed when the connection was edited: it was denied, or leads to another account."""
    return is_denied(error) or isinstance(error, StartRunDeniedError | StartRunElsewhereError)


def is_throttled(error: BaseException) -> bool:
    """Whether the call was throttled; a proxy or a gateway may answer 429 without an error code."""
    if not isinstance(error, ClientError) or is_quota_exceeded(error):
        return False
    return error_code(error) in _THROTTLED or _http_status(error) == _TOO_MANY


def is_quota_exceeded(error: BaseException) -> bool:
    """Whether a quota of the account is exceeded (402), such as that of active runs."""
    return isinstance(error, ClientError) and error_code(error) == "ServiceQuotaExceededException"


def is_refused(error: BaseException) -> bool:
    """Whether HealthOmics refuses a valid request for now: throttled, or quota exceeded."""
    return is_throttled(error) or is_quota_exceeded(error)


def is_denied(error: BaseException) -> bool:
    """Whether the caller lacks the permission."""
    return isinstance(error, ClientError) and error_code(error) == "AccessDeniedException"


def error_code(error: ClientError) -> str:
    """Return the code of a service's error, such as ``ConflictException``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _http_status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_misconfigured(error: BaseException) -> bool:
    """Whether an option of botocore or a key is invalid, or a certificate is missing or invalid."""
    if isinstance(error, SSLError):
        signs = ("CERTIFICATE_VERIFY_FAILED", "doesn't match", "No such file or directory")
        return any(sign in str(error) for sign in signs)
    why = error.kwargs.get("error") if isinstance(error, HTTPClientError) else None
    # A Region or a key that has a line break makes no header.
    return isinstance(why, TypeError) or (isinstance(why, ValueError) and "Invalid header" in str(why))
