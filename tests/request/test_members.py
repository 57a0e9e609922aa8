# SPDX-License-Identifier: Apache-2.0
"""The table of StartRun's members, held against botocore's own model and the operator's signature."""

import inspect
import re
from functools import partial

import botocore
import botocore.session
import pytest
from packaging.version import Version

from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.request.build import matches
from airflow_provider_omics.request.members import BOTOCORE_VERSION, BY_ARGUMENT, FILE_ARGUMENTS, MEMBERS, Kind

NAMES = {
    "workflowId",
    "workflowType",
    "runId",
    "roleArn",
    "name",
    "cacheId",
    "cacheBehavior",
    "runGroupId",
    "priority",
    "parameters",
    "parametersUri",
    "storageCapacity",
    "outputUri",
    "logLevel",
    "tags",
    "requestId",
    "retentionMode",
    "storageType",
    "workflowOwnerId",
    "workflowVersionName",
    "networkingMode",
    "scratchStorageMode",
    "configurationName",
    "sessionPolicy",
    "engineSettings",
    "outputUriPrefixMode",
    "requesterPaysEnabled",
}

MODEL = botocore.session.get_session().get_service_model("omics").operation_model("StartRun").input_shape
INSTALLED, TABLE = Version(botocore.__version__), Version(BOTOCORE_VERSION)


def test_the_table_holds_all_27_members():
    assert len(NAMES) == 27
    assert {member.name for member in MEMBERS} == NAMES


def test_the_model_has_no_member_that_the_table_lacks():
    assert set(MODEL.members) - NAMES == set()


@pytest.mark.skipif(INSTALLED < TABLE, reason=f"botocore {INSTALLED} may lack members of {TABLE}")
def test_the_table_has_no_member_that_the_model_lacks():
    assert set(MODEL.members) == NAMES


@pytest.mark.parametrize("member", [m for m in MEMBERS if m.name in MODEL.members], ids=lambda member: member.name)
def test_a_member_has_the_models_rules(member):
    shape = MODEL.members[member.name]
    kind = {
        Kind.TEXT: "string",
        Kind.JSON_TEXT: "string",
        Kind.INTEGER: "integer",
        Kind.BOOLEAN: "boolean",
        Kind.TAGS: "map",
        Kind.DOCUMENT: "structure",
    }
    assert shape.type_name == kind[member.kind]
    assert getattr(shape, "is_document_type", False) is (member.kind is Kind.DOCUMENT)
    assert member.required == (member.name in MODEL.required_members and not shape.metadata.get("idempotencyToken"))
    assert (member.minimum, member.maximum) == (shape.metadata.get("min"), shape.metadata.get("max"))
    assert member.pattern == shape.metadata.get("pattern")
    assert list(member.choices) == list(getattr(shape, "enum", []))


def test_the_operator_takes_every_member_keyword_only_and_templated():
    parameters = inspect.signature(StartOmicsRunOperator.__init__).parameters
    for argument in BY_ARGUMENT:
        assert parameters[argument].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[argument].default is None
    assert set(BY_ARGUMENT) | {"start_run_kwargs"} <= set(StartOmicsRunOperator.template_fields)


def test_the_operators_docstring_documents_every_argument():
    parameters = inspect.signature(StartOmicsRunOperator.__init__).parameters
    documented = set(re.findall(r":param (\w+):", StartOmicsRunOperator.__doc__ or ""))
    assert documented == set(parameters) - {"self", "kwargs"}


def test_arguments_are_the_apis_names_in_snake_case():
    assert BY_ARGUMENT["output_uri_prefix_mode"].name == "outputUriPrefixMode"
    assert FILE_ARGUMENTS == ("parameters", "tags", "session_policy", "engine_settings")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("cram-to-bam", True),
        ("Jürgen's 42 % | run", True),
        ("日本", True),
        ("", True),
        ("a\tb", False),
        ("a\x00", False),
    ],
)
def test_printable_text_is_what_java_calls_it(text, fits):
    assert matches(BY_ARGUMENT["name"].pattern, text) is fits


def test_a_session_policy_may_have_line_breaks():
    fits = partial(matches, BY_ARGUMENT["session_policy"].pattern)
    assert fits('{\n\t"Version": "2012-10-17"\r\n}')
    assert not fits("\x07")
