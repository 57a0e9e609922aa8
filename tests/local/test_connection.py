# SPDX-License-Identifier: Apache-2.0
"""The connection that ``omics-local env`` prints, used by Airflow's hook."""

from __future__ import annotations

import json

from airflow_provider_omics.hooks.omics import OmicsHook


def test_a_role_is_assumed_at_the_endpoint(start, omics_local, monkeypatch):
    connection = omics_local.airflow_connection()
    connection["extra"]["role_arn"] = "arn:aws:iam::123456789012:role/airflow"
    monkeypatch.setenv("AIRFLOW_CONN_ASSUMING", json.dumps(connection))
    run = start()

    hook = OmicsHook(aws_conn_id="ASSUMING")
    answer = hook.conn.list_runs()

    assert [listed["id"] for listed in answer["items"]] == [run["id"]]
    credentials = hook.get_session().get_credentials().get_frozen_credentials()
    assert credentials.token
    assert credentials.access_key.startswith("ASIA")
