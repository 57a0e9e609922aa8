# SPDX-License-Identifier: Apache-2.0
"""An Airflow connection that is edited while other tasks wait with its client in the triggerer."""

import asyncio
import json

import pytest

from airflow_provider_omics.aws import identity
from airflow_provider_omics.exceptions import StartRunDeniedError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.polling.hub import join
from tests.operators.deferring import deferred
from tests.operators.in_triggerer.triggerer import of_database

pytestmark = pytest.mark.usefixtures("in_triggerer")
OTHER = "210987654321"


@pytest.fixture
def edit(omics_local, monkeypatch):
    """Return a function that gives the connection another access key."""
    omics_local.switch(accounts={"other": OTHER})
    monkeypatch.setattr(identity, "_accounts", {})

    def edit(key):
        connection = {**omics_local.airflow_connection(), "login": key}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))

    return edit


def fired_while_others_wait(first, edit, second):
    """Fire a trigger, edit the connection and fire another one, while the hub is in use; return both events."""

    async def go():
        async with asyncio.timeout(60), join(first().params):
            events = [(await anext(of_database(first()).run())).payload]
            edit()
            events.append((await anext(of_database(second()).run())).payload)
            return events

    return asyncio.run(go())


def test_a_run_is_started_in_the_account_to_which_the_connection_leads_now(start_run, context, edit):
    def trigger():
        operator = start_run(deferrable=True, wait_for_completion=False, workflow_owner_id="123456789012")
        return deferred(operator, context).trigger

    events = fired_while_others_wait(trigger, lambda: edit("other"), trigger)
    assert [event["error"] for event in events] == [None, None]
    assert [event["run"]["arn"].split(":")[4] for event in events] == ["123456789012", OTHER]


def test_a_start_that_is_denied_is_tried_with_the_edited_connection_by_the_next_try(
    start_run, context, omics_local, edit, monkeypatch
):
    keys, start = [], OmicsHook.start_run

    def start_noted(hook, request):
        keys.append(hook.conn_config.aws_access_key_id)
        return start(hook, request)

    monkeypatch.setattr(OmicsHook, "start_run", start_noted)
    omics_local.fault("StartRun", "error", code="AccessDeniedException", times=1)

    def trigger():
        return deferred(start_run(deferrable=True, wait_for_completion=False), context).trigger

    first, second = fired_while_others_wait(trigger, lambda: edit("another"), trigger)
    assert (first["failure"], second["error"]) == (StartRunDeniedError.__name__, None)
    assert keys == ["local", "another"]
