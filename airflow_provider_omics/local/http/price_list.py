# SPDX-License-Identifier: Apache-2.0
"""AWS' price list as far as programs ask it about HealthOmics: ``pricing:DescribeServices`` and ``GetProducts``.

The prices are for demonstrations and tests, not for decisions: they are the published ones of one Region at one time.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import botocore.session

from airflow_provider_omics.local.runs.instance_types import INSTANCES
from airflow_provider_omics.local.wire.shapes import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import ServiceModel

SERVICE: Final = "AmazonOmics"
REGION, LOCATION, DATE = "us-east-1", "US East (N. Virginia)", "2026-11-26"
# USD an hour for each vCPU, as looked up at that date: published are omics.c.4xlarge 0.9180, omics.m.large 0.1296,
# omics.m.xlarge 0.2592, omics.r.large 0.1701 and omics.r.2xlarge 0.6804; the other sizes follow in proportion. GPU
# prices are left out.
_VCPU_HOUR = {"c": 0.057375, "m": 0.0648, "r": 0.08505}
# USD for a GB-hour.
_STORAGE = {"Run Storage": "0.0001918000", "Dynamic Run Storage": "0.0004110000"}
_ATTRIBUTES = ("location", "locationType", "productFamily", "regionCode", "resourceType", "servicecode", "workflowType")


def answer(operation: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the answer to one call of the price list."""
    if operation not in ("DescribeServices", "GetProducts"):
        return 501, _error("NotImplementedException", f"The local endpoint does not implement pricing:{operation}")
    shape: Any = _model().operation_model(operation).input_shape
    wrong: list[str] = []
    try:
        asked = read(shape, json.loads(body or b"{}"), "", wrong)
    except (ValueError, RecursionError) as error:
        wrong.append(f"The body is not JSON: {error}")
    if wrong:
        return 400, _error("InvalidParameterException", "; ".join(wrong))
    if asked.get("ServiceCode", SERVICE) != SERVICE:
        return 400, _error("NotFoundException", f"This endpoint has the prices of {SERVICE} only.")
    if operation == "DescribeServices":
        service = {"ServiceCode": SERVICE, "AttributeNames": list(_ATTRIBUTES)}
        return 200, {"Services": [service], "FormatVersion": "aws_v1"}
    token = asked.get("NextToken", "0")
    if not token.isdecimal():
        return 400, _error("InvalidNextTokenException", f"NextToken {token} is none of this price list's.")
    wanted = [(filter_["Field"], filter_["Value"]) for filter_ in asked.get("Filters", ())]
    found = [item for item in _products() if all(_fits(item, *pair) for pair in wanted)]
    start, size = int(token), asked.get("MaxResults", 100)
    listed: dict[str, Any] = {"PriceList": [json.dumps(it) for it in found[start : start + size]]}
    if len(found) > start + size:
        listed["NextToken"] = str(start + size)
    return 200, {**listed, "FormatVersion": "aws_v1"}


@cache
def _model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("pricing")


def _error(code: str, message: str) -> dict[str, Any]:
    return {"__type": code, "message": message}


def _fits(item: dict[str, Any], field: str, value: str) -> bool:
    product = item["product"]
    known = {**product["attributes"], "productFamily": product["productFamily"], "ServiceCode": SERVICE}
    return bool(known.get(field) == value)


def _products() -> Iterator[dict[str, Any]]:
    for instance in INSTANCES:
        usd = _VCPU_HOUR[instance.name.split(".")[1]] * instance.cpus
        yield _product(instance.name, "Compute", "Instance-hrs", f"{usd:.10f}")
    for family, price in _STORAGE.items():
        yield _product(family, family, "GB-Hours", price)


def _product(resource: str, family: str, unit: str, usd: str) -> dict[str, Any]:
    sku = "LOCAL" + "".join(filter(str.isalnum, resource.upper()))
    attributes = {
        "servicecode": SERVICE,
        "servicename": "AWS HealthOmics",
        "location": LOCATION,
        "locationType": "AWS Region",
        "regionCode": REGION,
        "resourceType": resource,
        "workflowType": "Private",
    }
    dimension = {
        "rateCode": f"{sku}.LOCAL.RATE",
        "unit": unit,
        "beginRange": "0",
        "endRange": "Inf",
        "description": f"${usd} per {unit} of {resource} in {LOCATION}",
        "appliesTo": [],
        "pricePerUnit": {"USD": usd},
    }
    term = {
        "sku": sku,
        "offerTermCode": "LOCAL",
        "effectiveDate": f"{DATE}T00:00:00Z",
        "termAttributes": {},
        "priceDimensions": {dimension["rateCode"]: dimension},
    }
    return {
        "product": {"productFamily": family, "attributes": attributes, "sku": sku},
        "serviceCode": SERVICE,
        "terms": {"OnDemand": {f"{sku}.LOCAL": term}},
        "publicationDate": f"{DATE}T00:00:00Z",
    }
