# SPDX-License-Identifier: Apache-2.0
"""Parameters that lie in S3, and inputs that their reader pays for."""

from __future__ import annotations

import json
import urllib.request

import botocore.session
import pytest
from botocore.exceptions import ParamValidationError

from airflow_provider_omics.local.server import Server
from airflow_provider_omics.local.testing import LocalOmics

ROLE = "arn:aws:iam::123456789012:role/omics"
URI = "s3://inputs/cohort.json"
MODEL = botocore.session.get_session().get_service_model("omics").operation_model("StartRun").input_shape
pytestmark = pytest.mark.skipif("parametersUri" not in MODEL.members, reason="this botocore is older than the members")
PARAMETERS = {"samples": [f"NA{number}" for number in range(10_000)]}


@pytest.fixture
def put(omics_local):
    """Return a function that puts the parameters file into S3."""
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="inputs")

    def put(body, key="cohort.json"):
        s3.put_object(Bucket="inputs", Key=key, Body=body if isinstance(body, bytes) else json.dumps(body).encode())

    return put


@pytest.fixture
def ended(client, omics_local, wait_for):
    """Return a function that lets a run end and returns GetRun's answer."""
    omics_local.switch(speed=500)

    def ended(run):
        def look():
            answer = client.get_run(id=run["id"])
            return answer if "stopTime" in answer else None

        return wait_for(look)

    return ended


def test_the_file_is_read_when_the_run_proceeds(put, start, client, ended, frozen, omics_local):
    run = start(parametersUri=URI)  # The file need not be there yet.
    waiting = client.get_run(id=run["id"])
    assert (waiting["status"], waiting["parametersUri"]) == ("PENDING", URI)
    put(PARAMETERS)
    frozen.resume()
    answer = ended(run)
    assert answer["status"] == "COMPLETED"
    assert "parameters" not in answer
    assert "X-Amz-Signature=" in answer["parametersUri"]
    with urllib.request.urlopen(answer["parametersUri"]) as file:  # noqa: S310 - http, loopback
        assert json.load(file) == PARAMETERS
    assert omics_local.runs()[0]["parameters"] == PARAMETERS


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, "cannot be read: s3://inputs/cohort.json: .*NoSuchKey"),
        (b"{", "s3://inputs/cohort.json is not JSON: Expecting property name"),
        (b"\xff", "is not JSON: .*utf-8"),
        ([1], "is not valid: parameters is not a JSON object"),
        ({"other": 1}, "is not valid: parameters lacks samples, which the workflow's parameter template requires"),
    ],
    ids=["missing", "cut off", "no text", "an array", "other parameters"],
)
def test_a_bad_file_fails_the_run(body, why, put, client, ended, omics_local):
    workflow = omics_local.workflow(id="7654321", parameterTemplate={"samples": {}})
    if body is not None:
        put(body)
    answer = ended(client.start_run(workflowId=workflow, roleArn=ROLE, outputUri="s3://b/x", parametersUri=URI))
    assert (answer["status"], answer["failureReason"]) == ("FAILED", "INVALID_RUN_PARAMETERS")
    assert answer["parametersUri"] == URI
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(answer["statusMessage"])


def test_both_ways_at_once_are_refused(start, refused):
    assert refused(start, parametersUri=URI, parameters={}) == ("ValidationException", 400)


@pytest.mark.parametrize("uri", ["https://inputs.s3.amazonaws.com/cohort.json", "s3://inputs", "s3://In/x"])
def test_what_names_no_object_is_refused(uri, start, refused):
    assert refused(start, parametersUri=uri) == ("ValidationException", 400)


def test_a_run_that_is_cancelled_before_its_file_is_read_stays_cancelled(put, start, client, ended, frozen):
    put(PARAMETERS)
    run = start(parametersUri=URI)
    client.cancel_run(id=run["id"])
    frozen.resume()
    assert ended(run)["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("source", "given"),
    [({"parametersUri": URI}, {"parameters": {"x": 1}}), ({"parameters": {}}, {"parametersUri": URI})],
)
def test_what_a_duplicate_gives_replaces_the_sources_other_way(source, given, start, omics_local):
    first = start(**source)
    start(workflowId=None, runId=first["id"], **given)
    request = omics_local.runs()[1]["request"]
    assert {name: request[name] for name in ("parameters", "parametersUri") if name in request} == given


def test_a_duplicate_that_gives_neither_copies_the_sources(start, omics_local):
    first = start(parametersUri=URI, requesterPaysEnabled=True)
    start(workflowId=None, runId=first["id"])
    request = omics_local.runs()[1]["request"]
    assert (request["parametersUri"], request["requesterPaysEnabled"]) == (URI, True)


@pytest.mark.parametrize("pays", [True, False])
def test_get_run_tells_who_pays_for_reads(pays, start, client):
    assert client.get_run(id=start(requesterPaysEnabled=pays)["id"])["requesterPaysEnabled"] is pays
    assert "requesterPaysEnabled" not in client.get_run(id=start()["id"])


def test_a_batch_says_for_all_its_runs_who_pays(client, omics_local, wait_for):
    omics_local.workflow(id="1234567")
    omics_local.switch(speed=500)
    batch = client.start_run_batch(
        defaultRunSetting={
            "workflowId": "1234567",
            "roleArn": ROLE,
            "outputUri": "s3://b",
            "requesterPaysEnabled": True,
        },
        batchRunSettings={"inlineSettings": [{"runSettingId": "a"}]},
        requestId="x",
    )
    assert client.get_batch(batchId=batch["id"])["defaultRunSetting"]["requesterPaysEnabled"] is True
    [run] = wait_for(lambda: client.list_runs_in_batch(batchId=batch["id"])["runs"])
    assert client.get_run(id=run["runId"])["requesterPaysEnabled"] is True


@pytest.mark.usefixtures("older_model")
def test_an_older_model_has_neither_member_and_the_rest_is_as_ever():
    with Server({"logs": False}) as server:
        omics = LocalOmics(server.url)
        client = omics.client()
        start = {"workflowId": omics.workflow(id="1234567"), "roleArn": ROLE, "outputUri": "s3://b"}
        assert client.get_run(id=client.start_run(**start)["id"])["roleArn"] == ROLE
        with pytest.raises(ParamValidationError, match="parametersUri"):
            client.start_run(**start, parametersUri=URI)
