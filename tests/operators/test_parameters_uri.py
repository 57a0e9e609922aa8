# SPDX-License-Identifier: Apache-2.0
"""Parameters that lie in S3: GetRun answers a presigned URL, a credential, which nobody but its caller may see."""

from __future__ import annotations

import json
import logging
import re

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_omics.exceptions import StartRunRequestError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.request.members import BY_ARGUMENT
from airflow_provider_omics.results.description import description
from airflow_provider_omics.testing.airflow_home import own_home

ROLE = "arn:aws:iam::123456789012:role/omics"
URI = "s3://inputs/cohort.json"
SECRET = re.compile("X-Amz-Signature=[0-9a-f]{64}")


@pytest.fixture
def inputs(omics_local):
    """Put a parameters file into S3."""
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="inputs")
    s3.put_object(Bucket="inputs", Key="cohort.json", Body=json.dumps({"reads": "s3://inputs/1.fq.gz"}).encode())


@pytest.mark.usefixtures("inputs")
@pytest.mark.parametrize("end", ["COMPLETED", "FAILED"])
@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
def test_the_presigned_url_is_nowhere(deferrable, end, aws_default, run_dag, caplog):
    aws_default.workflow(id="1234567", name="germline", engine="WDL")
    aws_default.switch(speed=500)
    aws_default.script(status=end, failureReason="RUN_TASK_FAILED" if end == "FAILED" else None)
    seen = []

    def note(context):
        operator, ti = context["task"], context["ti"]
        seen.append(repr(context.get("exception")))
        seen.append(repr(operator.get_openlineage_facets_on_start()))
        seen.append(repr(operator.get_openlineage_facets_on_complete(ti)))
        seen.append(repr(description(operator.hook(), operator.attempt.run)))

    with DAG(f"presigned_{end}_{deferrable}".lower(), schedule=None) as dag:
        StartOmicsRunOperator(
            task_id="run",
            parameters_uri=URI,
            role_arn=ROLE,
            output_uri="s3://bucket/runs",
            run_id=aws_default.client().start_run(
                workflowId="1234567", roleArn=ROLE, outputUri="s3://b", parameters={"x": "s3://inputs/2.fq.gz"}
            )["id"],
            poll_interval=0.05,
            deferrable=deferrable,
            on_success_callback=note,
            on_failure_callback=note,
        )
    with caplog.at_level(logging.DEBUG):
        done = run_dag(dag, ends=None)
        logged = caplog.text
    [task] = done.tasks
    assert (task.state == "success") is (end == "COMPLETED")
    [_, run] = aws_default.runs()
    assert run["parameters"] == {"reads": "s3://inputs/1.fq.gz"}
    assert SECRET.search(aws_default.client().get_run(id=run["id"])["parametersUri"])
    assert "Response body" in logged  # botocore's, which is where the URL would be
    assert not SECRET.search(logged)
    assert len(seen) == 4
    assert not SECRET.search("".join(seen))
    assert "name='cohort.json'" in seen[1]
    assert "name='cohort.json'" in seen[2]
    assert "2.fq.gz" not in seen[2]
    files = [path for path in own_home().rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert [path for path in files if SECRET.search(path.read_text(errors="replace"))] == []


@pytest.mark.usefixtures("inputs")
def test_a_hooks_client_answers_the_s3_uri_but_no_url(start_run, context, omics_local):
    omics_local.clock.freeze()
    run = start_run(parameters_uri=URI, wait_for_completion=False).execute(context)["run_id"]
    hook = OmicsHook()
    assert hook.conn.get_run(id=run)["parametersUri"] == URI
    omics_local.clock.resume()
    while hook.conn.get_run(id=run)["status"] != "COMPLETED":
        pass
    assert SECRET.search(omics_local.client().get_run(id=run)["parametersUri"])
    for client in (hook.conn, hook.get_client_type(), hook.client_of("omics")):
        assert "parametersUri" not in client.get_run(id=run)


@pytest.mark.usefixtures("older_model")
@pytest.mark.parametrize("given", [{"parameters_uri": URI}, {"requester_pays_enabled": False}])
def test_an_older_botocore_is_named_with_the_one_that_knows(given, start_run, context, omics_local):
    [name] = [BY_ARGUMENT[argument].name for argument in given]
    with pytest.raises(
        StartRunRequestError, match=rf"does not know {name} of StartRun: install botocore 1\.44\.8, or leave"
    ):
        start_run(**given).execute(context)
    assert omics_local.counts() == {}


@pytest.mark.usefixtures("newer_model")
@pytest.mark.parametrize("value", ["five", None])
def test_a_newer_member_of_a_wrong_type_fails_for_good(value, start_run, context, omics_local):
    with pytest.raises(
        StartRunRequestError, match=r"botocore rejects the request: .*Invalid type for parameter newest"
    ):
        start_run(start_run_kwargs={"newest": value}).execute(context)
    assert "StartRun" not in omics_local.counts()


def test_a_url_that_was_given_for_the_uri_is_not_shown_whole(start_run):
    url = "https://b.s3.amazonaws.com/x?AWSAccessKeyId=a&Signature=b&Expires=1"
    with pytest.raises(StartRunRequestError, match=r"not 'https://b\.s3\.amazonaws\.com/x\?…'$"):
        start_run(parameters_uri=url)


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
@pytest.mark.parametrize("pays", [True, False])
def test_a_boolean_is_rendered(native, pays, omics_local, start_run, context):
    with DAG("pays", schedule=None, render_template_as_native_obj=native) as dag:
        operator = start_run(requester_pays_enabled="{{ pays }}", wait_for_completion=False)
    operator.render_template_fields({"pays": pays}, dag.get_template_env())
    operator.execute(context)
    [run] = omics_local.runs()
    assert run["request"]["requesterPaysEnabled"] is pays
