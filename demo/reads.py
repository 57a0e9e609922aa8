# SPDX-License-Identifier: Apache-2.0
"""Small seeded sequencing data: a reference, read pairs of one sample, and the variants planted in it."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pysam

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

CONTIG = "chr20"
REFERENCE_LENGTH = 20_000
READ_LENGTH = 100
PAIRS = 4_000
ERROR_RATE = 0.001
COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True)
class Variant:
    """One planted SNP, 1-based as in a VCF; ``genotype`` is ``0/1`` or ``1/1``."""

    chrom: str
    pos: int
    ref: str
    alt: str
    genotype: str


@dataclass(frozen=True)
class Data:
    """The files of one data set, and the variants that a caller should find in it."""

    reference: Path
    reads_1: Path
    reads_2: Path
    truth: Path
    planted: tuple[Variant, ...]


def make_data(directory: Path, seed: int = 7) -> Data:
    """Write reference, gzipped FASTQ pair and truth table into ``directory``; the same seed gives the same bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    # One generator for all: only so does one seed mean one data set.
    rng = random.Random(seed)  # noqa: S311  simulated reads are no secret
    reference = "".join(rng.choices("ACGT", k=REFERENCE_LENGTH))
    planted = tuple(_plant(rng, reference))
    data = Data(
        reference=directory / "ref.fa",
        reads_1=directory / "NA12878_R1.fastq.gz",
        reads_2=directory / "NA12878_R2.fastq.gz",
        truth=directory / "truth.json",
        planted=planted,
    )
    lines = (reference[i : i + 60] for i in range(0, REFERENCE_LENGTH, 60))
    data.reference.write_text(f">{CONTIG}\n" + "\n".join(lines) + "\n")
    data.truth.write_text(json.dumps([asdict(variant) for variant in planted], indent=1) + "\n")
    haplotypes = [_haplotype(reference, planted, copy) for copy in (0, 1)]
    pairs = [_pair(rng, rng.choice(haplotypes)) for _ in range(PAIRS)]
    _write_fastq(data.reads_1, (pair[0] for pair in pairs))
    _write_fastq(data.reads_2, (pair[1] for pair in pairs))
    return data


def count_found(vcf_path: Path | str, planted: Iterable[Variant]) -> int:
    """Count the planted variants that the VCF calls with the planted alleles and genotype."""
    pysam.set_verbosity(0)  # htslib complains of an index that nobody needs here
    with pysam.VariantFile(str(vcf_path)) as vcf:
        called = {
            (record.chrom, record.pos, record.ref, alt, "/".join(str(allele) for allele in sample["GT"]))
            for record in vcf
            for alt in record.alts or ()
            for sample in record.samples.values()
        }
    return sum((v.chrom, v.pos, v.ref, v.alt, v.genotype) in called for v in planted)


def _plant(rng: random.Random, reference: str) -> Iterator[Variant]:
    """Twelve SNPs, evenly spread so that none hides another; every third one is heterozygous."""
    for number, pos in enumerate(range(1_500, 18_001, 1_500), start=1):
        ref = reference[pos - 1]
        alt = rng.choice([base for base in "ACGT" if base != ref])
        yield Variant(CONTIG, pos, ref, alt, "0/1" if number % 3 == 0 else "1/1")


def _haplotype(reference: str, planted: Iterable[Variant], copy: int) -> str:
    """One of the sample's two copies of the chromosome: the second carries every variant, the first only 1/1."""
    bases = list(reference)
    for variant in planted:
        if copy == 1 or variant.genotype == "1/1":
            bases[variant.pos - 1] = variant.alt
    return "".join(bases)


def _pair(rng: random.Random, haplotype: str) -> tuple[str, str]:
    """Both ends of one fragment, as a sequencer reads them: inwards, with a few errors."""
    length = max(2 * READ_LENGTH, round(rng.gauss(350, 40)))
    start = rng.randrange(len(haplotype) - length)
    fragment = haplotype[start : start + length]
    ends = fragment[:READ_LENGTH], fragment.translate(COMPLEMENT)[::-1][:READ_LENGTH]
    if rng.random() < 0.5:  # noqa: PLR2004  either strand is as likely
        ends = ends[1], ends[0]
    return _misread(rng, ends[0]), _misread(rng, ends[1])


def _misread(rng: random.Random, read: str) -> str:
    return "".join(rng.choice("ACGT") if rng.random() < ERROR_RATE else base for base in read)


def _write_fastq(path: Path, reads: Iterable[str]) -> None:
    quality = "I" * READ_LENGTH
    text = "".join(f"@pair{i}\n{read}\n+\n{quality}\n" for i, read in enumerate(reads))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))  # no clock in the file: the same seed, the same bytes
