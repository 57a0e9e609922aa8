# SPDX-License-Identifier: Apache-2.0
"""``run_dag``: a DAG runs whole on the local endpoint, on either Airflow line, and tells what became of it."""

from __future__ import annotations

import logging
import shutil
import textwrap
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator, task

from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.testing.airflow_home import own_home

FILE = """
    from airflow.providers.common.compat.sdk import DAG, task
    from beside import SAMPLE

    with DAG("from_a_file", schedule=None):

        @task
        def given(dag_run=None):
            return dag_run.conf["sample"]

        @task
        def seen(sample):
            return {"sample": sample, "beside": SAMPLE}

        seen(given())
"""
DATE = datetime(2026, 1, 31, tzinfo=UTC)
REQUEST = {
    "workflow_id": "1234567",
    "role_arn": "arn:aws:iam::123456789012:role/omics",
    "output_uri": "s3://bucket/runs/",
}


def test_a_dag_file_runs_with_its_conf(run_dag, tmp_path):
    file = tmp_path / "dag.py"
    file.write_text(textwrap.dedent(FILE))
    (tmp_path / "beside.py").write_text("SAMPLE = 'NA12891'")
    done = run_dag(file, {"sample": "NA12878"})
    assert done.state == "success"
    assert done.states == {"given": "success", "seen": "success"}
    assert done.xcom("seen") == {"sample": "NA12878", "beside": "NA12891"}


def test_a_task_that_fails_is_tried_again_at_once_and_fails_the_test(run_dag):
    with DAG("always_failing", schedule=None) as dag:

        @task(retries=1, retry_delay=timedelta(hours=1))
        def fail():
            raise ValueError("on purpose")

        fail()

    with pytest.raises(AssertionError, match=r"(?s)ended failed.\nfail: failed, try 2\n.*ValueError: on purpose"):
        run_dag(dag)
    assert dag.get_task("fail").retry_delay == timedelta(hours=1)
    done = run_dag(dag, ends="failed")
    assert [(it.state, it.try_number) for it in done.tasks] == [("failed", 2)]


def test_a_logical_date_may_come_twice(run_dag):
    with DAG("dated", schedule=None) as dag:

        @task
        def told(logical_date=None):
            return logical_date.isoformat()

        told()

    for _ in range(2):
        assert run_dag(dag, logical_date=DATE).xcom("told") == DATE.isoformat()


def test_a_mapped_task_has_one_xcom_and_one_log_for_each_index(run_dag):
    with DAG("mapped", schedule=None) as dag:

        @task(retries=1, retry_delay=timedelta(hours=1))
        def double(number, ti=None):
            print(f"doubles {number}")  # noqa: T201 - it is what is tested
            if ti.try_number == 1:
                raise ValueError("not at once")
            return 2 * number

        double.expand(number=[1, 2])

    done = run_dag(dag)
    assert [done.xcom("double", map_index=index) for index in (0, 1)] == [2, 4]
    assert done.states == {"double[0]": "success", "double[1]": "success"}
    assert ["doubles 1" in done.log("double", index) for index in (0, 1)] == [True, False]


def test_a_log_has_whatever_its_task_says(run_dag, capfd):
    class Says(BaseOperator):
        def execute(self, context):  # noqa: ARG002 - Airflow's signature
            self.log.info("by the operator's log")
            logging.getLogger("mine").info("by a log of mine")
            print("by print")  # noqa: T201 - likewise
            raise ValueError("by an exception")

    with DAG("talks", schedule=None) as dag:
        Says(task_id="one") >> Says(task_id="two", trigger_rule="all_done")

    run_dag(dag, ends="failed")
    # structlog's loggers live on.
    done = run_dag(dag, ends="failed")
    for said in ("by the operator's log", "by a log of mine", "by print"):
        assert [done.log(task_id).count(said) for task_id in ("one", "two")] == [1, 1], said
    assert "ValueError: by an exception" in done.log("two")
    with pytest.raises(ValueError, match=r"has no task three; it has one, two\.$"):
        done.log("three")
    assert "by print" in capfd.readouterr().out


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
def test_a_run_of_hours_is_over_in_a_second(deferrable, run_dag, omics_local):
    omics_local.workflow(id="1234567", name="germline")
    omics_local.script(running=7200, tasks=[{"name": "Align"}, {"name": "Call"}])
    omics_local.script(status="FAILED", failureReason="SERVICE_ERROR", running=7200, times=1)
    omics_local.fault("StartRun", "lost", times=1)
    omics_local.clock.jump()
    with DAG(f"hours_{deferrable}".lower(), schedule=None) as dag:
        StartOmicsRunOperator(
            task_id="call",
            deferrable=deferrable,
            poll_interval=timedelta(minutes=5),
            retries=1,
            retry_delay=timedelta(minutes=10),
            **REQUEST,
        )
    done = run_dag(dag)
    first, second = omics_local.runs()
    assert [run["status"] for run in (first, second)] == ["FAILED", "COMPLETED"]
    assert done.xcom("call")["run_id"] == second["id"]
    assert done.tasks[0].try_number == 2
    assert f"HealthOmics run {first['id']}" in done.log("call")


WDL = """
version 1.1

task Count {
  input { File reads }
  command <<< wc -l < "~{reads}" >>>
  output { Int lines = read_int(stdout()) }
}

workflow Lines {
  input { File reads }
  call Count { input: reads = reads }
  output { Int lines = Count.lines }
}
"""


@pytest.mark.parametrize("where", ["main.wdl", ".", "../lines.zip"])
def test_a_workflow_of_ones_own_is_executed(where, run_dag, omics_local, tmp_path):
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines/main.wdl").write_text(WDL)
    shutil.make_archive(str(tmp_path / "lines"), "zip", tmp_path / "lines")
    omics_local.execute()
    omics_local.workflow(id="1234567", name="lines", definition=tmp_path / "lines" / where)
    s3 = omics_local.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="reads.txt", Body=b"a\nb\n")
    with DAG("executed", schedule=None) as dag:
        StartOmicsRunOperator(task_id="count", parameters={"reads": "s3://bucket/reads.txt"}, **REQUEST)
    assert run_dag(dag).xcom("count", "outputs") == {"Lines.lines": 2}


def test_after_that_runs_are_simulated_again(run_dag, omics_local, tmp_path):
    (tmp_path / "main.wdl").write_text(WDL)
    omics_local.workflow(id="1234567", name="lines", definition=tmp_path / "main.wdl")
    omics_local.clock.jump()
    with DAG("simulated", schedule=None) as dag:
        StartOmicsRunOperator(task_id="count", parameters={"reads": "s3://bucket/reads.txt"}, **REQUEST)
    assert run_dag(dag).xcom("count", "outputs") is None


def test_a_definition_that_cannot_be_used_is_refused(omics_local, tmp_path):
    (tmp_path / "main.wdl").write_text("version 1.1\nworkflow {")
    with pytest.raises(ValueError, match=r"main\.wdl"):
        omics_local.workflow(id="1234567", definition=tmp_path / "main.wdl")
    with pytest.raises(FileNotFoundError):
        omics_local.workflow(id="1234567", definition=tmp_path / "none.wdl")


def test_an_end_that_a_dag_run_cannot_have_is_refused(run_dag):
    with pytest.raises(ValueError, match="does not end 'failure'; it ends success or failed"):
        run_dag("dag.py", ends="failure")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import nothing_like_this", r"(?s)Airflow cannot import .*dag.py:.*nothing_like_this"),
        ("", "dag.py defines no DAG; import it"),
        (None, r"There is no DAG file .*dag.py; a relative path"),
    ],
)
def test_a_file_that_is_no_dag_is_told(text, error, run_dag, tmp_path):
    if text is not None:
        (tmp_path / "dag.py").write_text(text)
    with pytest.raises((AssertionError, ValueError, FileNotFoundError), match=error):
        run_dag(tmp_path / "dag.py")


def test_a_home_that_comes_too_late_is_told():
    with pytest.raises(RuntimeError, match=r"two lines at the top of conftest.py: from airflow_provider_omics.testing"):
        own_home.__wrapped__()
