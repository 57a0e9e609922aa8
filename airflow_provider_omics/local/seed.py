# SPDX-License-Identifier: Apache-2.0
"""``omics-local seed``: the buckets and files that the example DAGs expect to find."""

from __future__ import annotations

from botocore.exceptions import ClientError, EndpointConnectionError

from airflow_provider_omics.local.examples import BUCKETS
from airflow_provider_omics.local.testing import LocalOmics

ARRIVED = ("arrivals/NA12878.cram", "arrivals/NA12891.cram")


def seed(url: str) -> list[str]:
    """Make the buckets, put the files, and return their URIs; a file that is there is put again, and so arrives now."""
    s3 = LocalOmics(url).client("s3")
    try:
        for bucket in BUCKETS:
            s3.create_bucket(Bucket=bucket)
        for key in ARRIVED:
            s3.put_object(Bucket=BUCKETS[0], Key=key, Body=b"no reads: for simulated runs")
    except EndpointConnectionError:
        raise ValueError(f"Nothing answers at {url}; start it: omics-local serve --simulate --examples") from None
    except ClientError as error:
        raise ValueError(f"What answers at {url} takes no file: {error}; start it: omics-local serve") from None
    return [f"s3://{BUCKETS[0]}/{key}" for key in ARRIVED]
