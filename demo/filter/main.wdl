# SPDX-License-Identifier: Apache-2.0
# Keeps the variants of a sample that are called with confidence.
version 1.1

workflow Filter {
    input {
        String sample
        File calls
        Int min_quality = 30
    }

    call Keep { input: sample, calls, min_quality }

    output {
        File vcf = Keep.kept
        Int kept = Keep.count
    }
}

task Keep {
    input {
        String sample
        File calls
        Int min_quality
    }

    command <<<
        set -euo pipefail
        python <<'CODE'
        from pysam import bcftools

        kept = "~{sample}.filtered.vcf.gz"
        bcftools.view("-i", "QUAL>=~{min_quality}", "-Oz", "-o", kept, "~{calls}", catch_stdout=False)
        variants = bcftools.view("-H", kept).splitlines()
        with open("count.txt", "w") as count:
            print(len(variants), file=count)
        print(f"kept {len(variants)} variants")
        CODE
    >>>

    output {
        File kept = "~{sample}.filtered.vcf.gz"
        Int count = read_int("count.txt")
    }

    runtime {
        cpu: 1
        memory: "2 GiB"
    }
}
