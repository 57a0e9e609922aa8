# SPDX-License-Identifier: Apache-2.0
"""Arguments to request: types, rules, and every violation at once."""

import pytest

from airflow_provider_omics.request.build import UNRENDERED, build_request, rendered
from tests.request.building import NEW, REQUEST, build, violations, warnings


def test_what_is_none_is_not_sent():
    assert build(name=None, tags=None, priority=None) == REQUEST


def test_ids_stay_strings_and_integers_become_integers():
    request = build(
        workflow_id=1234567, run_group_id="0042", priority="5", storage_capacity=1200.0, tags={"year": 2026}
    )
    assert request["workflowId"] == "1234567"
    assert request["runGroupId"] == "0042"
    assert request["priority"] == 5
    assert request["storageCapacity"] == 1200
    assert request["tags"] == {"year": "2026"}


@pytest.mark.parametrize("value", ["x", 1.5, True, "", "5.0", []])
def test_what_is_no_integer_is_refused(value):
    assert violations(priority=value) == [f"priority must be an integer, not {value!r}"]


@pytest.mark.parametrize(
    ("value", "sent"),
    [(True, True), ("True", True), (" true\n", True), (False, False), ("False", False), ("false", False)],
)
def test_a_boolean_is_sent_from_a_value_and_from_a_template_that_prints_it(value, sent):
    assert build(requester_pays_enabled=value)["requesterPaysEnabled"] is sent


@pytest.mark.parametrize("value", ["yes", "1", "", 1, 0, 1.0, [], {}])
def test_what_is_no_boolean_is_refused(value):
    assert violations(requester_pays_enabled=value) == [f"requester_pays_enabled must be true or false, not {value!r}"]


@pytest.mark.parametrize(
    "uri",
    ["s3://bucket", "s3://bucket/", "https://bucket/x.json", "s3://Bucket/x.json", "s3://b/x", "s3://bucket/é\nx"],
)
def test_a_parameters_uri_names_an_object_in_s3(uri):
    [violation] = violations(parameters_uri=uri)
    assert violation.startswith("parameters_uri must match s3://")


def test_a_parameters_uri_has_at_most_1093_characters():
    longest = "s3://bucket/" + "x" * (1093 - len("s3://bucket/"))
    assert build(parameters_uri=longest)["parametersUri"] == longest
    assert "parameters_uri must be 1 to 1093 characters long, not 1094" in violations(parameters_uri=longest + "x")[0]


@pytest.mark.parametrize("value", [1.1, True, ["1"], {"a": 1}])
def test_what_is_no_text_is_refused(value):
    [violation] = violations(workflow_version_name=value)
    assert violation.startswith("workflow_version_name must be a string, not ")


def test_every_violation_is_told_at_once():
    told = violations(
        workflow_id="abc",
        role_arn="x" * 200,
        storage_type="FAST",
        priority=-1,
        parameters="[1]",
        output_uri="gs://bucket",
        name="",
        workflow_owner_id="123",
    )
    assert [sentence.split(" ", 1)[0] for sentence in sorted(told)] == [
        "name",
        "output_uri",
        "parameters",
        "priority",
        "role_arn",
        "storage_type",
        "workflow_id",
        "workflow_owner_id",
    ]
    assert "workflow_id must match [0-9]+, not 'abc'" in told
    assert "storage_type must be one of STATIC, DYNAMIC, not 'FAST'" in told
    assert "name must be 1 to 128 characters long, not 0: ''; to leave it out, pass None" in told


@pytest.mark.parametrize("missing", ["role_arn", "output_uri"])
def test_required_members(missing):
    assert violations(**{missing: None}) == [f"{missing} is required"]


def test_a_run_is_new_or_a_duplicate():
    assert violations(workflow_id=None) == ["workflow_id (to start a new run) or run_id (to duplicate one) is required"]
    assert "workflowId" not in build(workflow_id=None, run_id="3282892")
    [warning] = warnings(run_id="3282892")
    assert warning.startswith("workflow_id and run_id are both given")


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        ({"cache_behavior": "CACHE_ALWAYS"}, "cache_behavior needs cache_id"),
        ({"networking_mode": "VPC"}, "networking_mode VPC needs configuration_name"),
        ({"workflow_type": "READY2RUN", "cache_id": "1"}, "cache_id cannot go with workflow_type READY2RUN"),
        ({"parameters": {}, "parameters_uri": "s3://bucket/x.json"}, "parameters cannot go with parameters_uri"),
        ({"run_id": "1", "workflow_owner_id": "123456789012"}, "run_id cannot go with workflow_owner_id"),
    ],
)
def test_members_that_need_or_exclude_each_other(arguments, start):
    [violation] = violations(**arguments)
    assert violation.startswith(start)


def test_static_storage_needs_no_capacity():
    assert build(storage_type="STATIC") == {**REQUEST, "storageType": "STATIC"}


def test_a_duplicate_copies_what_it_does_not_name():
    request = build(workflow_id=None, run_id="1", cache_behavior="CACHE_ALWAYS", storage_type="STATIC")
    assert request["cacheBehavior"] == "CACHE_ALWAYS"


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        ({"storage_type": "DYNAMIC", "storage_capacity": 1200}, "storage_capacity is ignored"),
        ({"networking_mode": "RESTRICTED", "configuration_name": "x"}, "configuration_name is for networking_mode VPC"),
        ({"configuration_name": "x"}, "configuration_name is for networking_mode VPC"),
        ({"output_uri_prefix_mode": "NONE_WITH_OVERWRITE"}, "output_uri_prefix_mode NONE_WITH_OVERWRITE lets"),
        ({"role_arn": "arn:aws:iam::1:user/x"}, "role_arn does not look like"),
    ],
)
def test_rules_that_no_page_publishes_only_warn(arguments, start):
    [warning] = warnings(**arguments)
    assert warning.startswith(start)


def test_parameters_have_at_most_50000_bytes():
    fits = {"k": "x" * (50_000 - len('{"k":""}'))}
    assert build(parameters=fits)["parameters"] == fits
    [violation] = violations(parameters={"k": fits["k"] + "x"})
    assert violation == (
        "parameters must be at most 50000 bytes of JSON, not 50001; "
        "put them into a JSON file in S3 and pass its URI as parameters_uri"
    )
    [violation] = violations(parameters={"k": "ü" * 25_000})
    assert "not 50008" in violation


def test_tags():
    fifty = {f"k{n}": "" for n in range(50)}
    assert build(tags=fifty)["tags"] == fifty
    assert violations(tags={**fifty, "x": ""}) == ["tags must be at most 50, not 51"]
    [violation] = violations(tags=fifty, reserved_tags=5)
    assert violation.startswith("tags must be at most 45, not 50; 5 of the 50 are the provider's own")
    assert len(violations(tags={"aws:x": "", "": "", "k" * 129: "", "v": "x" * 257, "n": None})) == 1
    assert len(violations(tags={"aws:x": "", "": "", "k" * 129: "", "v": "x" * 257})) == 4
    assert "set request_id" in violations(tags={"airflow:request_id": "x"}, reserved_tags=5)[0]


def test_newer_members_pass_and_known_ones_do_not():
    assert build_request(NEW, {"futureMember": {"a": 1}})[0] == {**REQUEST, "futureMember": {"a": 1}}
    assert build_request(NEW, '{"futureMember": "x"}')[0] == {**REQUEST, "futureMember": "x"}
    assert violations({"roleArn": "x", "output_uri": "y"}) == [
        "start_run_kwargs: roleArn has its own argument, role_arn",
        "start_run_kwargs: output_uri has its own argument, output_uri",
    ]


def test_what_is_not_rendered_yet_counts_as_given():
    arguments = {**NEW, "workflow_id": UNRENDERED, "cache_id": UNRENDERED, "cache_behavior": "CACHE_ALWAYS"}
    assert "workflowId" not in build_request(arguments)[0]


@pytest.mark.parametrize(
    ("value", "final"),
    [
        ("{{ ds }}", False),
        ("{% if x %}", False),
        ("plain", True),
        ({"a": ["{{ x }}"]}, False),
        ({"a": [1, None, "x"]}, True),
        (None, True),
        (lambda: 1, False),
    ],
)
def test_rendered(value, final):
    assert rendered(value) is final


def test_long_values_are_shortened():
    [violation] = violations(workflow_id="x" * 500)
    assert len(violation) < 200
