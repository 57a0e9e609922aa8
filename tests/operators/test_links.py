# SPDX-License-Identifier: Apache-2.0
"""Links where Airflow looks for them, while a task waits in its worker, beside those of others."""

import json

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperatorLink

from airflow_provider_omics.exceptions import RunFailedError
from airflow_provider_omics.lifecycle.run_links import run_links
from airflow_provider_omics.links.run import OmicsRunLink
from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.testing.airflow_home import AIRFLOW_3

ROLE = "arn:aws:iam::123456789012:role/omics"


class OwnLink(BaseOperatorLink):
    """A link of somebody else."""

    name = "The cohort's page"

    def get_link(self, operator, *, ti_key):  # noqa: ARG002 - Airflow's signature
        return "https://cohorts.example/1"


class Operator(StartOmicsRunOperator):
    """An operator of somebody else, which looks at Airflow's table when its run has ended."""

    operator_extra_links = (*StartOmicsRunOperator.operator_extra_links, OwnLink())
    database = None
    links = None

    def _conclude(self, *arguments, **options):
        rows = self.database.query("SELECT key, value FROM xcom WHERE key LIKE '\\_link\\_%' ESCAPE '\\'")
        type(self).links = dict(rows)
        return super()._conclude(*arguments, **options)


@pytest.fixture
def elsewhere(monkeypatch):
    """Let Airflow keep XComs somewhere else."""
    if not AIRFLOW_3:
        return
    from airflow.sdk.bases.xcom import BaseXCom  # noqa: PLC0415 - Airflow 2 lacks it

    class Elsewhere(BaseXCom):
        @staticmethod
        def serialize_value(value, **_):
            return {"elsewhere": value}

    monkeypatch.setattr("airflow.sdk.execution_time.task_runner.XCom", Elsewhere)


@pytest.mark.usefixtures("elsewhere")
def test_links_are_right_under_a_custom_xcom_backend_and_beside_others(run_dag, aws_default, airflow_db, monkeypatch):
    aws_default.workflow(id="1234567", name="joint")
    aws_default.switch(speed=500)
    monkeypatch.setattr(Operator, "database", airflow_db)
    with DAG("linked", schedule=None) as dag:
        Operator(
            task_id="run",
            workflow_id="1234567",
            role_arn=ROLE,
            output_uri="s3://bucket/runs",
            poll_interval=0.05,
            deferrable=False,
        )
    done = run_dag(dag)
    assert "success" in done.state.lower()
    assert len(aws_default.runs()) == 1
    if not AIRFLOW_3:
        return
    assert Operator.links.keys() == {"_link_OmicsRunLink", "_link_OmicsRunLogLink", "_link_OmicsRunOutputLink"}
    for value in Operator.links.values():
        assert json.loads(value).startswith("https://us-east-1.console.aws.amazon.com/")
    [(own,)] = airflow_db.query("SELECT value FROM xcom WHERE key = ?", "_link_OwnLink")
    assert json.loads(own) == "https://cohorts.example/1"


def test_a_failure_names_the_links_of_the_run_alone(start_run, context, omics_local, monkeypatch):
    monkeypatch.setattr(StartOmicsRunOperator, "operator_extra_links", Operator.operator_extra_links)
    omics_local.script(status="FAILED", failureReason="RUN_TASK_FAILED")
    with pytest.raises(Exception, match="HealthOmics run log: https://") as error:
        start_run().execute(context)
    assert OwnLink.name not in str(error.value)


class BrokenLink(OmicsRunLink):
    """A link of somebody else's that does not work out."""

    name = "Billing"

    def url(self, arn, output_uri):
        raise KeyError(arn, output_uri)


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED"])
def test_a_link_that_breaks_breaks_no_run(status, start_run, context, omics_local, monkeypatch, caplog):
    links = (BrokenLink(), *StartOmicsRunOperator.operator_extra_links)
    monkeypatch.setattr(StartOmicsRunOperator, "operator_extra_links", links)
    omics_local.script(status=status, failureReason="RUN_TASK_FAILED" if status == "FAILED" else None)
    if status == "COMPLETED":
        assert start_run().execute(context)["status"] == status
    else:
        with pytest.raises(RunFailedError, match="HealthOmics run log: https://"):
            start_run().execute(context)
    assert "Link 'Billing' of run" in caplog.text


def test_what_is_no_arn_has_no_page_and_breaks_nothing():
    assert run_links(StartOmicsRunOperator.operator_extra_links, Run("1")) == []
