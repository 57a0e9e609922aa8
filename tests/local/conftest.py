# SPDX-License-Identifier: Apache-2.0
"""The local endpoint, tested as its users have it: by boto3 over HTTP."""

from __future__ import annotations

import signal
import time

import pytest

ROLE = "arn:aws:iam::123456789012:role/omics"


@pytest.fixture
def hangups():
    """Let processes that are started hear SIGHUP, also under nohup: a handler, unlike SIG_IGN, is not inherited."""
    before = signal.signal(signal.SIGHUP, lambda *_: None)
    yield
    signal.signal(signal.SIGHUP, before)


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
def wait_for():
    """Return a function that waits until a condition is true, and returns its value."""

    def wait(condition):
        deadline = time.monotonic() + 120
        while not (value := condition()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.02)
        return value

    return wait


@pytest.fixture
def refused():
    """Return a call's error: its code and HTTP status."""

    def code_and_status(call, *arguments, **members):
        with pytest.raises(Exception, match="An error occurred") as error:
            call(*arguments, **members)
        answer = error.value.response
        return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]

    return code_and_status
