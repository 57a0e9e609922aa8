# SPDX-License-Identifier: Apache-2.0
"""A task that may not start its run says who it is, and what to allow."""

import pytest

from airflow_provider_omics.exceptions import StartRunDeniedError


def test_a_task_that_may_not_start_its_run_says_who_it_is(start_run, context, omics_local):
    omics_local.fault("StartRun", "error", code="AccessDeniedException", times=1)
    with pytest.raises(
        StartRunDeniedError, match=r"StartRun is denied to arn:aws:.*:123456789012:.*iam:PassRole on arn"
    ):
        start_run().execute(context)
    assert omics_local.runs() == []


def test_who_is_not_known_is_the_caller(start_run, context, omics_local):
    omics_local.fault("StartRun", "error", code="AccessDeniedException", times=1)
    omics_local.fault("sts:GetCallerIdentity", "error", code="AccessDenied", probability=1)
    with pytest.raises(StartRunDeniedError, match="StartRun is denied to the caller: "):
        start_run().execute(context)
