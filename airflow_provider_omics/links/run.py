# SPDX-License-Identifier: Apache-2.0
"""Extra links to a run's page, log stream and outputs in the AWS console."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from airflow_provider_omics.aws import console
from airflow_provider_omics.compat import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey

    from airflow_provider_omics.compat import BaseOperator


class RunLink(BaseOperatorLink):
    """A link made of the run's XComs; it makes no call to AWS."""

    @abstractmethod
    def url(self, arn: str, output_uri: str) -> str:
        """Return the page for a run's ARN and runOutputUri."""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the link, empty before the run has started."""
        attempt = getattr(operator, "attempt", None)
        if attempt is not None:
            # In the task's own process: reading a missing XCom would log an error for each link.
            return self.url(attempt.run.arn, attempt.run.output_uri) if attempt.run else ""
        arn = XCom.get_value(ti_key=ti_key, key="arn")
        return self.url(arn, XCom.get_value(ti_key=ti_key, key="run_output_uri") or "") if arn else ""


class OmicsRunLink(RunLink):
    """The run's page in the HealthOmics console."""

    name = "HealthOmics run"

    def url(self, arn: str, output_uri: str) -> str:  # noqa: ARG002 - one signature for all links
        """Return the run's page."""
        return console.run_url(arn)


class OmicsRunLogLink(RunLink):
    """The run's log stream in the CloudWatch console."""

    name = "HealthOmics run log"

    def url(self, arn: str, output_uri: str) -> str:  # noqa: ARG002 - one signature for all links
        """Return the log stream's page."""
        return console.run_log_url(arn)


class OmicsRunOutputLink(RunLink):
    """The run's outputs in the S3 console."""

    name = "HealthOmics run outputs"

    def url(self, arn: str, output_uri: str) -> str:
        """Return the page of the outputs."""
        return console.output_url(arn, output_uri)
