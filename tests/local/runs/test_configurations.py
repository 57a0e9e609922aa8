# SPDX-License-Identifier: Apache-2.0
"""Configurations, and the VPC runs that name them."""

from __future__ import annotations

import pytest

VPC = {"vpcConfig": {"securityGroupIds": ["sg-0123456789abcdef0"], "subnetIds": ["subnet-0123456789abcdef0"]}}


@pytest.fixture
def net(client, frozen):
    created = client.create_configuration(name="net", runConfigurations=VPC, tags={"a": "b"})
    assert created["status"] == "CREATING"
    frozen.advance(5)
    return created


def test_a_configuration_is_active_a_little_later(client, net):
    got = client.get_configuration(name="net")
    assert {**got, "ResponseMetadata": 0} == {**net, "status": "ACTIVE", "ResponseMetadata": 0}
    assert got["runConfigurations"] == VPC
    assert client.list_tags_for_resource(resourceArn=got["arn"])["tags"] == {"a": "b"}


def test_configurations_are_listed_by_region_in_pages(client, omics_local, net):
    del net
    for i in range(11):
        client.create_configuration(name=f"n{i}", runConfigurations=VPC)
    names = [item["name"] for page in client.get_paginator("list_configurations").paginate() for item in page["items"]]
    assert names == [*(f"n{i}" for i in reversed(range(11))), "net"]
    assert omics_local.client("omics", region_name="eu-west-2").list_configurations()["items"] == []


def test_a_run_keeps_its_configuration(start, client, net):
    run = start(networkingMode="VPC", configurationName="net")
    assert run["configuration"] == {name: net[name] for name in ("name", "arn", "uuid")}
    client.delete_configuration(name="net")
    got = client.get_run(id=run["id"])
    assert (got["configuration"], got["networkingMode"]) == (run["configuration"], "VPC")
    assert got["vpcConfig"] == VPC["vpcConfig"]


def test_a_configuration_that_is_not_there_starts_no_run(start, client, omics_local, refused, net):
    missing = ("ResourceNotFoundException", 404)
    assert refused(start, networkingMode="VPC", configurationName="other") == missing
    elsewhere = omics_local.client("omics", region_name="eu-west-2")
    assert refused(elsewhere.get_configuration, name=net["name"]) == missing
    client.delete_configuration(name="net")
    assert refused(start, networkingMode="VPC", configurationName="net") == missing
    assert refused(client.delete_configuration, name="net") == missing


def test_a_configuration_that_is_not_active_starts_no_run(start, client, frozen, refused):
    client.create_configuration(name="net", runConfigurations=VPC)
    frozen.advance(4)
    assert refused(start, networkingMode="VPC", configurationName="net") == ("ConflictException", 409)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"runConfigurations": {}}, "ValidationException"),
        ({"runConfigurations": {"vpcConfig": {**VPC["vpcConfig"], "subnetIds": []}}}, "ValidationException"),
        (
            {"runConfigurations": {"vpcConfig": {**VPC["vpcConfig"], "securityGroupIds": ["group"]}}},
            "ValidationException",
        ),
        ({"name": "default"}, "ValidationException"),
        ({"name": "net"}, "ConflictException"),
    ],
)
def test_what_cannot_be_a_configuration(client, refused, net, members, code):
    del net
    assert refused(client.create_configuration, **{"name": "n", "runConfigurations": VPC, **members})[0] == code


@pytest.mark.parametrize("uri", ["s3://", "s3:///x", "s3:/b/x", "S3://bucket/x"])
def test_an_output_uri_without_a_bucket_is_refused(start, refused, uri):
    assert refused(start, outputUri=uri) == ("ValidationException", 400)
