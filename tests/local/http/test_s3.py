# SPDX-License-Identifier: Apache-2.0
"""S3 beside HealthOmics: moto's, as far as this endpoint passes requests on to it."""

from __future__ import annotations


def test_keys_that_differ_little_are_different_objects(omics_local):
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="lab")
    keys = ["a/b", "a//b", "a/./b", "./a/b", "/a/b", "../a", "a", "a/", "A/b", "a b", "a%20b", "a%2520b", "a+b", "ü/?#"]
    for key in keys:
        s3.put_object(Bucket="lab", Key=key, Body=key.encode())

    assert [s3.get_object(Bucket="lab", Key=key)["Body"].read().decode() for key in keys] == keys
    assert [found["Key"] for found in s3.list_objects_v2(Bucket="lab")["Contents"]] == sorted(keys)
    s3.copy_object(Bucket="lab", Key="copy%20of", CopySource={"Bucket": "lab", "Key": "a%20b"})
    assert s3.get_object(Bucket="lab", Key="copy%20of")["Body"].read() == b"a%20b"
