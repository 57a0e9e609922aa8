# SPDX-License-Identifier: Apache-2.0
"""URLs of AWS console pages, from an ARN and an S3 URI: no call, no botocore."""

from __future__ import annotations

from urllib.parse import quote

from airflow_provider_omics.aws.s3 import place_of

_DOMAINS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def run_url(arn: str) -> str:
    """Return the page of a run."""
    region, domain, run_id = _parts(arn)
    return f"https://{region}.{domain}/omics/home?region={region}#/runs/{run_id}"


def run_log_url(arn: str) -> str:
    """Return the page of a run's log stream ``run/<id>`` in CloudWatch Logs."""
    return _log_url(arn, "run/{}")


def engine_log_url(arn: str) -> str:
    """Return the page of the log stream of a run's engine, ``run/<id>/engine``."""
    return _log_url(arn, "run/{}/engine")


def output_url(arn: str, output_uri: str) -> str:
    """Return the page of the run's outputs in S3."""
    region, domain, _ = _parts(arn)
    bucket, prefix = place_of(output_uri)
    return f"https://{region}.{domain}/s3/buckets/{bucket}?region={region}&prefix={quote(prefix)}"


def _log_url(arn: str, stream: str) -> str:
    region, domain, run_id = _parts(arn)
    return (
        f"https://{region}.{domain}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/"
        f"{_twice('/aws/omics/WorkflowLog')}/log-events/{_twice(stream.format(run_id))}"
    )


def _parts(arn: str) -> tuple[str, str, str]:
    _, partition, _, region, _, resource = arn.split(":", 5)
    return region, _DOMAINS.get(partition, _DOMAINS["aws"]), resource.rsplit("/", 1)[-1]


def _twice(text: str) -> str:
    # CloudWatch's single-page console wants names encoded twice, with $ for the first %.
    return quote(quote(text, safe=""), safe="").replace("%", "$")
