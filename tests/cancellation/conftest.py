# SPDX-License-Identifier: Apache-2.0
"""Runs to cancel, at the local endpoint."""

import pytest

from airflow_provider_omics.records.run import Run

ROLE = "arn:aws:iam::123456789012:role/omics"


def asked(omics_local):
    """Return how often HealthOmics was asked what; STS tells once whose credentials these are."""
    return {operation: count for operation, count in omics_local.counts().items() if ":" not in operation}


@pytest.fixture
def start(aws_default):
    """Return a function that starts runs which go on until they are cancelled."""
    aws_default.workflow(id="1234567", name="cram-to-bam")
    aws_default.script(pending=0, starting=0, running=3600, stopping=3600)
    client = aws_default.client()

    def start(count=1):
        request = {"workflowId": "1234567", "roleArn": ROLE, "outputUri": "s3://bucket/runs"}
        return [Run.from_response(client.start_run(**request)) for _ in range(count)]

    return start
