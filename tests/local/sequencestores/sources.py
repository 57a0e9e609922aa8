# SPDX-License-Identifier: Apache-2.0
"""Sources of an import job."""

from __future__ import annotations

ROLE = "arn:aws:iam::123456789012:role/omics"


def source(sample="a", kind="FASTQ", **members):
    files = {"a": {"source1": "s3://reads/a_1.fastq.gz", "source2": "s3://reads/a_2.fastq.gz"}}
    return {
        "sourceFiles": files.get(sample, {"source1": f"s3://reads/{sample}.bam"}),
        "sourceFileType": kind,
        "subjectId": "subject",
        "sampleId": sample,
        **members,
    }
