# SPDX-License-Identifier: Apache-2.0
"""``s3://bucket/key``."""

from __future__ import annotations


def split(uri: str, *, key_needed: bool = True) -> tuple[str, str]:
    """Return the bucket and the key of an ``s3://`` URI; ValueError says what it lacks."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or (key_needed and not key):
        raise ValueError(f"{uri} is not {'s3://bucket/key' if key_needed else 's3:// with a bucket'}")
    return bucket, key
