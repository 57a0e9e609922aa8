# SPDX-License-Identifier: Apache-2.0
"""What the clients of a connection are made with: options of botocore, host prefixes, and the user agent."""

from __future__ import annotations

import os
import sys
from copy import deepcopy
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore import UNSIGNED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType


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


def calling_class(function: str) -> str:
    """
    Return the class whose method of this name is being executed, "Unknown" if there is none.

    The amazon provider's own ``AwsBaseHook._get_caller`` reads the source of every frame, 0.1 s of CPU time in each
    process. If a newer release of it no longer calls that method, only its own value is used again.

    :param function: the name of the method.
    """
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - of CPython
    while frame is not None:
        if frame.f_code.co_name == function and "self" in frame.f_locals:
            return type(frame.f_locals["self"]).__name__
        frame = frame.f_back
    return "Unknown"
