# SPDX-License-Identifier: Apache-2.0
"""Arguments of read set operators: what is refused, and that however they are written the request is the same."""

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_omics.exceptions import OmicsRequestError
from airflow_provider_omics.operators.activate_read_sets import ActivateOmicsReadSetsOperator
from airflow_provider_omics.operators.import_read_sets import ImportOmicsReadSetsOperator
from tests.operators.stores import ROLE, STORE, source


@pytest.mark.parametrize(
    ("arguments", "rules"),
    [
        ({"sequence_store_id": "12"}, "sequence_store_id must be 10 to 36 characters long"),
        ({"role_arn": None}, "role_arn is required"),
        ({"sources": []}, r"sources must be 1 to 100 .*, not 0: skip the task if there are none"),
        ({"sources": [source("a")] * 101}, "not 101: map the task over smaller lists"),
        ({"sources": "- &a [*a]"}, "sources contains itself"),
        ({"sources": "a, b"}, "sources must be a list of 1 to 100, not str"),
        ({"sources": [{}]}, r"sources\[0\].sourceFileType is required; sources\[0\].subjectId is required"),
        ({"sources": [source("a", sourceFileType="VCF")]}, r"sources\[0\].sourceFileType must be one of FASTQ, BAM"),
        ({"sources": [source("a", sampleID="x")]}, r"sources\[0\].sampleID is none of sourceFileType, subjectId"),
        ({"sources": [source("a", sourceFiles={"source1": "/a"})]}, r"sources\[0\].sourceFiles.source1 must match"),
        ({"sources": [source("a", tags={"aws:x": "y"})]}, r"sources\[0\].tags: a key must be"),
        ({"sources": [source("a", tags={"airflow:request_id": "y"})]}, "is reserved, as a retry"),
        (
            {"sources": [source("a"), source("b"), source("a", name="second")]},
            r"sources\[2\] names the files, subject and sample of sources\[0\], and a retry could not tell",
        ),
    ],
)
def test_bad_input_is_refused_when_the_dag_is_parsed(arguments, rules):
    given = {"sequence_store_id": STORE, "role_arn": ROLE, "sources": [source("a")]}
    with pytest.raises(OmicsRequestError, match=rules):
        ImportOmicsReadSetsOperator(task_id="run", **{**given, **arguments})


def test_a_source_that_is_named_twice_is_imported_once(stored, context):
    assert len(stored.importing("a", "b", "a").execute(context)["read_set_ids"]) == 2


def test_what_is_rendered_is_checked_before_any_call(stored, context, omics_local):
    operator = stored.importing(sources="{{ later }}")
    operator.sources = "[{'sampleId': 'a'}]"
    before = omics_local.counts()
    with pytest.raises(OmicsRequestError, match=r"needs the filter `\| tojson`"):
        operator.execute(context)
    assert omics_local.counts() == before


def test_what_the_service_refuses_is_not_tried_again(stored, context):
    operator = stored.importing("a")
    operator.sequence_store_id = "9999999999"
    with pytest.raises(OmicsRequestError, match=r"ResourceNotFoundException.*9999999999"):
        operator.execute(context)


@pytest.mark.parametrize("native", [False, True])
def test_however_the_sources_are_written_the_request_is_the_same(native):
    dag = DAG(
        dag_id="test",
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        schedule=None,
        render_template_as_native_obj=native,
    )
    rendered = {"store": "0123456789", "samples": [source("a")], "sample": "a", "params": {}}
    given = {"sequence_store_id": "{{ store }}", "role_arn": ROLE, "dag": dag}
    whole = ImportOmicsReadSetsOperator(task_id="a", sources="{{ samples | tojson }}", **given)
    inside = ImportOmicsReadSetsOperator(task_id="b", sources=[source("{{ sample }}")], **given)
    for operator in (whole, inside):
        operator.render_template_fields(rendered, dag.get_template_env())
        assert operator.build_request() == {
            "sequenceStoreId": "0123456789",
            "roleArn": ROLE,
            "sources": [source("a")],
        }
    numbers = ActivateOmicsReadSetsOperator(task_id="c", sources=["{{ id }}"], sequence_store_id="{{ store }}", dag=dag)
    numbers.render_template_fields({**rendered, "id": "1234567890"}, dag.get_template_env())
    assert numbers.build_request()["sources"] == [{"readSetId": "1234567890"}]


@pytest.mark.parametrize(
    ("sources", "rule"),
    [
        ([], "sources must be 1 to 20 .*, not 0"),
        ([str(number) for number in range(10**9, 10**9 + 21)], "not 21: map the task over smaller lists"),
        (["abcdefghij"], r"sources\[0\].readSetId must match \[0-9\]\+"),
        ([{"id": "1234567890"}], r"sources\[0\].id is none of readSetId; sources\[0\].readSetId is required"),
        ([None], r"sources\[0\].readSetId is required"),
    ],
)
def test_bad_read_sets_are_refused_when_the_dag_is_parsed(sources, rule):
    with pytest.raises(OmicsRequestError, match=rule):
        ActivateOmicsReadSetsOperator(task_id="run", sequence_store_id=STORE, sources=sources)
