# SPDX-License-Identifier: Apache-2.0
"""Where the outputs of a run are in S3."""

from __future__ import annotations


def place_of(output_uri: str) -> tuple[str, str]:
    """Return the bucket of a run's outputs, and their prefix, which is empty or ends with a slash."""
    bucket, _, folder = output_uri.removeprefix("s3://").rstrip("/").partition("/")
    return bucket, f"{folder}/" if folder else ""
