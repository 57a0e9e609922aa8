# SPDX-License-Identifier: Apache-2.0
"""The endpoint executes what it is given: nobody but a program on this machine may give it anything."""

from __future__ import annotations

import http.client
import json
import urllib.request

import pytest

from airflow_provider_omics.local.server import Server

SIGNED = "AWS4-HMAC-SHA256 Credential=local/20250101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
CONTROL = {"X-Omics-Local": "1"}


@pytest.fixture
def send(omics_local):
    """Return a raw request: the status of its answer."""

    def request(method, path, headers, body=None):
        connection = http.client.HTTPConnection(omics_local.url.removeprefix("http://"))
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        assert answer.headers.get("Access-Control-Allow-Origin") is None
        return answer.status

    return request


def omics(**headers):
    return {"Authorization": SIGNED.format("omics"), **headers}


def test_a_signed_request_of_this_machine_is_answered(send):
    assert send("GET", "/run", omics()) == 200
    assert send("GET", "/", {"Authorization": SIGNED.format("s3")}) == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/run"), ("POST", "/run"), ("GET", "/"), ("PUT", "/bucket/key")])
def test_an_unsigned_request_is_refused(method, path, send, omics_local):
    document = json.dumps({"workflowId": "1", "roleArn": "arn:x", "outputUri": "s3://b", "requestId": "r"})
    assert send(method, path, {}, document) == 403
    assert send(method, path, {"Authorization": "Basic eDp5"}, document) == 403
    assert omics_local.runs() == []


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/data.json"])
def test_motos_own_control_is_behind_the_same_guard(path, send):
    assert send("POST", path, {}) == 403
    assert send("POST", path, {"Authorization": SIGNED.format("s3"), "Origin": "http://evil.example"}) == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"])
@pytest.mark.parametrize(
    ("path", "headers"), [("/run", omics()), ("/", {"Authorization": SIGNED.format("s3")}), ("/_local/runs", CONTROL)]
)
def test_a_foreign_origin_is_refused(origin, path, headers, send):
    for method in ("GET", "OPTIONS"):
        assert send(method, path, {**headers, "Origin": origin}) == 403


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "localhost.x", "workflows-evil"),
        # What a DNS server of the network may give an address.
        *("evil-localhost", "evil-127.0.0.1", "evil.localhost"),
    ],
)
@pytest.mark.parametrize(("path", "headers"), [("/run", omics()), ("/_local/runs", CONTROL)])
def test_a_foreign_host_is_refused(host, path, headers, send):
    assert send("GET", path, {**headers, "Host": host}) == 403


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:9", "[::1]:9", "workflows-localhost:9", "workflows-127.0.0.1:9", "tags-localhost"]
)
def test_every_name_of_this_machine_is_answered(host, send):
    assert send("GET", "/run", omics(Host=host)) == 200


def test_a_bucket_may_come_before_the_name_for_s3_alone(send):
    assert send("GET", "/", {"Authorization": SIGNED.format("s3"), "Host": "missing-bucket.localhost:9"}) == 404


@pytest.mark.parametrize("site", ["same-origin", "same-site", "cross-site"])
def test_a_page_out_of_the_endpoints_own_s3_calls_nothing(site, send, omics_local):
    page = {"Host": omics_local.url.removeprefix("http://"), "Sec-Fetch-Site": site}
    for headers in (page, {**page, "Origin": omics_local.url}):
        assert send("GET", "/_local/runs", {**CONTROL, **headers}) == 403
        assert send("POST", "/_local/reset", {**CONTROL, **headers}) == 403
        assert send("GET", "/run", omics(**headers)) == 403
        assert send("PUT", "/bucket-of-a-page", {"Authorization": SIGNED.format("s3"), **headers}) == 403
    assert send("GET", "/", {"Authorization": SIGNED.format("s3"), **page}) == 200


def test_a_page_has_no_credential_for_other_services_either(send):
    credential = "X-Amz-Credential=x%2F20250101%2Fus-east-1%2Fiam%2Faws4_request"
    assert send("GET", f"/?Action=ListUsers&{credential}", {"Sec-Fetch-Site": "cross-site"}) == 403


def test_the_control_api_needs_its_header(send):
    assert send("GET", "/_local/runs", CONTROL) == 200
    for headers in ({}, omics(), {"X-Omics-Local": "0"}):
        assert send("GET", "/_local/runs", headers) == 403
        assert send("POST", "/_local/reset", headers) == 403


def test_an_unknown_control_call_says_which_there_are(send, omics_local):
    assert send("GET", "/_local/nothing", CONTROL) == 404
    with pytest.raises(ValueError, match="GET /_local/runs"):
        omics_local.call("GET", "nothing")
    assert send("POST", "/_local/settings", CONTROL, "[]") == 400
    assert send("POST", "/_local/settings", CONTROL, "{") == 400


def test_a_presigned_url_is_signed(omics_local):
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="presigned")
    s3.put_object(Bucket="presigned", Key="a b", Body=b"text")
    url = s3.generate_presigned_url("get_object", {"Bucket": "presigned", "Key": "a b"})
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own
        assert answer.read() == b"text"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])  # noqa: S104 - they are refused
def test_only_loopback_addresses_are_bound(host):
    with pytest.raises(ValueError, match="loopback addresses only"):
        Server(host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_any_loopback_address_is_bound(host):
    with Server(host=host) as server:
        assert server.url.startswith("http://127.")
