# SPDX-License-Identifier: Apache-2.0
"""miniwdl-omics-run: a WDL file of this machine is registered and run, all by names."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import WDL

CLIENT = "miniwdl-omics-run"
VPC = {"vpcConfig": {"securityGroupIds": ["sg-0123456789abcdef0"], "subnetIds": ["subnet-0123456789abcdef0"]}}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def account(endpoint):
    """Make the role, group, cache and configuration that the client is told by name."""
    omics = endpoint.client()
    endpoint.client("iam").create_role(RoleName="omics", AssumeRolePolicyDocument="{}")
    group = omics.create_run_group(name="lab", maxRuns=3)["id"]
    cache = omics.create_run_cache(name="lab", cacheS3Location="s3://lab/cache")["id"]
    omics.create_configuration(name="net", runConfigurations=VPC)
    endpoint.clock.advance(5)
    assert omics.get_configuration(name="net")["status"] == "ACTIVE"
    return {"runGroupId": group, "cacheId": cache}


def test_a_wdl_file_is_registered_once_and_run(client, endpoint, account, tmp_path):
    (tmp_path / "cohort.wdl").write_text(WDL)
    omics, asked = (
        endpoint.client(),
        ["cohort.wdl", "samples=a", "samples=b", "--role", "omics", "--output-uri", "s3://lab/out"],
    )
    options = ["--run-group", "lab", "--cache", "lab", "--vpc-config", "net", "--tag", "by=hand", "--name", "of-a-file"]
    for _ in range(2):
        client(CLIENT, *asked, *options)
    again, run = omics.list_runs(name="of-a-file")["items"]
    assert again["workflowId"] == run["workflowId"]
    omics.get_waiter("run_completed").wait(id=run["id"], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    got = omics.get_run(id=run["id"])
    assert (got["parameters"], got["tags"]) == ({"samples": ["a", "b"]}, {"by": "hand"})
    assert (got["networkingMode"], got["configuration"]["name"]) == ("VPC", "net")
    assert {name: got[name] for name in account} == account
    assert got["roleArn"].endswith(":role/omics")
    assert [task["name"] for task in omics.list_run_tasks(id=run["id"])["items"]] == ["Align", "Align"]
