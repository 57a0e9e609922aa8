# SPDX-License-Identifier: Apache-2.0
import pytest

from airflow_provider_omics.results.datasets import DatasetName, dataset, datasets, uris

STORE = "omics://123456789012.storage.us-west-2.amazonaws.com"


@pytest.mark.parametrize(
    ("uri", "namespace", "name"),
    [
        ("s3://bucket/reads/NA12878.cram", "s3://bucket", "reads/NA12878.cram"),
        ("s3://bucket/reads/", "s3://bucket", "reads"),
        ("s3://bucket/reads", "s3://bucket", "reads"),
        ("s3://bucket", "s3://bucket", "/"),
        ("s3://bucket/", "s3://bucket", "/"),
        ("s3://bucket/reads/*_{1,2}.fastq.gz", "s3://bucket", "reads"),
        ("s3://bucket/reads/*/lane/*.bam", "s3://bucket", "reads"),
        ("s3://bucket/*.bam", "s3://bucket", "/"),
        ("s3://bucket/reads//NA12878 #1?.cram", "s3://bucket", "reads//NA12878 #1?.cram"),
        ("s3://bucket/a?b#c?", "s3://bucket", "a?b#c?"),
        ("s3://bucket//reads", "s3://bucket", "/reads"),
        (f"{STORE}/1234567890/readSet/5555555555", STORE, "1234567890/readSet/5555555555"),
        (f"{STORE}/1234567890/readSet/5555555555/source1", STORE, "1234567890/readSet/5555555555/source1"),
        (f"{STORE}/1234567890/reference/5555555555", STORE, "1234567890/reference/5555555555"),
    ],
)
def test_a_uri_names_a_dataset_as_openlineage_does(uri, namespace, name):
    assert dataset(uri) == DatasetName(namespace, name)


@pytest.mark.parametrize("uri", ["s3://", "s3:///key", "omics://"])
def test_a_uri_without_a_bucket_names_none(uri):
    assert dataset(uri) is None


def test_uris_are_found_however_deep():
    parameters = {
        "sample_name": "NA12878",
        "reads": ["s3://bucket/1.fq.gz", {"left": "s3://bucket/2.fq.gz", "right": None}],
        "reference": {"fasta": f"{STORE}/1/reference/2", "width": 3, "strict": True},
        "tuple": ("s3://bucket/3.fq.gz",),
        "note": "see s3://bucket/readme",
        "page": "https://bucket.s3.amazonaws.com/x",
        "s3://bucket/key": "a key of the document is no value",
        "raw": b"s3://bucket/4",
    }
    assert list(uris(parameters)) == [
        "s3://bucket/1.fq.gz",
        "s3://bucket/2.fq.gz",
        f"{STORE}/1/reference/2",
        "s3://bucket/3.fq.gz",
    ]


@pytest.mark.parametrize("document", [None, 7, "text", "", [], {}])
def test_documents_without_uris_have_none(document):
    assert list(uris(document)) == []


def test_a_dataset_is_told_once_and_by_the_first_uri_that_names_it():
    found = ["s3://bucket/b/", "s3://bucket/a", "s3://", "s3://bucket/b"]
    assert datasets(found) == {
        DatasetName("s3://bucket", "b"): "s3://bucket/b/",
        DatasetName("s3://bucket", "a"): "s3://bucket/a",
    }
    assert [name.name for name in datasets(found)] == ["b", "a"]
