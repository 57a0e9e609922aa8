# SPDX-License-Identifier: Apache-2.0
"""Watches in an event loop, against the local endpoint."""

import json

import pytest

from airflow_provider_omics.polling import hub as hubs
from airflow_provider_omics.records.run import Run


@pytest.fixture
def connection(omics_local, monkeypatch):
    """Lead Airflow's default connection to the endpoint, whose time stands still, and let calls cost nothing."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(omics_local.airflow_connection()))
    monkeypatch.setenv("AIRFLOW__OMICS__CALLS_PER_SECOND", "1000")
    omics_local.workflow(id="1234567", name="cram-to-bam")
    omics_local.clock.freeze()
    yield omics_local
    assert hubs._hubs == {}
    assert hubs._limits == {}


@pytest.fixture
def start(connection):
    """Return a function that starts runs."""
    client = connection.client("omics")

    def start(count=1):
        return [
            Run.from_response(
                client.start_run(
                    workflowId="1234567", roleArn="arn:aws:iam::123456789012:role/x", outputUri="s3://bucket/runs"
                )
            )
            for _ in range(count)
        ]

    return start
