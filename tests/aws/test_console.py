# SPDX-License-Identifier: Apache-2.0
"""Console pages in each partition."""

import pytest

from airflow_provider_omics.aws import console

ARN = "arn:aws:omics:us-west-2:123456789012:run/3282892"


def test_pages_of_a_run():
    assert console.run_url(ARN) == (
        "https://us-west-2.console.aws.amazon.com/omics/home?region=us-west-2#/runs/3282892"
    )
    assert console.run_log_url(ARN) == (
        "https://us-west-2.console.aws.amazon.com/cloudwatch/home?region=us-west-2"
        "#logsV2:log-groups/log-group/$252Faws$252Fomics$252FWorkflowLog/log-events/run$252F3282892"
    )
    assert console.output_url(ARN, "s3://bucket/a b/3282892") == (
        "https://us-west-2.console.aws.amazon.com/s3/buckets/bucket?region=us-west-2&prefix=a%20b/3282892/"
    )


def test_a_folder_of_any_name_is_found():
    page = console.output_url(ARN, "s3://bucket/2026#1/a?b/3282892")
    assert page.endswith("/s3/buckets/bucket?region=us-west-2&prefix=2026%231/a%3Fb/3282892/")


@pytest.mark.parametrize(
    ("partition", "domain"),
    [("aws-cn", "console.amazonaws.cn"), ("aws-us-gov", "console.amazonaws-us-gov.com")],
)
def test_other_partitions(partition, domain):
    assert f".{domain}/omics/home" in console.run_url(ARN.replace("arn:aws:", f"arn:{partition}:"))
