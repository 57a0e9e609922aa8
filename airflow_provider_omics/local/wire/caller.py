# SPDX-License-Identifier: Apache-2.0
"""Who calls, and the ARNs of what is theirs."""

from __future__ import annotations

from typing import Any, NamedTuple

Answer = dict[str, Any]


class Caller(NamedTuple):
    """Who calls, as the request's credential scope says, and what its S3 object holds if it names one to be read."""

    region: str
    account: str
    fetched: bytes | None = None
    # The run settings of a batch that an S3 object holds, checked against the model.
    settings: list[Answer] | None = None
    # What is found in a workflow's definition (wdl.examine).
    definition: Answer | None = None


NOBODY = Caller("us-east-1", "123456789012")


def arn(caller: Caller, path: str, *, service: str = "omics") -> str:
    """Return the ARN of a resource in the caller's Region and account."""
    return f"arn:aws:{service}:{caller.region}:{caller.account}:{path}"


def log_stream_arn(caller: Caller, stream: str) -> str:
    """Return the ARN of one of a run's log streams."""
    return arn(caller, f"log-group:/aws/omics/WorkflowLog:log-stream:{stream}", service="logs")
