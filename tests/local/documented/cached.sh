aws omics start-run \
    --workflow-id 7206765 \
    --role-arn arn:aws:iam::123456789012:role/HealthOmicsServiceRole \
    --output-uri s3://healthomics-output-bucket-demo/results/ \
    --parameters '{
        "input": "s3://healthomics-output-bucket-demo/input/samplesheet.csv",
        "protocol": "10XV3",
        "ecr_registry": "123456789012.dkr.ecr.us-east-1.amazonaws.com",
        "gtf": "s3://healthomics-output-bucket-demo/reference/genes.gtf",
        "aligner": "star",
        "fasta": "s3://healthomics-output-bucket-demo/reference/genome.fa",
        "skip_emptydrops": "true"
    }' \
    --cache-id 1234567 \
    --cache-behavior "CACHE_ALWAYS"
