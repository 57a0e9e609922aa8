# SPDX-License-Identifier: Apache-2.0
"""What botocore's model says, the endpoint keeps."""

from __future__ import annotations

import json
import re

import hypothesis
import pytest
from hypothesis import strategies as st

from airflow_provider_omics.local.operations.table import OPERATIONS
from airflow_provider_omics.local.wire.service_error import ServiceError
from airflow_provider_omics.local.wire.service_model import Service
from airflow_provider_omics.local.wire.shapes import _matcher

SERVICE = Service("omics")
LEAST = {"roleArn": "arn:x", "outputUri": "s3://a", "requestId": "r", "workflowId": "1"}


def parse(operation, document, labels=None, query=""):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return SERVICE.parse(SERVICE.model.operation_model(operation), labels or {}, query, body)


@pytest.mark.parametrize("name", SERVICE.model.operation_names)
def test_every_operation_is_found_by_its_method_and_path(name):
    http = SERVICE.model.operation_model(name).http
    path = re.sub(r"\{(\w+)\}", r"a%2F\1", http["requestUri"])
    operation, labels = SERVICE.route(http["method"], path)
    assert operation.name == name
    assert labels == {label: f"a/{label}" for label in re.findall(r"\{(\w+)\}", http["requestUri"])}


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("PUT", "/run"), ("GET", "/run//task")])
def test_what_is_no_operation_is_refused(method, path):
    with pytest.raises(ServiceError) as error:
        SERVICE.route(method, path)
    assert error.value.code == "UnknownOperationException"


@pytest.mark.parametrize(
    ("member", "value", "rule"),
    [
        ("requestId", None, "must not be null"),
        ("workflowId", "abc", "pattern: [0-9]+"),
        ("workflowId", "1\n", "pattern: [0-9]+"),
        ("workflowId", "1" * 19, "length less than or equal to 18"),
        ("workflowId", 7, "must be a string"),
        ("name", "", "length greater than or equal to 1"),
        ("name", "a\tb", "pattern"),
        ("name", "n" * 129, "length less than or equal to 128"),
        ("priority", "1", "must be an integer"),
        ("priority", True, "must be an integer"),
        ("priority", -1, "value greater than or equal to 0"),
        ("priority", 100_001, "value less than or equal to 100000"),
        ("storageType", "BIG", "enum value set: [STATIC, DYNAMIC]"),
        ("tags", ["a"], "must be an object"),
        ("tags", {"": "x"}, "at 'tags.key'"),
        ("tags", {"k": "v" * 257}, "at 'tags.k'"),
        ("colour", "red", "Unknown member 'colour'"),
    ],
)
def test_a_broken_rule_is_named(member, value, rule):
    with pytest.raises(ServiceError, match=re.escape(rule)) as error:
        parse("StartRun", {**LEAST, member: value})
    assert error.value.code == "ValidationException"


def test_every_broken_rule_is_in_one_error():
    with pytest.raises(ServiceError, match=r"^4 validation errors detected: .*requestId.*workflowId.*priority"):
        parse("StartRun", {**LEAST, "requestId": None, "workflowId": "x", "priority": -1, "colour": 1})


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"x"', b'{"parameters": {"x": NaN}}', b'{"parameters": {"x": "\\ud83d"}}', b"[" * 100_000]
)
def test_what_is_no_json_object_is_refused(body):
    with pytest.raises(ServiceError, match="The body is not ") as error:
        parse("StartRun", body)
    assert error.value.code == "ValidationException"


def test_a_document_is_taken_as_it_is():
    document = {"a": [1, 2.5, None, {"b": "é🧬"}], "c": True}
    assert parse("StartRun", {**LEAST, "parameters": document})["parameters"] == document


def test_the_query_string_has_types():
    assert parse("ListRuns", {}, query="maxResults=7&status=RUNNING&name=a%2Bb+c") == {
        "maxResults": 7,
        "status": "RUNNING",
        "name": "a+b c",
    }
    assert parse("GetWorkflow", {}, {"id": "1"}, "export=DEFINITION&export=README")["export"] == [
        "DEFINITION",
        "README",
    ]
    for query in ("maxResults=0", "maxResults=x", f"maxResults={'9' * 5000}", "status=GONE", "colour=red"):
        with pytest.raises(ServiceError):
            parse("ListRuns", {}, query=query)


def test_a_member_belongs_where_the_model_puts_it():
    with pytest.raises(ServiceError, match="Unknown member 'id'"):
        parse("UpdateRunGroup", {"id": "2"}, {"id": "1"})


def test_blobs_are_base64():
    least = {"requestId": "r", "definitionZip": "UEs="}
    assert parse("CreateWorkflow", least)["definitionZip"] == b"PK"
    for text in ("UEs", "é"):
        with pytest.raises(ServiceError, match="must be base64"):
            parse("CreateWorkflow", {**least, "definitionZip": text})


def test_a_union_has_one_member():
    batch = {"requestId": "r", "defaultRunSetting": {"workflowId": "1", "roleArn": "arn:x"}}
    both = {"inlineSettings": [{"runSettingId": "a"}], "s3UriSettings": "s3://a/b"}
    for settings in ({}, both):
        with pytest.raises(ServiceError, match="Exactly one member"):
            parse("StartRunBatch", {**batch, "batchRunSettings": settings})
    assert parse("StartRunBatch", {**batch, "batchRunSettings": {"s3UriSettings": "s3://a/b"}})


def test_an_answer_holds_what_the_model_knows():
    operation = SERVICE.model.operation_model("GetRun")
    status, body = SERVICE.answer(
        operation, {"id": "1", "newer": "x", "startTime": None, "parameters": {"newer": None}}
    )
    assert (status, json.loads(body)) == (200, {"id": "1", "parameters": {"newer": None}})


def test_every_pattern_of_the_model_is_understood():
    shapes = map(SERVICE.model.shape_for, SERVICE.model.shape_names)
    patterns = {shape.metadata["pattern"] for shape in shapes if "pattern" in shape.metadata}
    assert len([_matcher(pattern) for pattern in patterns]) > 20


@hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
@hypothesis.given(st.text(min_size=1))
def test_the_service_takes_every_text_without_control_characters(text):
    matches = bool(_matcher(r"[\p{L}||\p{M}||\p{Z}||\p{S}||\p{N}||\p{P}]+")(text))
    assert matches is not bool(re.search(r"[\x00-\x1f\x7f-\x9f]", text) or any(_other(char) for char in text))


def _other(char):
    """Tell whether a character is of Unicode's category C: control, format, unassigned …"""
    return not (char.isprintable() or char.isspace()) or char in "\x1c\x1d\x1e\x1f\x85"


@pytest.mark.parametrize("name", sorted(set(SERVICE.model.operation_names) - set(OPERATIONS)))
def test_what_is_not_implemented_says_so(name, omics_local):
    operation = SERVICE.model.operation_model(name)
    path = re.sub(r"\{\w+\}", "1", operation.http["requestUri"])
    status, code = raw(omics_local.url, operation.http["method"], path)
    assert (status, code) == (501, "NotImplementedException")


def raw(url, method, path):
    import http.client  # noqa: PLC0415

    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    signature = "AWS4-HMAC-SHA256 Credential=local/20250101/us-east-1/omics/aws4_request, SignedHeaders=host"
    connection.request(method, path, headers={"Authorization": signature})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers["x-amzn-errortype"]
