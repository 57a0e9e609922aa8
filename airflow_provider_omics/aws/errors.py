# SPDX-License-Identifier: Apache-2.0
"""What an error of AWS means: whether the same call may succeed later, and what has to change before it does."""

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

from airflow_provider_omics.exceptions import ConnectionNotFoundError, WrongAccountError

# What botocore itself repeats: `botocore.retries.standard` and `botocore/data/_retry.json`, of the services that are
# called here. A test compares.
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
# For so many faults in a row, some minutes, a connection that is missing, so that this process talks to another account
# or to none, may be a fault of a secrets backend; after that it may be a mistake that a person should soon see.
_MOST_LOST: Final = 10
_TIMED_OUT: Final = 408
_TOO_MANY: Final = 429
_SERVER_FAULT: Final = 500

_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
# Keys that were replaced: a new client may have the new ones.
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
# Of what hands out credentials: the metadata service of an instance or a container, STS, SSO, an ended login.
_NO_CREDENTIALS: Final = (
    NoCredentialsError
    | CredentialRetrievalError
    | MetadataRetrievalError
    | TokenRetrievalError
    | SSOError
    | getattr(exceptions, "LoginError", SSOError)  # new in botocore 1.41
)
# What botocore raises, as a RuntimeError, of credentials that were handed out and had expired already.
_STILL_EXPIRED: Final = "refreshed credentials are still expired"
# The network's, as botocore and, where Airflow's secrets backend is asked for a connection, as Python says it.
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
    """Tell whether the same call may succeed later: throttling, a fault of server or network, old or no credentials."""
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
    """Tell whether AWS cannot be reached for now, or not with these credentials: so it is for each other call, too."""
    return is_stale(error) or (isinstance(error, _NO_ANSWER) and not _is_misconfigured(error))


def is_stale(error: BaseException) -> bool:
    """Tell whether a client should not be used again, because its credentials are missing, old or replaced."""
    refused = isinstance(error, ClientError) and error_code(error) in _REPLACED | _EXPIRED
    handed_out = isinstance(error, RuntimeError) and _STILL_EXPIRED in str(error)
    return refused or handed_out or isinstance(error, _NO_CREDENTIALS)


def is_lost(error: BaseException) -> bool:
    """Tell whether a connection is missing, or leads to another account than the run's."""
    return isinstance(error, ConnectionNotFoundError | WrongAccountError)


def takes_new_client(error: BaseException) -> bool:
    """Tell whether the next call is to be made with the connection and the credentials as they are then."""
    return is_stale(error) or is_lost(error)


def may_pass(error: BaseException, faults: int = 0) -> bool:
    """
    Tell whether an error may pass, so that who waits for something that exists goes on.

    :param faults: how many that one has met in a row.
    """
    return (is_lost(error) and faults < _MOST_LOST) or is_transient(error)


def is_throttled(error: BaseException) -> bool:
    """Tell whether AWS was called too often; 429 says so, too, where a proxy or a gateway answers without a code."""
    if not isinstance(error, ClientError) or is_full(error):
        return False
    return error_code(error) in _THROTTLED or _http_status(error) == _TOO_MANY


def is_full(error: BaseException) -> bool:
    """Tell whether the account has as much as its quota allows, so that only time, or the user, helps."""
    return isinstance(error, ClientError) and error_code(error) == "ServiceQuotaExceededException"


def is_refused(error: BaseException) -> bool:
    """Tell whether HealthOmics has understood and does not do it for now."""
    return is_throttled(error) or is_full(error)


def is_denied(error: BaseException) -> bool:
    """Tell whether the caller lacks the permission."""
    return isinstance(error, ClientError) and error_code(error) == "AccessDeniedException"


def error_code(error: ClientError) -> str:
    """Return the code of a service's error, such as ``ConflictException``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _http_status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_misconfigured(error: BaseException) -> bool:
    """Tell whether an option of botocore's or a key is none, or a certificate is missing or was not accepted."""
    if isinstance(error, SSLError):
        signs = ("CERTIFICATE_VERIFY_FAILED", "doesn't match", "No such file or directory")
        return any(sign in str(error) for sign in signs)
    why = error.kwargs.get("error") if isinstance(error, HTTPClientError) else None
    # A Region or a key that has a line break makes no header.
    return isinstance(why, TypeError) or (isinstance(why, ValueError) and "Invalid header" in str(why))
