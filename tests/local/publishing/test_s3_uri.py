# SPDX-License-Identifier: Apache-2.0
"""What an ``s3://`` URI is."""

from __future__ import annotations

import pytest

from airflow_provider_omics.local.publishing.s3_uri import split


@pytest.mark.parametrize(
    "uri", ["https://bucket/key", "omics://bucket/key", "bucket/key", "s3:/bucket/key", "s3://bucket"]
)
def test_no_other_uri_has_a_bucket_and_a_key(uri):
    with pytest.raises(ValueError, match="is not s3://bucket/key"):
        split(uri)
