# SPDX-License-Identifier: Apache-2.0
"""The ground under the other tests: a Dag runs whole, on either Airflow line."""

import textwrap

from airflow.providers.common.compat.sdk import DAG, task

FILE = """
    from airflow.providers.common.compat.sdk import DAG, task

    with DAG("from_a_file", schedule=None):

        @task
        def given(dag_run=None):
            return dag_run.conf["sample"]

        @task
        def seen(sample):
            return {"sample": sample}

        seen(given())
"""


def test_a_dag_file_runs_with_its_conf(run_dag, tmp_path):
    file = tmp_path / "dag.py"
    file.write_text(textwrap.dedent(FILE))
    done = run_dag(file, {"sample": "NA12878"})
    assert done.state == "success"
    assert done.xcom("seen") == {"sample": "NA12878"}


def test_a_task_that_fails_is_tried_again_and_fails_the_run(run_dag):
    with DAG("always_failing", schedule=None) as dag:

        @task(retries=1)
        def fail():
            raise ValueError("on purpose")

        fail()

    done = run_dag(dag)
    assert done.state == "failed"
    assert [(it.state, it.try_number) for it in done.tasks] == [("failed", 2)]


def test_a_mapped_task_has_one_xcom_for_each_index(run_dag):
    with DAG("mapped", schedule=None) as dag:

        @task
        def double(number):
            return 2 * number

        double.expand(number=[1, 2])

    done = run_dag(dag)
    assert [done.xcom("double", map_index=index) for index in (0, 1)] == [2, 4]
