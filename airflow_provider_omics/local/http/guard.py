# SPDX-License-Identifier: Apache-2.0
"""Who may call the endpoint: programs of this machine that mean it, and no web page, not even one out of its own S3."""

from __future__ import annotations

import ipaddress
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session

if TYPE_CHECKING:
    from collections.abc import Mapping

# A signature version 4 names its Region and service: in the Authorization header, or in a presigned URL's query.
_CREDENTIAL = re.compile(
    r"(?:^AWS4-[A-Z0-9-]+ .*|[?&]X-Amz-)Credential=([^,&/%]+)(?:/|%2F)\d+(?:/|%2F)([\w-]+)(?:/|%2F)([\w-]+)(?:/|%2F)"
)


def signed(headers: Mapping[str, str], query: str) -> tuple[str, str, str] | None:
    """
    Return the access key, the Region and the service that a request is signed with, as a web page cannot.

    No signature is checked.
    """
    scope = _CREDENTIAL.search(headers.get("authorization", "") or f"?{query}")
    if scope:
        return scope[1], scope[2], scope[3]
    # boto3 still presigns S3's URLs by version 2.
    return ("", "us-east-1", "s3") if "AWSAccessKeyId=" in query and "Signature=" in query else None


def refusal(method: str, headers: Mapping[str, str], service: str | None) -> str | None:
    """Return why a request cannot come from a program on this machine that means this endpoint, else None."""
    host = headers.get("host", "")
    if not _is_this_machine(re.sub(r":\d+$", "", host), service):
        return f"The Host {host!r} is not this machine's loopback address"
    # Browsers alone send these two; pages from the endpoint's own S3 have its very origin.
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if service == "s3" and method in ("GET", "HEAD"):
        # A browser may show what a presigned URL leads to.
        return None if origin in (None, f"http://{host}") else f"The Origin {origin!r} is foreign"
    if origin is not None or site != "none":
        return "The request comes from a web page; this endpoint answers programs only"
    return None


def _is_this_machine(host: str, service: str | None) -> bool:
    """Tell whether a host name means this machine and no DNS server can say otherwise."""
    host = next((host.removeprefix(prefix) for prefix in _host_prefixes() if host.startswith(prefix)), host)
    if host == "localhost" or (service == "s3" and re.fullmatch(r"[a-z0-9.-]+\.localhost", host)):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@cache
def _host_prefixes() -> frozenset[str]:
    """Return what botocore puts before HealthOmics' host, which no name in a DNS server's domain begins with here."""
    model = botocore.session.get_session().get_service_model("omics")
    endpoints: list[Any] = [model.operation_model(name).endpoint for name in model.operation_names]
    return frozenset(endpoint["hostPrefix"] for endpoint in endpoints if endpoint)
