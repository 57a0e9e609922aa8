# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, before anything of the other services was needed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from airflow_provider_omics.local.testing import start_server


def test_first_calls_that_need_s3_wait_for_it_once_and_not_for_each_other():
    with start_server("--simulate") as server:
        role = "arn:aws:iam::123456789012:role/omics"
        server.workflow(id="1")
        omics = server.client("omics", read_timeout=60, max_pool_connections=40)

        def start_batch(_number):
            setting = {"workflowId": "1", "roleArn": role, "outputUri": "s3://b"}
            try:
                omics.start_run_batch(defaultRunSetting=setting, batchRunSettings={"s3UriSettings": "s3://b/none"})
            except omics.exceptions.ValidationException as error:
                return "NoSuchBucket" in str(error)

        # More than there are threads for blocking work.
        with ThreadPoolExecutor(40) as pool:
            assert list(pool.map(start_batch, range(40))) == [True] * 40
