# SPDX-License-Identifier: Apache-2.0
"""What an error of AWS means: whether the same call may succeed later, and what has to change before it does."""

from __future__ import annotations

from typing import Final

from botocore.exceptions import ClientError, CredentialRetrievalError, HTTPClientError, NoCredentialsError, SSLError
from botocore.exceptions import ConnectionError as BotocoreConnectionError

_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_THROTTLED: Final = frozenset({"ThrottlingException", "TooManyRequestsException"})
_TRANSIENT_CODES: Final = _EXPIRED | _THROTTLED | {"InternalServerException", "RequestTimeoutException"}
# The network's, as botocore and, where Airflow's secrets backend is asked for a connection, as Python says it; and that
# of whoever hands out credentials.
_TRANSIENT: Final = (
    HTTPClientError | BotocoreConnectionError | CredentialRetrievalError | ConnectionError | TimeoutError
)
# Keys that were replaced: a new client may have the new ones.
_REPLACED: Final = frozenset({"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"})
_SERVER_FAULT: Final = 500


def is_transient(error: BaseException) -> bool:
    """Tell whether the same call may succeed later: throttling, a fault of server or network, an old token."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error_code(error) in _TRANSIENT_CODES or status >= _SERVER_FAULT
    return isinstance(error, _TRANSIENT) and not isinstance(error, SSLError)


def is_expired(error: BaseException) -> bool:
    """Tell whether a new client, with new credentials, may do what this one can no longer do."""
    return isinstance(error, ClientError) and error_code(error) in _EXPIRED


def is_stale(error: BaseException) -> bool:
    """Tell whether a client should not be used again, because its credentials are missing, old or replaced."""
    replaced = isinstance(error, ClientError) and error_code(error) in _REPLACED
    return replaced or is_expired(error) or isinstance(error, NoCredentialsError | CredentialRetrievalError)


def is_throttled(error: BaseException) -> bool:
    """Tell whether HealthOmics was called too often."""
    return isinstance(error, ClientError) and error_code(error) in _THROTTLED


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
