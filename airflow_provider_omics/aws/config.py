# SPDX-License-Identifier: Apache-2.0
"""Options of ``botocore.config.Config`` from JSON, and the option that a local endpoint needs."""

from __future__ import annotations

import os
from copy import deepcopy
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore import UNSIGNED

if TYPE_CHECKING:
    from collections.abc import Mapping


def options_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of a Config, converted from JSON types to botocore's."""
    options = deepcopy(dict(config))  # botocore completes the dicts in it
    if options.get("signature_version") == "unsigned":
        options["signature_version"] = UNSIGNED
    if isinstance(options.get("client_cert"), list):
        options["client_cert"] = tuple(options["client_cert"])
    return options


def has_no_prefixes(endpoint_url: str | None) -> bool:
    """Whether the endpoint takes no host prefixes, as an IP address: `workflows-127.0.0.1` does not resolve."""
    url = endpoint_url or os.environ.get("AWS_ENDPOINT_URL_OMICS") or os.environ.get("AWS_ENDPOINT_URL")
    host = (urlsplit(url).hostname or "") if url else ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
