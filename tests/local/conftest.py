# SPDX-License-Identifier: Apache-2.0
"""The local endpoint, tested as its users have it: by boto3 over HTTP."""

from __future__ import annotations

import pytest

from airflow_provider_omics.local.testing import omics_local, omics_local_server

__all__ = ["omics_local", "omics_local_server"]

ROLE = "arn:aws:iam::123456789012:role/omics"


@pytest.fixture
def client(omics_local):
    return omics_local.client("omics")


@pytest.fixture
def start(omics_local, client):
    """Return StartRun with the least that it needs; a member given as None is left out."""
    omics_local.workflow(id="1234567", name="germline")

    def start_run(**members):
        least = {"workflowId": "1234567", "roleArn": ROLE, "outputUri": "s3://bucket/runs/"}
        return client.start_run(**{name: value for name, value in {**least, **members}.items() if value is not None})

    return start_run


@pytest.fixture
def frozen(omics_local):
    omics_local.clock.freeze()
    return omics_local.clock


@pytest.fixture
def refused():
    """Return a call's error: its code and HTTP status."""

    def code_and_status(call, *arguments, **members):
        with pytest.raises(Exception, match="An error occurred") as error:
            call(*arguments, **members)
        answer = error.value.response
        return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]

    return code_and_status
