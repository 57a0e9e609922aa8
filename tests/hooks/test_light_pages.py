# SPDX-License-Identifier: Apache-2.0
"""The poll hub's client reads pages of ListRuns faster than botocore, and reads the same."""

import json

import pytest

from airflow_provider_omics.aws.answers import lighten
from airflow_provider_omics.hooks.omics import OmicsHook

RUN = {"workflowId": "1234567", "roleArn": "arn:aws:iam::123456789012:role/x", "outputUri": "s3://bucket/runs"}


@pytest.fixture
def hook(omics_local, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(omics_local.airflow_connection()))
    omics_local.workflow(id="1234567", name="cram-to-bam")
    omics_local.clock.freeze()
    client = omics_local.client()
    for name in ("plain", '"creationTime": "2026"'):
        client.start_run(**RUN, name=name)
    omics_local.clock.advance(20)
    return OmicsHook()


def test_a_light_page_says_what_a_whole_one_says_but_for_two_times(hook):
    whole, _ = hook.list_page("RUNNING", None)
    hook.lighten_pages()
    light, token = hook.list_page("RUNNING", None)
    assert token is None
    assert all("startTime" in item for item in whole)
    assert light == [{name: value for name, value in item.items() if name != "startTime"} for item in whole]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"items": [{"creationTime": 1}]}', b'{"items": [7]}'])
def test_what_is_no_page_is_left_to_botocore(body):
    answer = {"body": body}
    lighten(answer)
    assert answer == {"body": body}
