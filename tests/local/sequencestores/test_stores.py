# SPDX-License-Identifier: Apache-2.0
"""Sequence stores, and the jobs by which read sets are imported and activated."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_omics.local.publishing.publisher import Publisher
from tests.local.sequencestores.sources import ROLE, source

CONFLICT, INVALID, MISSING = (
    ("ConflictException", 409),
    ("ValidationException", 400),
    ("ResourceNotFoundException", 404),
)


def test_a_store_is_found_again(client, store):
    got = client.get_sequence_store(id=store)
    assert (got["name"], got["status"], got["arn"].rpartition("/")[2]) == ("cohort", "ACTIVE", store)
    assert got["s3Access"]["s3Uri"].endswith(f"-s3alias/123456789012/sequenceStore/{store}/")
    assert client.list_tags_for_resource(resourceArn=got["arn"])["tags"] == {"x": "y"}
    assert [item["id"] for item in client.list_sequence_stores(filter={"name": "cohort"})["sequenceStores"]] == [store]
    assert client.list_sequence_stores(filter={"name": "other"})["sequenceStores"] == []


def test_a_store_is_in_its_region_alone(store, omics_local, refused):
    import boto3  # noqa: PLC0415 - as its users have it
    from botocore.config import Config  # noqa: PLC0415 - likewise

    session = boto3.Session("local", "local", region_name="eu-west-1")
    client = session.client("omics", endpoint_url=omics_local.url, config=Config(inject_host_prefix=False))
    assert client.list_sequence_stores()["sequenceStores"] == []
    assert refused(client.get_sequence_store, id=store) == MISSING


def test_an_import_lives_until_its_read_sets_are_there(start, client, store, frozen, wait_for):
    job = {"sequenceStoreId": store, "id": start(source(), source("b", "BAM"))["id"]}
    seen = []
    for seconds in (0, 5, 29):
        frozen.advance(seconds)
        got = client.get_read_set_import_job(**job)
        seen.append((got["status"], {item["status"] for item in got["sources"]}))
    assert seen == [("SUBMITTED", {"NOT_STARTED"}), ("IN_PROGRESS", {"IN_PROGRESS"}), ("IN_PROGRESS", {"IN_PROGRESS"})]
    frozen.advance(1)
    got = wait_for(lambda: (now := client.get_read_set_import_job(**job))["status"] == "COMPLETED" and now)
    assert got["completionTime"] == got["creationTime"] + timedelta(seconds=35)
    assert [item["status"] for item in got["sources"]] == ["FINISHED", "FINISHED"]
    ids = {item["readSetId"] for item in got["sources"]}
    assert {item["id"] for item in client.list_read_sets(sequenceStoreId=store)["readSets"]} == ids


def test_a_read_set_is_the_objects_that_it_was_made_of(imported, client, store, omics_local):
    [item] = imported(source(name="n", description="d", generatedFrom="g", tags={"t": "1"}))["sources"]
    got = client.get_read_set_metadata(sequenceStoreId=store, id=item["readSetId"])
    assert (got["status"], got["name"], got["description"], got["fileType"]) == ("ACTIVE", "n", "d", "FASTQ")
    assert (got["sampleId"], got["subjectId"], got["creationType"]) == ("a", "subject", "IMPORT")
    assert got["sequenceInformation"] == {"generatedFrom": "g", "alignment": "UNALIGNED"}
    assert client.list_tags_for_resource(resourceArn=got["arn"])["tags"] == {"t": "1"}
    for number, name in ((1, "source1"), (2, "source2")):
        bucket, _, key = got["files"][name]["s3Access"]["s3Uri"].removeprefix("s3://").partition("/")
        assert key == f"123456789012/sequenceStore/{store}/readSet/{got['id']}/a_{number}.fastq.gz"
        body = omics_local.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        assert body == f"reads of a_{number}.fastq.gz".encode()
        assert got["files"][name]["contentLength"] == len(body)


def test_an_object_that_is_not_there_fails_its_source(imported):
    job = imported(source(), source("nobody", "BAM"), source("empty", "BAM"))
    assert job["status"] == "COMPLETED_WITH_FAILURES"
    good, missing, empty = job["sources"]
    assert (good["status"], missing["status"], empty["status"]) == ("FINISHED", "FAILED", "FAILED")
    assert "s3://reads/nobody.bam" in missing["statusMessage"]
    assert empty["statusMessage"] == "s3://reads/empty.bam is empty"
    assert "readSetId" not in missing


def test_a_job_without_a_good_source_has_failed(imported, client, store):
    assert imported(source("nobody", "BAM"))["status"] == "FAILED"
    assert client.list_read_sets(sequenceStoreId=store)["readSets"] == []


def test_a_repeated_token_is_what_the_switches_say(start, omics_local, refused):
    first = start(clientToken="t")
    assert start(clientToken="t")["id"] == first["id"]
    assert refused(start, source("b", "BAM"), clientToken="t") == CONFLICT
    omics_local.switch(request_id_repeat="conflict")
    assert refused(start, clientToken="t") == CONFLICT
    assert [call["request_id"] for call in omics_local.calls("StartReadSetImportJob")] == ["t"] * 4
    assert len(omics_local.jobs()) == 1


def test_without_a_token_each_call_is_a_job(start, omics_local):
    assert start()["id"] != start()["id"]
    assert len(omics_local.jobs()) == 2


def test_what_the_model_forbids_is_refused(client, store, start, refused):
    assert refused(start, *[source()] * 101) == INVALID
    assert refused(start, source(kind="VCF")) == INVALID
    bad = {**source(), "sourceFiles": {"source1": "https://reads/a"}}
    assert refused(start, bad) == INVALID
    call = client.start_read_set_import_job
    assert refused(call, sequenceStoreId="9999999999", roleArn=ROLE, sources=[source()]) == MISSING
    ids = [{"readSetId": "1234567890"}]
    assert refused(client.start_read_set_activation_job, sequenceStoreId=store, sources=ids * 21) == INVALID
    assert refused(client.start_read_set_activation_job, sequenceStoreId=store, sources=ids) == MISSING
    assert refused(client.get_read_set_metadata, sequenceStoreId=store, id="1234567890") == MISSING
    assert refused(client.get_read_set_activation_job, sequenceStoreId=store, id="1234567890") == MISSING


def test_jobs_are_listed_by_status_and_time(start, client, store, omics_local, frozen):
    jobs = []
    for _ in range(3):
        jobs.append(start()["id"])
        frozen.advance(10)

    def listed(**asked):
        pages = client.get_paginator("list_read_set_import_jobs").paginate(
            sequenceStoreId=store, filter=asked, PaginationConfig={"PageSize": 2}
        )
        return [job["id"] for page in pages for job in page["importJobs"]]

    assert listed() == jobs[::-1]
    assert listed(status="IN_PROGRESS") == jobs[::-1]
    created = client.get_read_set_import_job(sequenceStoreId=store, id=jobs[1])["creationTime"]
    assert listed(createdAfter=created) == jobs[2:]
    assert listed(createdBefore=created) == jobs[:1]
    omics_local.switch(list_delay=15)
    assert listed() == jobs[1::-1]
    assert client.list_read_set_activation_jobs(sequenceStoreId=store)["activationJobs"] == []


def test_an_archived_read_set_is_activated(imported, client, store, omics_local, frozen):
    [item] = imported(source())["sources"]
    one = {"sequenceStoreId": store, "id": item["readSetId"]}
    omics_local.force_read_set(item["readSetId"], "ARCHIVED")
    sources = [{"readSetId": item["readSetId"]}]
    job = client.start_read_set_activation_job(sequenceStoreId=store, sources=sources)["id"]
    seen = []
    for seconds in (0, 5, 30):
        frozen.advance(seconds)
        got = client.get_read_set_activation_job(sequenceStoreId=store, id=job)
        seen.append((got["status"], got["sources"][0]["status"], client.get_read_set_metadata(**one)["status"]))
    assert seen == [
        ("SUBMITTED", "NOT_STARTED", "ARCHIVED"),
        ("IN_PROGRESS", "IN_PROGRESS", "ACTIVATING"),
        ("COMPLETED", "FINISHED", "ACTIVE"),
    ]
    assert client.list_read_sets(sequenceStoreId=store, filter={"status": "ARCHIVED"})["readSets"] == []


def test_what_cannot_be_activated_fails_its_source(imported, client, store, omics_local, frozen):
    good, bad = (item["readSetId"] for item in imported(source(), source("b", "BAM"))["sources"])
    omics_local.force_read_set(good, "ARCHIVED")
    omics_local.force_read_set(bad, "DELETING")
    sources = [{"readSetId": good}, {"readSetId": bad}]
    job = client.start_read_set_activation_job(sequenceStoreId=store, sources=sources)["id"]
    frozen.advance(35)
    got = client.get_read_set_activation_job(sequenceStoreId=store, id=job)
    assert got["status"] == "COMPLETED_WITH_FAILURES"
    assert [item["status"] for item in got["sources"]] == ["FINISHED", "FAILED"]
    assert got["sources"][1]["statusMessage"] == f"Read set {bad} is DELETING"


def test_a_job_that_is_forced_stays_as_it_is(start, client, store, omics_local, frozen):
    job = start()["id"]
    omics_local.force_job(job, "CANCELLED", statusMessage="by the service")
    frozen.advance(60)
    got = client.get_read_set_import_job(sequenceStoreId=store, id=job)
    assert (got["status"], got["statusMessage"]) == ("CANCELLED", "by the service")
    with pytest.raises(ValueError, match="A job has no status 'DONE'"):
        omics_local.force_job(job, "DONE")
    with pytest.raises(ValueError, match="A read set has no status 'DONE'"):
        omics_local.force_read_set(job, "DONE")
    with pytest.raises(ValueError, match="There is no read set"):
        omics_local.force_read_set(job, "ARCHIVED")


def test_quotas_and_faults_are_those_of_any_call(start, omics_local, refused):
    omics_local.switch(quotas="published")
    codes = [refused(start)[0] for _ in range(3) if not omics_local.fault("StartReadSetImportJob", "error")]
    assert codes == ["InternalServerException"] * 3
    answers = []
    for _ in range(20):
        try:
            start()
        except Exception as error:  # noqa: BLE001 - which one, is what is tested
            answers.append(error.response["Error"]["Code"])
    assert set(answers) == {"ThrottlingException"}


def test_an_import_job_ends_whatever_happens_to_its_copies(imported, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(Publisher, "copy", full)
    job = imported(source())
    assert job["status"] == "FAILED"
    assert "No space left" in job["sources"][0]["statusMessage"]
