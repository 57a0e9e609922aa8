# SPDX-License-Identifier: Apache-2.0
"""Services beside HealthOmics that moto does not have, and the price list."""

from __future__ import annotations

import json
import logging

import pytest
from botocore.exceptions import ClientError

REGIONAL = {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-east-1"}


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "named"),
    [
        ("codeconnections", "list_connections", {}, "codeconnections:ListConnections"),  # moto does not know it
        ("logs", "list_anomalies", {}, "logs:ListAnomalies"),  # moto lacks the operation: JSON
        ("sts", "decode_authorization_message", {"EncodedMessage": "x"}, "sts:DecodeAuthorizationMessage"),  # XML
        ("iam", "get_service_last_accessed_details", {"JobId": "1" * 36}, "iam"),
        ("bedrock-runtime", "converse", {"modelId": "x", "messages": []}, "bedrock"),  # REST
        ("pricing", "get_attribute_values", {"ServiceCode": "AmazonOmics", "AttributeName": "x"}, "pricing:GetAttri"),
    ],
)
def test_what_moto_does_not_have_is_not_implemented(omics_local, caplog, service, operation, arguments, named):
    with caplog.at_level(logging.INFO), pytest.raises(ClientError) as error:
        getattr(omics_local.client(service), operation)(**arguments)
    answer = error.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (501, "NotImplementedException")
    assert named in answer["Error"]["Message"]
    assert "Traceback" not in caplog.text


def test_an_s3_operation_that_breaks_is_named(omics_local, monkeypatch):
    s3 = omics_local.client("s3")
    s3.list_buckets()
    monkeypatch.setattr("moto.s3.models.S3Backend.list_buckets", lambda *_: 1 / 0)
    with pytest.raises(ClientError, match=r"s3:ListBuckets|s3") as error:
        s3.list_buckets()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_the_price_list_knows_healthomics(omics_local):
    [service] = omics_local.client("pricing").describe_services(ServiceCode="AmazonOmics")["Services"]
    assert service["ServiceCode"] == "AmazonOmics"


@pytest.mark.parametrize(
    ("resource", "usd"),
    [
        ("omics.c.4xlarge", 0.9180),
        ("omics.m.large", 0.1296),
        ("omics.m.xlarge", 0.2592),
        ("omics.r.large", 0.1701),
        ("omics.r.2xlarge", 0.6804),
        ("Run Storage", 0.0001918),
        ("Dynamic Run Storage", 0.000411),
    ],
)
def test_prices_are_the_published_ones(omics_local, resource, usd):
    by_resource = {"Type": "TERM_MATCH", "Field": "resourceType", "Value": resource}
    answer = omics_local.client("pricing").get_products(ServiceCode="AmazonOmics", Filters=[by_resource, REGIONAL])
    [item] = map(json.loads, answer["PriceList"])
    [term] = item["terms"]["OnDemand"].values()
    [dimension] = term["priceDimensions"].values()
    assert float(dimension["pricePerUnit"]["USD"]) == pytest.approx(usd)
    assert item["publicationDate"] == term["effectiveDate"] == "2026-11-26T00:00:00Z"


def test_prices_of_another_region_are_not_made_up(omics_local):
    elsewhere = {**REGIONAL, "Value": "eu-west-2"}
    answer = omics_local.client("pricing").get_products(ServiceCode="AmazonOmics", Filters=[elsewhere])
    assert answer["PriceList"] == []


def test_the_price_list_comes_in_pages(omics_local):
    pages = omics_local.client("pricing").get_paginator("get_products")
    listed = pages.paginate(ServiceCode="AmazonOmics", Filters=[REGIONAL], PaginationConfig={"PageSize": 7})
    assert len({item for page in listed for item in page["PriceList"]}) == 32


def test_prices_of_other_services_are_not_there(omics_local, refused):
    assert refused(omics_local.client("pricing").get_products, ServiceCode="AmazonEC2") == ("NotFoundException", 400)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"NextToken": "x"}, "InvalidNextTokenException"),
        ({"MaxResults": 0}, "InvalidParameterException"),
        ({"MaxResults": "x"}, "InvalidParameterException"),
        ({"Filters": [{}]}, "InvalidParameterException"),
    ],
)
def test_what_is_no_question_about_prices_is_refused(omics_local, refused, asked, code):
    pricing = omics_local.client("pricing", parameter_validation=False)
    assert refused(pricing.get_products, ServiceCode="AmazonOmics", **asked) == (code, 400)
