aws omics start-run \
    --role-arn arn:aws:iam::713632817814:role/HealthOmicsServiceRole \
    --output-uri s3://healthomics-output-bucket-demo/results/ \
    --run-id 3282892
