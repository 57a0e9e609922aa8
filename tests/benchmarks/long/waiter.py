# SPDX-License-Identifier: Apache-2.0
"""A run's trigger as the amazon provider makes its own: a client and a waiter of botocore for each deferred task."""

from __future__ import annotations

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.triggers.base import AwsBaseWaiterTrigger


class RunWaiterTrigger(AwsBaseWaiterTrigger):
    """Wait for a HealthOmics run."""

    def __init__(self, *, run_id: str, waiter_delay: int, waiter_max_attempts: int = 1_000_000, **kwargs) -> None:
        super().__init__(
            serialized_fields={"run_id": run_id},
            waiter_name="run_completed",
            waiter_args={"id": run_id},
            failure_message=f"Run {run_id} failed",
            status_message=f"Run {run_id} is not ready yet",
            status_queries=["status", "statusMessage"],
            return_key="run_id",
            return_value=run_id,
            waiter_delay=waiter_delay,
            waiter_max_attempts=waiter_max_attempts,
            **kwargs,
        )

    def hook(self) -> AwsBaseHook:
        return AwsBaseHook(client_type="omics", **self._hook_parameters)
