# SPDX-License-Identifier: Apache-2.0
"""What only a real Airflow passes to an operator: the XCom of mapped tasks, rendered fields, links."""

DAG = '''
"""A Dag of Airflow's; these words let it be found."""
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator

RUN = {
    "workflow_id": "1234567",
    "role_arn": "arn:aws:iam::123456789012:role/omics",
    "output_uri": "s3://bucket/runs/",
    "poll_interval": 0.1,
}

with DAG("gather", schedule=None):

    @task
    def call(sample):
        return f"s3://bucket/{sample}.g.vcf.gz"

    StartOmicsRunOperator(
        task_id="joint",
        parameters={"vcfs": call.expand(sample=["a", "b"])},
        deferrable=True,
        **RUN,
    )
'''


def test_the_results_of_mapped_tasks_become_a_list(run_dag, aws_default, tmp_path):
    aws_default.workflow(id="1234567", name="joint")
    aws_default.switch(speed=500)
    (tmp_path / "gather.py").write_text(DAG)
    done = run_dag(tmp_path / "gather.py")
    assert "success" in done.state.lower()
    [run] = aws_default.runs()
    assert run["request"]["parameters"] == {"vcfs": ["s3://bucket/a.g.vcf.gz", "s3://bucket/b.g.vcf.gz"]}
