# SPDX-License-Identifier: Apache-2.0
"""What an error of AWS means, as botocore's own tables of retries have it."""

import socket
import ssl
from datetime import UTC, datetime

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    MetadataRetrievalError,
    NoCredentialsError,
    NoRegionError,
    SSLError,
    SSOTokenLoadError,
    UnauthorizedSSOTokenError,
)
from botocore.loaders import Loader
from botocore.retries import standard

from airflow_provider_omics.aws.errors import is_denied, is_quota_exceeded, is_stale, is_throttled, is_transient

_SERVICES = ("s3", "sqs", "sts", "logs", "omics", "ec2", "glacier")


def answered(code, status=400):
    return ClientError(
        {"Error": {"Code": code, "Message": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetRun"
    )


def botocore_repeats():
    """Yield the code and the HTTP status of each answer that botocore's legacy mode repeats."""
    table = Loader().load_data("_retry")
    services = table["retry"]
    policies = [services["__default__"], *(services[it]["__default__"] for it in _SERVICES if it in services)]
    for policy in [policy for each in policies for policy in each["policies"].values()]:
        rule = table["definitions"][policy["$ref"]] if "$ref" in policy else policy
        if answer := rule["applies_when"].get("response"):
            yield answer.get("service_error_code", ""), answer.get("http_status_code", 400)


@pytest.mark.parametrize(("code", "status"), sorted(set(botocore_repeats())))
def test_whatever_botocores_legacy_mode_repeats_passes(code, status):
    assert is_transient(answered(code, status))


@pytest.mark.parametrize("code", standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES)
def test_whatever_botocore_takes_for_throttling_slows_down(code):
    assert is_throttled(answered(code))
    assert is_transient(answered(code))


def test_whatever_botocores_standard_mode_repeats_passes():
    checker = standard.TransientRetryableChecker
    assert all(is_transient(answered(code)) for code in checker._TRANSIENT_ERROR_CODES)
    assert all(is_transient(answered("", status)) for status in checker._TRANSIENT_STATUS_CODES)
    assert is_throttled(answered("", 429))


@pytest.mark.parametrize(
    ("code", "status"),
    [("429", 429), ("Unknown", 429), ("501", 501), ("", 502), ("Strange", 599), ("408", 408), ("RequestTimeout", 400)],
)
def test_a_status_without_a_known_code_passes(code, status):
    assert is_transient(answered(code, status))
    assert is_throttled(answered(code, status)) is (status == 429)


@pytest.mark.parametrize(
    "code",
    [
        *("AccessDeniedException", "ValidationException", "ResourceNotFoundException", "ConflictException"),
        *("ServiceQuotaExceededException", "AccessDenied", ""),
    ],
)
def test_an_answer_that_only_somebody_can_change_does_not_pass(code):
    assert not is_transient(answered(code))
    assert not is_throttled(answered(code, 402))


def test_a_full_account_is_not_called_too_often():
    full = answered("ServiceQuotaExceededException", 429)
    assert is_quota_exceeded(full)
    assert not is_throttled(full)


@pytest.mark.parametrize(
    "code",
    ["UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch"],
)
def test_replaced_keys_need_a_new_client_and_pass(code):
    assert is_stale(answered(code, 403))
    assert is_transient(answered(code, 403))
    assert not is_denied(answered(code, 403))


@pytest.mark.parametrize(
    "error",
    [
        NoCredentialsError(),
        CredentialRetrievalError(provider="sso", error_msg="x"),
        MetadataRetrievalError(error_msg="Read timeout"),
        UnauthorizedSSOTokenError(),
        SSOTokenLoadError(error_msg="x"),
        socket.gaierror(-3, "Temporary failure in name resolution"),
        EndpointConnectionError(endpoint_url="https://omics"),
        ConnectionClosedError(endpoint_url="https://omics"),
        SSLError(endpoint_url="https://omics", error=ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_fault_of_network_or_credentials_passes(error):
    assert is_transient(error)
    assert not is_throttled(error)


def test_credentials_that_had_expired_when_they_were_handed_out_need_a_new_client_and_pass():
    stale = {"access_key": "a", "secret_key": "b", "token": "c", "expiry_time": "2020-01-01T00:00:00Z"}
    credentials = RefreshableCredentials("a", "b", "c", datetime(2020, 1, 1, tzinfo=UTC), lambda: stale, "iam-role")
    with pytest.raises(RuntimeError) as error:
        credentials.get_frozen_credentials()
    assert is_stale(error.value)
    assert is_transient(error.value)
    assert not is_transient(RuntimeError("ours"))


@pytest.mark.parametrize(
    "given", [{"verify": "/no/such/ca.pem"}, {"config": Config(max_pool_connections="ten")}], ids=str
)
def test_what_is_configured_wrongly_does_not_pass(given, omics_local):
    url = omics_local.client().meta.endpoint_url.replace("http:", "https:")
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    with pytest.raises((HTTPClientError, SSLError)) as error:
        boto3.client("logs", "us-east-1", endpoint_url=url, **keys, **given).describe_log_groups()
    assert not is_transient(error.value)


def test_a_key_with_a_line_break_does_not_pass(omics_local):
    keys = {"aws_access_key_id": "a\n", "aws_secret_access_key": "b"}
    url = omics_local.client().meta.endpoint_url
    with pytest.raises(HTTPClientError) as error:
        boto3.client("logs", "us-east-1", endpoint_url=url, **keys).describe_log_groups()
    assert not is_transient(error.value)


@pytest.mark.parametrize(
    "why",
    [
        ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed"),
        "hostname 'omics' doesn't match 'proxy'",
    ],
)
def test_a_certificate_that_is_not_trusted_does_not_pass(why):
    assert not is_transient(SSLError(endpoint_url="https://omics", error=why))
    assert not is_transient(NoRegionError())
