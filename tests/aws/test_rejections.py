# SPDX-License-Identifier: Apache-2.0
"""What is told of a StartRun that is denied."""

import pytest
from botocore.exceptions import ClientError

from airflow_provider_omics.aws.rejections import explained
from airflow_provider_omics.exceptions import StartRunDeniedError

WHO = "arn:aws:sts::123456789012:assumed-role/triggerer/i-0abc"
WORKFLOW = "arn:aws:omics:us-east-1:123456789012:workflow/1234567"
ROLE = "arn:aws:iam::123456789012:role/omics"


@pytest.mark.parametrize(
    ("action", "resource", "advice"),
    [
        ("omics:StartRun", WORKFLOW, "allow it omics:StartRun, and iam:PassRole"),
        ("iam:PassRole", ROLE, f"allow it iam:PassRole on {ROLE} for omics.amazonaws.com"),
        ("omics:TagResource", WORKFLOW, "omics:TagResource, or set airflow_tags=False"),
    ],
)
def test_a_denial_names_who_what_and_the_way_out(action, resource, advice):
    message = f"User: {WHO} is not authorized to perform: {action} on resource: {resource}"
    answer = {"Error": {"Code": "AccessDeniedException", "Message": message}}
    error = explained(ClientError(answer, "StartRun"), {"roleArn": ROLE}, "", lambda: WHO)
    assert isinstance(error, StartRunDeniedError)
    assert str(error).startswith(f"StartRun is denied to {WHO}: ")
    for part in (action, resource, advice):
        assert part in str(error)
