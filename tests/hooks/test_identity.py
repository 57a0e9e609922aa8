# SPDX-License-Identifier: Apache-2.0
"""A run is judged and cancelled only from the account and Region that it is in."""

import asyncio
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from botocore.exceptions import ClientError

from airflow_provider_omics.aws import errors, identity
from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.exceptions import WrongAccountError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.records.run import Run
from tests.triggers.conftest import connection, start  # noqa: F401 - fixtures
from tests.triggers.waiting import end_of, until

OTHER = "210987654321"
WHO = "sts:GetCallerIdentity"


@pytest.fixture(autouse=True)
def unknown(monkeypatch):
    """Let no test know what another one has learnt."""
    monkeypatch.setattr(identity, "_accounts", {})


@pytest.fixture
def elsewhere(connection, monkeypatch):  # noqa: F811
    """Return the id of a connection that leads to another account."""
    connection.switch(accounts={"other": OTHER})
    monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", json.dumps({**connection.airflow_connection(), "login": "other"}))
    return "elsewhere"


def asked(omics):
    return omics.counts().get(WHO, 0)


@pytest.mark.parametrize("minutes", [1, 20])
def test_nobody_judges_from_another_account(elsewhere, connection, start, minutes):  # noqa: F811
    [run] = start()
    run = replace(run, creation_time=run.creation_time - minutes * 60)
    for _ in range(2):
        with pytest.raises(WrongAccountError, match=f"in account 123456789012, .* elsewhere leads to account {OTHER}"):
            OmicsHook(elsewhere).get_run(run)
    assert asked(connection) == 1
    assert OmicsHook().get_run(run).status == "PENDING"


def test_another_accounts_run_of_the_same_id_is_no_end(elsewhere, connection, start):  # noqa: F811
    [run] = start()
    with pytest.raises(WrongAccountError, match="not looked up or cancelled there"):
        OmicsHook(elsewhere).get_run(replace(run, arn=run.arn.replace("123456789012", "111111111111")))
    theirs = connection.client(access_key="other").start_run(
        workflowId="1234567",
        workflowOwnerId="123456789012",
        roleArn="arn:aws:iam::123456789012:role/x",
        outputUri="s3://bucket/runs",
    )
    with pytest.raises(WrongAccountError):
        OmicsHook(elsewhere).get_run(replace(run, id=theirs["id"]))


def test_nobody_cancels_in_another_account(elsewhere, connection, start):  # noqa: F811
    [run] = start()
    with pytest.raises(WrongAccountError):
        OmicsHook(elsewhere).request_cancel(run)
    assert "CancelRun" not in connection.counts()
    assert OmicsHook().request_cancel(run)


def test_a_run_of_another_region_is_not_judged(start):  # noqa: F811
    [run] = start()
    with pytest.raises(WrongAccountError, match=r"Region us-east-1.* Region eu-west-1"):
        OmicsHook(region_name="eu-west-1").get_run(run)


def test_who_has_had_an_answer_asks_nobody(connection, start):  # noqa: F811
    [run] = start()
    OmicsHook().get_run(run)
    assert OmicsHook().request_cancel(run)
    connection.force(run.id, "DELETED")
    assert OmicsHook().get_run(replace(run, creation_time=1.0)).status == "DELETED"
    assert asked(connection) == 0


@pytest.mark.parametrize(("fault", "times"), [({"code": "AccessDenied"}, 1), ({"code": "Throttling"}, 1)])
def test_where_sts_does_not_say_it_goes_on_as_ever(connection, start, caplog, fault, times):  # noqa: F811
    connection.fault(WHO, "error", times=times, **fault)
    [run] = start()
    connection.force(run.id, "DELETED")
    for _ in range(3):
        assert OmicsHook().get_run(replace(run, creation_time=1.0)).status == "DELETED"
    assert caplog.text.count("sts:GetCallerIdentity failed, the account is not checked") == 1
    assert connection.faults() == []


@pytest.fixture
def proxy():
    """Return the URL of a proxy that refuses every call with a page of HTML."""

    class Refusal(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(403)
            self.end_headers()
            self.wfile.write(b"<html><body>Blocked<br></body></html>")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Refusal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_proxy_that_answers_for_sts_fails_no_task(connection, proxy, monkeypatch):  # noqa: F811
    there = connection.airflow_connection()
    extra = {**there["extra"], "service_config": {"sts": {"endpoint_url": proxy}}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({**there, "extra": extra}))
    assert OmicsHook().account() is None
    assert OmicsHook().caller() is None


def test_a_run_without_an_arn_cannot_be_told(connection):  # noqa: F811
    """So the text says which account it was."""
    gone = OmicsHook().get_run(Run("1234567", "", "", "", "PENDING", creation_time=1.0))
    assert gone.status == "DELETED"
    assert "account 123456789012" in gone.status_message
    assert asked(connection) == 1


def test_a_triggerer_that_missed_its_connection_once_finds_it_again(connection, start, monkeypatch):  # noqa: F811
    """A secrets backend failed once: the triggerer went on with credentials of its own, of another account."""
    connection.switch(accounts={"ambient": OTHER})
    there = json.dumps(connection.airflow_connection())
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT")
    for name, value in {**connection.env(), "AWS_ACCESS_KEY_ID": "ambient"}.items():
        if name != "AIRFLOW_CONN_AWS_DEFAULT":
            monkeypatch.setenv(name, value)
    [run] = start()

    async def go():
        waiting = asyncio.create_task(end_of(run))
        await until(lambda: asked(connection))
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", there)
        connection.clock.advance(3600)
        return await waiting

    assert asyncio.run(go()).status == "COMPLETED"


def test_a_triggerer_of_another_account_gives_up_and_calls_nothing_deleted(elsewhere, start, monkeypatch):  # noqa: F811
    monkeypatch.setattr(errors, "_MAX_CONNECTION_ERRORS", 2)
    [run] = start()
    with pytest.raises(WrongAccountError):
        asyncio.run(end_of(run, params=HookParams(elsewhere)))


def test_a_manifest_that_cannot_be_read_for_now_is_asked_for_again(connection, start):  # noqa: F811
    connection.switch(logs=True)
    [run] = start()
    connection.clock.advance(3600)
    until_manifest(connection, run)
    connection.force(run.id, "DELETED")
    connection.clock.advance(3600)
    gone = replace(run, creation_time=1.0)
    hook = OmicsHook(config={"retries": {"mode": "standard", "total_max_attempts": 1}})
    for code in ("ThrottlingException", "ServiceUnavailableException"):
        connection.fault("logs:GetLogEvents", "error", code=code)
        with pytest.raises(ClientError, match=code):
            hook.get_run(gone)
    assert hook.get_run(gone).status == "COMPLETED"


def test_a_run_that_is_gone_has_the_times_of_its_manifest(connection, start):  # noqa: F811
    """By them a person's cancel is told from that of a deadline."""
    connection.switch(logs=True)
    [run] = start()
    connection.clock.advance(3600)
    until_manifest(connection, run)
    hook = OmicsHook()
    seen = hook.get_run(run)
    connection.force(run.id, "DELETED")
    gone = hook.get_run(replace(run, creation_time=1.0))
    assert (gone.status, gone.start_time) == ("COMPLETED", pytest.approx(seen.start_time, abs=1))
    assert gone.stop_time == pytest.approx(seen.stop_time, abs=1)


def test_a_page_without_events_is_not_the_end_of_a_manifest(connection, start):  # noqa: F811
    """CloudWatch Logs may answer nothing, and a token for what follows."""
    connection.switch(logs=True)
    [run] = start()
    connection.clock.advance(3600)
    until_manifest(connection, run)
    connection.force(run.id, "DELETED")
    hook = OmicsHook()
    asked = []

    def empty(parsed, **_):
        asked.append(parsed)
        if len(asked) <= 2:
            parsed.update(events=[], nextForwardToken=f"f/{len(asked)}")

    def anywhere(params, **_):
        if params.get("nextToken", "").startswith("f/"):
            del params["nextToken"]

    hook.logs.meta.events.register("after-call.cloudwatch-logs.GetLogEvents", empty)
    hook.logs.meta.events.register("before-parameter-build.cloudwatch-logs.GetLogEvents", anywhere)
    assert hook.get_run(replace(run, creation_time=1.0)).status == "COMPLETED"
    assert len(asked) == 3
    assert hook.get_run(replace(run, id="999", creation_time=1.0)).status == "DELETED"


def until_manifest(omics, run):
    logs = omics.client("logs")

    async def there():
        await until(lambda: _streams(logs, f"manifest/run/{run.id}"))

    asyncio.run(there())


def _streams(logs, prefix):
    try:
        return logs.describe_log_streams(logGroupName="/aws/omics/WorkflowLog", logStreamNamePrefix=prefix)[
            "logStreams"
        ]
    except logs.exceptions.ResourceNotFoundException:
        return []


def test_who_may_not_look_from_another_account_is_told_which(elsewhere, connection, start):  # noqa: F811
    """A triggerer's own role may lack the permission; its connection may be there again at the next look."""
    [run] = start()
    connection.fault("GetRun", "error", code="AccessDeniedException", times=2)
    with pytest.raises(WrongAccountError):
        OmicsHook(elsewhere).get_run(run)
    with pytest.raises(ClientError, match="AccessDenied"):
        OmicsHook().get_run(run)
