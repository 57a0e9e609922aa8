# SPDX-License-Identifier: Apache-2.0
"""A sequence store of the local endpoint, and the operators that work on it."""

import json
import time
from dataclasses import dataclass

import pytest

from airflow_provider_omics.operators.activate_read_sets import ActivateOmicsReadSetsOperator
from airflow_provider_omics.operators.import_read_sets import ImportOmicsReadSetsOperator

ROLE = "arn:aws:iam::123456789012:role/omics"
STORE = "1234567890"


def source(sample, **members):
    return {
        "sourceFiles": {"source1": f"s3://reads/{sample}.fastq.gz"},
        "sourceFileType": "FASTQ",
        "subjectId": "family",
        "sampleId": sample,
        **members,
    }


@dataclass
class Stored:
    """A sequence store of the endpoint, and the operators that work on it."""

    local: object
    id: str
    client: object
    s3: object

    def arrive(self, *samples):
        for sample in samples:
            self.s3.put_object(Bucket="reads", Key=f"{sample}.fastq.gz", Body=b"reads")

    def importing(self, *samples, **arguments):
        given = {"role_arn": ROLE, "sources": [source(sample) for sample in samples], "poll_interval": 0.05}
        return ImportOmicsReadSetsOperator(task_id="run", sequence_store_id=self.id, **{**given, **arguments})

    def activating(self, *ids, **arguments):
        given = {"sources": list(ids), "poll_interval": 0.05}
        return ActivateOmicsReadSetsOperator(task_id="run", sequence_store_id=self.id, **{**given, **arguments})

    def read_sets(self):
        """Return the store's read sets, the newest first."""
        return self.client.list_read_sets(sequenceStoreId=self.id)["readSets"]

    def archived(self, *samples):
        """Import samples, let HealthOmics archive them, and return their ids."""
        self.arrive(*samples)
        sources = [source(sample) for sample in samples]
        self.client.start_read_set_import_job(sequenceStoreId=self.id, roleArn=ROLE, sources=sources)
        until = time.monotonic() + 60
        while len(found := self.read_sets()) < len(samples):
            assert time.monotonic() < until
            time.sleep(0.02)
        for item in found:
            self.local.force_read_set(item["id"], "ARCHIVED")
        ids = {item["sampleId"]: item["id"] for item in found}
        return [ids[sample] for sample in samples]

    def jobs(self, kind):
        return [job for job in self.local.jobs() if job["kind"] == kind]


@pytest.fixture(scope="session")
def clients(omics_local_server):
    """Make the clients once: each takes longer than a test."""
    return omics_local_server.client("omics"), omics_local_server.client("s3")


@pytest.fixture
def stored(omics_local, clients, monkeypatch):
    """Return a sequence store in which jobs take a tenth of a second, with the samples a and b arrived."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(omics_local.airflow_connection()))
    omics_local.switch(speed=500)
    client, s3 = clients
    s3.create_bucket(Bucket="reads")
    stored = Stored(omics_local, client.create_sequence_store(name="cohort")["id"], client, s3)
    stored.arrive("a", "b")
    return stored
