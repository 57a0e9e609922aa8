# SPDX-License-Identifier: Apache-2.0
"""Where runs leave their traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class Publisher(Protocol):
    """Where runs leave their traces: S3, CloudWatch Logs, EventBridge. Never called on the event loop's thread."""

    def download(self, uri: str, path: str) -> None:
        """Copy the object ``s3://…`` to a local file; FileNotFoundError names the uri that does not exist."""

    def keys(self, uri: str) -> list[str]:
        """Return the keys that begin as ``s3://…`` does, in order; FileNotFoundError if the bucket is not there."""

    def upload(self, path: str, uri: str) -> None:
        """Copy a local file to ``s3://…``; a bucket that does not exist is an error, as in AWS."""

    def put(self, uri: str, text: str) -> None:
        """Write a small object ``s3://…``; a bucket that does not exist is an error, as in AWS."""

    def copy(self, uri: str, to: str) -> int:
        """Copy an object within S3 and return its bytes; FileNotFoundError names the uri that cannot be read."""

    def presigned(self, uri: str) -> str:
        """Return a URL by which anybody can read the object ``s3://…`` for an hour."""

    def make_buckets(self, names: Sequence[str]) -> None:
        """Make buckets that are not there yet."""

    def log(self, stream: str, lines: list[tuple[datetime, str]]) -> None:
        """Append lines to a stream of ``/aws/omics/WorkflowLog``, made when missing."""

    def event(self, detail_type: str, detail: dict[str, Any], resources: list[str], moment: datetime) -> None:
        """Put one ``aws.omics`` event on the default EventBridge bus."""
