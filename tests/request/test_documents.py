# SPDX-License-Identifier: Apache-2.0
"""Arguments that are documents: JSON, YAML and dicts, and what JSON, or Airflow, cannot hold."""

from datetime import date

import pytest

from airflow_provider_omics.request.build import rendered
from tests.request.building import build, violations


@pytest.mark.parametrize(
    "value",
    [{"sample": "NA12878", "n": 1}, '{"sample": "NA12878", "n": 1}', "sample: NA12878\nn: 1\n"],
    ids=["dict", "JSON", "YAML"],
)
@pytest.mark.parametrize("argument", ["parameters", "engine_settings"])
def test_a_document_is_the_same_from_every_source(argument, value):
    name = {"parameters": "parameters", "engine_settings": "engineSettings"}[argument]
    assert build(**{argument: value})[name] == {"sample": "NA12878", "n": 1}


def test_a_session_policy_becomes_json_text():
    policy = {"Version": "2012-10-17", "Statement": []}
    assert build(session_policy=policy)["sessionPolicy"] == '{"Statement":[],"Version":"2012-10-17"}'
    assert build(session_policy='{"Version": "2012-10-17", "Statement": []}') == build(session_policy=policy)


def test_yaml_keeps_what_looks_like_an_id():
    text = "id: 0012\nanswer: NO\nday: 2026-01-31\nn: 7\nx: 1.5\nok: true\nnone: null"
    assert build(parameters=text)["parameters"] == {
        "id": "0012",
        "answer": "NO",
        "day": "2026-01-31",
        "n": 7,
        "x": 1.5,
        "ok": True,
        "none": None,
    }


def test_what_json_cannot_hold_is_named_by_its_place():
    told = violations(
        parameters={"a": [1, {"b": date(2026, 1, 1)}], "c": float("nan"), 1: "x", "d": {"e"}, "ok": None},
    )
    assert told == [
        "parameters.a[1].b: date is not a JSON type; write it as text or number",
        "parameters.c: JSON has no nan; leave it out or write it as text",
        "parameters: keys must be strings, not 1",
        "parameters.d: set is not a JSON type; write it as text or number",
    ]


def test_sequences_become_lists():
    assert build(parameters={"a": ("x", {"b": range(2)})})["parameters"] == {"a": ["x", {"b": [0, 1]}]}


def test_what_cannot_be_written_is_told():
    assert violations(parameters={"a": "\ud800"}) == [r"parameters.a: '\ud800' is no Unicode text"]
    why = r"holds the character U+0000, which PostgreSQL cannot store; leave it out"
    assert violations(parameters={"a\0": 1, "b": ["\0"]}) == [
        rf"parameters: the key 'a\x00' {why}",
        rf"parameters.b[0]: '\x00' {why}",
    ]
    assert violations(parameters="a: &a [*a]") == ["parameters contains itself"]
    itself: dict[str, object] = {}
    itself["a"] = itself
    assert rendered(itself)
    assert violations(parameters=itself) == ["parameters contains itself"]
    for extra in (5, [1]):
        assert violations(extra)[0].startswith("start_run_kwargs must be a JSON object, not ")


@pytest.mark.parametrize(
    "text", ["s3://bucket/M\udcfcller.json", "s3://bucket/a\0"], ids=["half a surrogate pair", "U+0000"]
)
def test_no_text_is_sent_that_airflow_cannot_keep(text):
    [violation] = violations(parameters_uri=text)
    assert violation.startswith(f"parameters_uri: {text!a} ")
    [violation] = violations(role_arn=f"arn:{text}")
    assert violation.startswith("role_arn: ")


def test_a_number_of_any_length_is_told():
    [violation] = violations(priority="9" * 5000)
    assert violation.startswith("priority must be an integer, not '999")
    for argument in ("priority", "workflow_id"):
        [violation] = violations(**{argument: 10**5000})
        assert violation.startswith(f"{argument}: Exceeds the limit (4300 digits)")


@pytest.mark.parametrize("text", ["a: !!timestamp x", "a: !!bool x", 'a: !!int ""', "a: !!float x"])
def test_a_yaml_tag_that_does_not_fit_is_told(text):
    [violation] = violations(parameters=text)
    assert violation.startswith("parameters is neither JSON nor YAML (")


def test_yaml_merges_and_a_byte_order_mark_is_none_of_the_document():
    text = "base: &base {x: 1, y: 1}\nc:\n  <<: *base\n  y: 2\nd: '<<'\n"
    assert build(parameters=text)["parameters"] == {"base": {"x": 1, "y": 1}, "c": {"x": 1, "y": 2}, "d": "<<"}
    assert build(parameters='\ufeff{\n\t"a": "\\ud83d\\ude00"}')["parameters"] == {"a": "\U0001f600"}


@pytest.mark.parametrize("text", ['{"a":' * 9000, "[" * 100_000, "- " * 9000], ids=["object", "list", "YAML"])
def test_a_text_that_is_nested_too_deep_is_told(text):
    assert violations(parameters=text) == ["parameters is nested more than 200 deep"]


def test_a_printed_dict_gets_the_hint_to_tojson():
    [violation] = violations(parameters="{'sample': 'NA12878'}")
    assert violation.endswith("a template that prints a dict or list needs the filter `| tojson`")


def test_an_object_in_s3_is_no_parameters_file():
    for uri in ("s3://bucket/inputs.json", "https://example.org/x"):
        [violation] = violations(parameters=uri)
        assert violation == f"parameters: {uri!r} must be a JSON or YAML file that lies beside the DAG"
    assert build(parameters={"sheet": "s3://bucket/samples.json"})["parameters"] == {
        "sheet": "s3://bucket/samples.json"
    }
