# SPDX-License-Identifier: Apache-2.0
"""A task knows its own by tokens and names that its author chose, and comes to no dead end for them."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_omics.aws import run_pages
from airflow_provider_omics.exceptions import OmicsError, StartRunConflictError
from airflow_provider_omics.lifecycle import run_submissions
from airflow_provider_omics.read_sets import job_calls
from tests.operators.deferring import deferred, next_try
from tests.operators.stores import clients, stored  # noqa: F401 - fixtures

# Characters that tags do not have.
STRANGE = ["sample#1", "sample #1 (µ%&)", "x" * 127]


@pytest.fixture
def few(monkeypatch):
    """Let a look-up ask about two."""
    for module in (run_submissions, job_calls):
        monkeypatch.setattr(module, "MAX_CANDIDATES", 2)


@pytest.fixture
def another_dag_run(context, ti):
    def begin():
        ti.run_id, ti.try_number, ti.xcom = "manual__2027-01-01", 1, {}
        context["dag_run"] = SimpleNamespace(start_date=datetime.now(UTC) + timedelta(days=1))

    return begin


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("request_id", STRANGE)
@pytest.mark.parametrize("repeat", [{"request_id_lifetime": 0.0}, {"request_id_repeat": "conflict"}, {}])
def test_a_request_id_is_known_by_its_tag(request_id, repeat, start_run, context, another_dag_run, omics_local):
    omics_local.switch(**repeat)
    operator = start_run(deferrable=True, request_id=request_id)
    trigger = deferred(operator, context).trigger
    another_dag_run()
    assert deferred(start_run(deferrable=True, request_id=request_id), context).trigger.run_args == trigger.run_args
    assert len(omics_local.runs()) == 1


@pytest.mark.usefixtures("frozen", "few")
def test_a_name_that_many_runs_had_is_no_dead_end(start_run, context, ti, omics_local, caplog):
    for ti.map_index in range(4):
        deferred(start_run(deferrable=True, name="shared"), context)
        omics_local.force(omics_local.runs()[-1]["id"], "COMPLETED")
    ti.map_index, ti.try_number = 9, 2
    deferred(start_run(deferrable=True, name="shared"), context)
    assert len(omics_local.runs()) == 5
    assert "Of 4 runs with the name 'shared' only 2 were checked" in caplog.text


@pytest.mark.usefixtures("few")
def test_a_run_that_lives_is_found_among_any_number_that_have_ended(start_run, context, ti, frozen, omics_local):
    omics_local.switch(speed=0.01, request_id_lifetime=0.0)
    for ti.map_index in range(4):
        deferred(start_run(deferrable=True, name="shared"), context)
        if ti.map_index:
            omics_local.force(omics_local.runs()[-1]["id"], ["FAILED", "COMPLETED"][ti.map_index % 2])
        frozen.advance(1)
    ti.map_index, ti.try_number = 0, 2
    deferred(start_run(deferrable=True, name="shared"), context)
    assert ti.xcom["run_id"] == omics_local.runs()[0]["id"]
    assert len(omics_local.runs()) == 4


@pytest.mark.usefixtures("few")
def test_a_success_is_found_among_any_number_that_have_failed(start_run, context, ti, frozen, omics_local):
    omics_local.switch(request_id_lifetime=0.0)
    for ti.map_index in range(4):
        deferred(start_run(deferrable=True, name="shared"), context)
        omics_local.force(omics_local.runs()[-1]["id"], "FAILED" if ti.map_index else "COMPLETED")
        frozen.advance(1)
    ti.map_index, ti.try_number = 0, 2
    assert start_run(deferrable=True, name="shared").execute(context)["run_id"] == omics_local.runs()[0]["id"]


@pytest.mark.usefixtures("frozen", "few")
def test_among_too_many_runs_that_live_none_is_started_until_some_have_ended(start_run, context, ti, omics_local):
    for ti.map_index in range(3):
        deferred(start_run(deferrable=True, name="shared"), context)
    ti.map_index, ti.try_number = 9, 2
    with pytest.raises(OmicsError, match="More than 2 active runs have the name 'shared'"):
        start_run(deferrable=True, name="shared").execute(context)
    omics_local.force(omics_local.runs()[0]["id"], "FAILED")
    deferred(start_run(deferrable=True, name="shared"), context)


@pytest.mark.usefixtures("frozen", "few")
def test_a_request_id_of_ones_own_is_relied_on_among_too_many(start_run, context, ti, omics_local, caplog):
    for number in range(4):
        deferred(start_run(deferrable=True, name="shared", request_id=f"mine-{number}"), context)
    ti.try_number = 2
    deferred(start_run(deferrable=True, name="shared", request_id="mine-0"), context)
    assert ti.xcom["run_id"] == omics_local.runs()[0]["id"]
    assert "StartRun relies on the requestId" in caplog.text
    assert len(omics_local.runs()) == 4


@pytest.mark.usefixtures("frozen")
def test_beyond_the_pages_that_are_read_the_active_runs_are_listed(start_run, context, ti, omics_local, monkeypatch):
    monkeypatch.setattr(run_pages, "_MAX_PAGES", 1)
    client = omics_local.client()
    deferred(start_run(deferrable=True, name="shared"), context)
    for number in range(101):
        client.start_run(
            workflowId="1234567",
            roleArn="arn:aws:iam::1:role/x",
            outputUri="s3://b",
            name="shared",
            requestId=str(number),
        )
    for run in omics_local.runs()[1:]:
        omics_local.force(run["id"], "FAILED")
    ti.try_number = 2
    deferred(start_run(deferrable=True, name="shared"), context)
    assert ti.xcom["run_id"] == omics_local.runs()[0]["id"]


@pytest.mark.usefixtures("frozen")
def test_what_a_conflict_says_of_a_request_id_of_ones_own_is_true(start_run, context, ti, omics_local):
    """Another account's, say: a clear does not change it."""
    deferred(start_run(deferrable=True, request_id="mine", airflow_tags=False, name="x"), context)
    omics_local.switch(request_id_repeat="conflict")
    ti.try_number = 2
    with pytest.raises(StartRunConflictError, match="another request_id starts a new one"):
        start_run(deferrable=True, request_id="mine", airflow_tags=False, name="x").execute(context)


@pytest.mark.parametrize("token", ["mine", "sample#1"])
def test_a_job_of_a_client_token_is_found_from_another_dag_run(token, stored, context, another_dag_run, omics_local):  # noqa: F811
    first = stored.importing("a", client_token=token).execute(context)
    another_dag_run()
    omics_local.switch(request_id_repeat="conflict", request_id_other_input="conflict")
    assert stored.importing("a", client_token=token).execute(context) == first
    assert len(stored.jobs("import")) == 1


def test_what_a_conflict_says_of_a_client_token_is_true(stored, context, another_dag_run, omics_local):  # noqa: F811
    stored.importing("a", client_token="mine", airflow_tags=False).execute(context)
    another_dag_run()
    omics_local.switch(request_id_repeat="conflict")
    with pytest.raises(StartRunConflictError, match="another client_token starts a new one"):
        stored.importing("a", client_token="mine", airflow_tags=False).execute(context)


@pytest.mark.usefixtures("few")
def test_a_store_with_many_jobs_is_no_dead_end(stored, context, ti):  # noqa: F811
    for ti.map_index in range(3):
        stored.importing("a").execute(context)
    ti.map_index = 9
    next_try(ti)
    assert stored.importing("a").execute(context)["status"] == "COMPLETED"
