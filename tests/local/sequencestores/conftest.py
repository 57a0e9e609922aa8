# SPDX-License-Identifier: Apache-2.0
"""A sequence store, and jobs that import into it."""

from __future__ import annotations

import pytest

from tests.local.sequencestores.sources import ROLE, source


@pytest.fixture
def store(client, omics_local):
    """Return the id of a new sequence store; the objects a.fastq.gz and b.fastq.gz lie in the bucket ``reads``."""
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="reads")
    for key in ("a_1.fastq.gz", "a_2.fastq.gz", "b.bam"):
        s3.put_object(Bucket="reads", Key=key, Body=b"reads of " + key.encode())
    s3.put_object(Bucket="reads", Key="empty.bam", Body=b"")
    return client.create_sequence_store(name="cohort", tags={"x": "y"})["id"]


@pytest.fixture
def start(client, store):
    def start(*sources, **members):
        given = list(sources) or [source()]
        return client.start_read_set_import_job(sequenceStoreId=store, roleArn=ROLE, sources=given, **members)

    return start


@pytest.fixture
def imported(start, client, store, omics_local, wait_for):
    """Return a function that imports sources and returns the job when it has ended."""

    def imported(*sources):
        job = {"sequenceStoreId": store, "id": start(*sources)["id"]}
        omics_local.clock.advance(60)
        wait_for(lambda: "completionTime" in client.get_read_set_import_job(**job))
        return client.get_read_set_import_job(**job)

    return imported
