# SPDX-License-Identifier: Apache-2.0
"""What a newer model of HealthOmics has is said in words, and what is known is known to the provider's code, too."""

import copy

import pytest

from airflow_provider_omics.local.operations.table import OPERATIONS
from airflow_provider_omics.local.state.run_state import ACTIVE
from airflow_provider_omics.read_sets.read_set_request import ACTIVATION, FILES, IMPORT, READ_SET, SOURCE
from airflow_provider_omics.records import read_set_job, run
from airflow_provider_omics.request.members import MEMBERS
from airflow_provider_omics.results.failures import CLASSES
from tests.contract import news

KNOWN = news.known()


@pytest.fixture
def model():
    return copy.deepcopy(news.installed())


def test_nothing_is_new_in_the_installed_model(model):
    assert news.news(model) == []


def test_a_member_is_told_with_its_type_and_rules(model):
    model["shapes"]["Bar"] = {"type": "string", "max": 64, "min": 1, "enum": ["HIGH", "LOW"]}
    model["shapes"]["StartRunRequest"]["members"]["fooBar"] = {"shape": "Bar"}
    model["shapes"]["GetRunResponse"]["members"]["fooBar"] = {"shape": "Bar"}
    model["shapes"]["DefaultRunSetting"]["members"]["fooBar"] = {"shape": "Bar"}
    what = "that the provider does not know: {}fooBar (string, min 1, max 64, one of HIGH, LOW)"
    assert news.news(model) == [
        f"GetBatch answers with a member {what.format('defaultRunSetting.')}",
        f"GetRun answers with a member {what.format('')}",
        f"StartRun has a member {what.format('')}",
        f"StartRunBatch has a member {what.format('defaultRunSetting.')}",
    ]


def test_an_operation_is_told_once(model):
    model["operations"]["PauseRun"] = {**model["operations"]["GetRun"], "name": "PauseRun"}
    assert news.news(model) == ["HealthOmics has an operation that the provider does not know: PauseRun"]


def test_a_status_is_told(model):
    model["shapes"]["RunStatus"]["enum"].append("PAUSED")
    assert news.news(model) == ["RunStatus has a status that the provider does not know: PAUSED"]


def test_a_failure_reason_is_told(model):
    model["shapes"]["StartRunRequest"]["members"]["name"]["documentation"] = "<p>… <code>NAME_IS_TAKEN</code>.</p>"
    what = "HealthOmics' documentation names a failure reason that the provider does not know: NAME_IS_TAKEN"
    assert news.news(model) == [what]


def test_the_exit_status_tells_whether_there_is_news(model, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["news"])
    assert news.main() == 0
    assert "Nothing of HealthOmics is new" in capsys.readouterr().out
    model["shapes"]["RunStatus"]["enum"].append("PAUSED")
    monkeypatch.setattr(news, "installed", lambda: model)
    assert news.main() == 1
    assert "RunStatus has a status" in capsys.readouterr().out


def test_the_code_knows_the_members_that_are_known():
    import_source = {member.name for member in SOURCE} | {"sourceFiles", "tags"}
    import_source |= {f"sourceFiles.{member.name}" for member in FILES}
    assert KNOWN["StartRun has a member"] == {member.name for member in MEMBERS}
    assert KNOWN["StartReadSetImportJob has a member"] == {member.name for member in IMPORT} | {"sources"} | {
        f"sources.{name}" for name in import_source
    }
    assert KNOWN["StartReadSetActivationJob has a member"] == {member.name for member in ACTIVATION} | {
        "sources",
        f"sources.{READ_SET.name}",
    }


def test_the_code_knows_the_statuses_and_reasons_that_are_known():
    assert KNOWN["RunStatus has a status"] == run.ENDED | set(ACTIVE)
    for kind in ("Import", "Activation"):
        going = {"SUBMITTED", "IN_PROGRESS", "CANCELLING"}
        assert KNOWN[f"ReadSet{kind}JobStatus has a status"] == read_set_job.ENDED | going
    assert KNOWN[news.REASON] <= CLASSES.keys()


def test_the_endpoint_implements_operations_that_are_known():
    assert KNOWN[news.OPERATION] >= OPERATIONS.keys()
