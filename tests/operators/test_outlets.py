# SPDX-License-Identifier: Apache-2.0
"""What Airflow keeps of a task's outlets, in a real Airflow."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.lineage.entities import File
from airflow.providers.common.compat.sdk import DAG, Asset, AssetAlias

from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.testing.airflow_home import AIRFLOW_3

RUN = {
    "workflow_id": "1234567",
    "role_arn": "arn:aws:iam::123456789012:role/omics",
    "output_uri": "s3://bucket/runs/",
    "poll_interval": 0.1,
}
COHORT = "s3://bucket/cohort"
ONLY_AIRFLOW_3 = pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 has no references to assets")


@pytest.fixture
def told(run_dag, aws_default):
    """Return a function that runs a task with an asset and an alias, and tells what became of both and of the run."""
    aws_default.workflow(id="1234567", name="germline")
    aws_default.client("s3").create_bucket(Bucket="bucket")
    aws_default.switch(logs=True, speed=100)

    def run(name, *outlets, **arguments):
        with DAG(name, schedule=None) as dag:
            given = {**RUN, "outlets": [Asset(COHORT), AssetAlias("vcfs"), *outlets], **arguments}
            StartOmicsRunOperator(task_id="start", **given)
        done = run_dag(dag)
        assert done.state == "success"
        events = dict(done.database.asset_events(done.run, "start"))
        return events.pop(COHORT), events, done.xcom("start")

    return run


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
def test_an_asset_is_told_of_the_run_and_an_alias_of_its_outputs(deferrable, told, aws_default):
    outputs = {"w.vcf": {"file": "b.vcf", "text": "b"}, "w.index": {"file": "b.tbi", "text": "i"}, "w.reads": 7}
    aws_default.script(outputs=outputs)
    extra, by_alias, answer = told(f"told_{deferrable}", deferrable=deferrable)
    assert extra == {**answer, "workflow_id": "1234567", "workflow_version_name": None}
    assert extra["status"] == "COMPLETED"
    folder = f"{answer['run_output_uri']}/out"
    assert by_alias == {f"{folder}/vcf/b.vcf": extra, f"{folder}/index/b.tbi": extra}


def test_without_named_outputs_an_alias_is_told_of_the_runs_folder(told):
    extra, by_alias, answer = told("folder", fetch_outputs=False)
    assert by_alias == {answer["run_output_uri"]: extra}


def test_an_asset_is_told_of_a_run_that_is_not_waited_for(told, aws_default):
    aws_default.script(running=36_000)
    extra, by_alias, answer = told("unawaited", wait_for_completion=False)
    assert extra == {**answer, "workflow_id": "1234567", "workflow_version_name": None}
    assert extra["status"] != "COMPLETED"
    assert by_alias == {}


def test_an_asset_is_told_of_the_workflow_of_a_duplicate(told):
    _, _, first = told("first")
    extra, _, answer = told("again", run_id=first["run_id"], workflow_id=None)
    assert extra["workflow_id"] == "1234567"
    assert answer["run_id"] != first["run_id"]


@pytest.mark.parametrize(
    "uri",
    [
        f"s3://bucket/{'x' * 3100}",
        f"s3://bucket/{'#' * 1010}",
        "s3://bucket/Gewebeprobe Ä.vcf",
        "s3://[bucket/x",
        "s3:///x",
        "s3://a:b@bucket/x",
    ],
    ids=["too_long", "too_long_when_encoded", "not_ascii", "no_uri", "no_bucket", "credentials"],
)
def test_what_airflow_refuses_is_left_out(uri, told, aws_default, request, caplog):
    aws_default.script(outputs={"w.refused": uri, "w.taken": "s3://bucket/x"})
    extra, by_alias, _ = told(f"refused_{request.node.callspec.id}", File("s3://bucket/cohort.vcf"))
    assert by_alias == {"s3://bucket/x": extra}
    assert f"{uri:.200} of run {extra['run_id']} cannot be an asset of Airflow" in caplog.text


@pytest.mark.parametrize("outlet", ["file", pytest.param("ref", marks=ONLY_AIRFLOW_3)])
def test_an_outlet_that_airflow_refuses_fails_no_completed_run(outlet, told, caplog):
    refused = File("s3://bucket/Läufe.vcf") if outlet == "file" else Asset.ref(name="nobody")
    extra, _, _ = told(f"refused_{outlet}", refused)
    assert extra["status"] == "COMPLETED"
    assert ("gets no event of run" in caplog.text) is (outlet == "ref" or not AIRFLOW_3)


def test_a_folder_that_airflow_refuses_is_left_out(told):
    extra, by_alias, answer = told("refused_folder", output_uri="s3://bucket/Läufe/")
    assert "Läufe" in answer["run_output_uri"]
    assert extra["status"] == "COMPLETED"
    assert by_alias == {}


@pytest.mark.parametrize(
    ("key", "whole"),
    [
        ("a#1.vcf", "a%231.vcf"),
        ("a#1%.vcf", "a%231%25.vcf"),
        ("a?b=2&a=1.vcf", "a%3Fb=2&a=1.vcf"),
        ("a\tb.vcf", "a%09b.vcf"),
        ("folder/", "folder"),
        ("a%20b.vcf", "a%20b.vcf"),
        ("a b+c@d.vcf", "a b+c@d.vcf"),
    ],
    ids=["number_sign", "number_sign_and_percent", "question_mark", "tab", "folder", "percent", "space"],
)
def test_an_objects_name_stays_whole(key, whole, told, aws_default, request):
    uri = f"s3://bucket/{key}"
    aws_default.script(outputs={"w.vcf": uri})
    extra, by_alias, _ = told(f"whole_{request.node.callspec.id}")
    asset = f"s3://bucket/{whole}"
    assert by_alias == {asset: extra if asset == uri else {**extra, "uri": uri}}
