# SPDX-License-Identifier: Apache-2.0
"""What a task logs while its run goes on: how it is going."""

import re
from dataclasses import replace

from airflow_provider_omics.records.run_event import RunEvent
from tests.operators.progress.ended import ended, until


def test_a_task_says_every_now_and_then_how_its_run_is_going(waiting, running, told, monkeypatch):
    monkeypatch.setenv("AIRFLOW__OMICS__HEARTBEAT_INTERVAL", "0.01")
    waiting()
    times = r"\d:\d\d:\d\d since StartRun, 0:00:10 of it in the queue"
    line = rf"HealthOmics run {running.id} RUNNING, {times}; tasks: 2 PENDING, 1 RUNNING"
    until(lambda: [text for level, text in told() if level == "INFO" and re.fullmatch(line, text)])


def test_a_task_says_nothing_between_two_heartbeats(waiting, told, omics_local):
    waiting()
    looks = len(omics_local.calls("GetRun"))
    until(lambda: len(omics_local.calls("GetRun")) >= looks + 5)
    assert told() == []
    assert "ListRunTasks" not in omics_local.counts()


def test_tasks_that_may_not_be_listed_are_a_warning_once(waiting, running, told, omics_local, monkeypatch):
    monkeypatch.setenv("AIRFLOW__OMICS__HEARTBEAT_INTERVAL", "0.01")
    omics_local.fault("ListRunTasks", "error", code="AccessDeniedException", probability=1)
    waiting()
    until(lambda: len([text for _, text in told() if text.startswith(f"HealthOmics run {running.id} RUNNING, ")]) >= 3)
    assert len([text for level, text in told() if level == "WARNING" and "cannot be counted" in text]) == 1
    assert omics_local.counts()["ListRunTasks"] == 1


def test_a_deferred_tasks_worker_says_again_what_its_trigger_said(running, start_run, context, told):
    run = replace(ended(running), output_uri="s3://bucket/none")
    event = RunEvent(run, said=("12:00 run 1 RUNNING", "2 polls failed"))
    operator = start_run(deferrable=True, fetch_outputs=False)
    operator.execute_complete(context, event.serialize())
    assert told() == [("INFO", f"While this task was deferred: {line}") for line in event.said]
