# SPDX-License-Identifier: Apache-2.0
"""The least that StartRun needs, and what becomes of it."""

import pytest

from airflow_provider_omics.request.build import build_request
from airflow_provider_omics.request.violations import RequestError

NEW = {"workflow_id": "1234567", "role_arn": "arn:aws:iam::123456789012:role/omics", "output_uri": "s3://bucket/runs"}


REQUEST = {"workflowId": "1234567", "roleArn": "arn:aws:iam::123456789012:role/omics", "outputUri": "s3://bucket/runs"}


def build(**arguments):
    return build_request({**NEW, **arguments})[0]


def violations(extra=None, reserved_tags=0, **arguments):
    with pytest.raises(RequestError) as error:
        build_request({**NEW, **arguments}, extra, reserved_tags=reserved_tags)
    return error.value.violations


def warnings(**arguments):
    return build_request({**NEW, **arguments})[1]
