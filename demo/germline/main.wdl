# SPDX-License-Identifier: Apache-2.0
# Germline calling of one sample: align (BWA-MEM), sort and index (samtools), call (bcftools).
version 1.1

workflow Germline {
    input {
        String sample
        File reference
        File reads_1
        File reads_2
    }

    call Align { input: sample, reference, reads_1, reads_2 }
    call Sort { input: sample, unsorted = Align.unsorted }
    call Call { input: sample, reference, bam = Sort.sorted, bai = Sort.index }

    output {
        File bam = Sort.sorted
        File bai = Sort.index
        File vcf = Call.vcf
        File vcf_index = Call.index
        Int variant_count = Call.count
    }
}

task Align {
    input {
        String sample
        File reference
        File reads_1
        File reads_2
    }

    command <<<
        set -euo pipefail
        cp ~{reference} ref.fa
        python <<'CODE'
        from itertools import chain

        import pysam
        from pybwa import BwaIndex, BwaMem, BwaMemOptions

        BwaIndex.index("ref.fa")
        with pysam.FastxFile("~{reads_1}") as ends_1, pysam.FastxFile("~{reads_2}") as ends_2:
            reads = list(chain.from_iterable(zip(ends_1, ends_2, strict=True)))
        found = BwaMem("ref.fa").align(reads, BwaMemOptions(interleaved_paired_end=True))
        group = {"ID": "~{sample}", "SM": "~{sample}", "PL": "ILLUMINA"}
        with pysam.FastaFile("ref.fa") as ref:
            contigs = [{"SN": name, "LN": ref.get_reference_length(name)} for name in ref.references]
        header = {"HD": {"VN": "1.6", "SO": "unsorted"}, "SQ": contigs, "RG": [group]}
        with pysam.AlignmentFile("unsorted.bam", "wb", header=header) as bam:
            for number, alignments in enumerate(found):
                for alignment in alignments:
                    alignment.flag |= 0x80 if number % 2 else 0x40  # pybwa does not say which end of the pair it is
                    alignment.set_tag("RG", "~{sample}")
                    bam.write(alignment)
        print(f"aligned {len(reads)} reads")
        CODE
    >>>

    output {
        File unsorted = "unsorted.bam"
    }

    runtime {
        cpu: 1
        memory: "2 GiB"
    }
}

task Sort {
    input {
        String sample
        File unsorted
    }

    command <<<
        set -euo pipefail
        python -c 'import pysam; pysam.sort("-o", "~{sample}.bam", "~{unsorted}"); pysam.index("~{sample}.bam")'
        python -c 'import pysam; print(pysam.flagstat("~{sample}.bam"))'
    >>>

    output {
        File sorted = "~{sample}.bam"
        File index = "~{sample}.bam.bai"
    }

    runtime {
        cpu: 1
        memory: "2 GiB"
    }
}

task Call {
    input {
        String sample
        File reference
        File bam
        File bai
    }

    command <<<
        set -euo pipefail
        cp ~{reference} ref.fa
        # bcftools finds the index beside its BAM
        ln -s ~{bam} reads.bam
        ln -s ~{bai} reads.bam.bai
        python <<'CODE'
        from pysam import bcftools

        vcf = "~{sample}.vcf.gz"
        # --count-orphans: the aligner sets no proper-pair flag
        bcftools.mpileup("--count-orphans", "-f", "ref.fa", "-Ou", "-o", "pileup.bcf", "reads.bam", catch_stdout=False)
        bcftools.call("-mv", "-Oz", "-o", vcf, "pileup.bcf", catch_stdout=False)
        bcftools.index("--tbi", vcf, catch_stdout=False)
        variants = bcftools.view("-H", vcf).splitlines()
        with open("count.txt", "w") as count:
            print(len(variants), file=count)
        print(f"called {len(variants)} variants")
        CODE
    >>>

    output {
        File vcf = "~{sample}.vcf.gz"
        File index = "~{sample}.vcf.gz.tbi"
        Int count = read_int("count.txt")
    }

    runtime {
        cpu: 1
        memory: "2 GiB"
    }
}
