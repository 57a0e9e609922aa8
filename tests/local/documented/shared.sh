aws omics start-run \
    --workflow-id 1234567 \
    --workflow-owner-id 123456789012 \
    --role-arn arn:aws:iam::123456789012:role/HealthOmicsServiceRole \
    --output-uri s3://your-bucket/results/ \
    --parameters '{
        "param1": "value1", 
        "param2": "value2"
        }'
