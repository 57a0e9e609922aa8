# SPDX-License-Identifier: Apache-2.0
"""What a task says when its run has COMPLETED: which it was, how long it took, and where its outputs are."""

import io
import logging
import re
import zipfile
from dataclasses import replace

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.operators.run import StartOmicsRunOperator
from airflow_provider_omics.records.run_event import RunEvent


@pytest.fixture
def said(caplog, monkeypatch):
    """Return what the provider has said."""
    caplog.set_level(logging.INFO)
    # Airflow's own logger hands nothing on.
    monkeypatch.setattr(StartOmicsRunOperator, "log", logging.getLogger("task"))
    return lambda: [it.getMessage() for it in caplog.records]


@pytest.fixture
def completed(start_run, context, omics_local):
    """Return a task that waits, with what its run is once that has COMPLETED."""
    omics_local.switch(speed=1, logs=True)
    omics_local.client("s3").create_bucket(Bucket="bucket")
    with zipfile.ZipFile(definition := io.BytesIO(), "w") as archive:
        archive.writestr("main.wdl", "version 1.0\nworkflow w {}")
    omics_local.client().create_workflow_version(
        workflowId="1234567", versionName="1.2", requestId="1", definitionZip=definition.getvalue()
    )
    omics_local.script(pending=40, starting=20, running=3600, outputs={"w.vcf": "s3://bucket/a.vcf", "w.n": 7})
    omics_local.clock.freeze()
    operator = start_run(name="sample 1", workflow_version_name="1.2", deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(context)
    run, hook = operator.attempt.run, OmicsHook("aws_default")
    for _ in range(6):
        omics_local.clock.advance(3600)
    while not run.ended:
        run = hook.get_run(run)
    return operator, run


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
def test_it_says_what_ran_how_long_and_where_its_outputs_are(deferrable, completed, context, omics_local, said):
    operator, run = completed
    calls = omics_local.counts()
    if deferrable:
        operator.execute_complete(context, RunEvent(run).serialize())
    else:
        operator.deferrable = False
        context["ti"].try_number = 2
        operator.execute(context)
    line = (
        rf"HealthOmics run {run.id} COMPLETED: workflow 1234567 version 1\.2, name sample 1, 0:01:00 in the queue, "
        rf"1:0\d:\d\d running, outputs in {run.output_uri}"
    )
    assert [text for text in said() if re.fullmatch(line, text)]
    assert "Named outputs, in XCom outputs: w.vcf, w.n" in said()
    if deferrable:
        assert omics_local.counts() == calls


def test_of_many_outputs_the_first_names_are_told(completed, context, omics_local, said):
    operator, run = completed
    names = {f"w.output_{number}": number for number in range(2000)}
    key = f"{run.output_uri.removeprefix('s3://bucket/')}/logs/outputs.json"
    omics_local.client("s3").put_object(Bucket="bucket", Key=key, Body=str(names).replace("'", '"').encode())
    operator.execute_complete(context, RunEvent(run).serialize())
    [line] = [text for text in said() if text.startswith("Named outputs, in XCom outputs: w.output_0, ")]
    assert line.endswith("…")
    assert len(line) < 1100


def test_what_is_not_known_of_a_run_is_left_out(completed, context, said):
    operator, run = completed
    operator.workflow_id, operator.workflow_version_name, operator.run_id, operator.name = None, None, "7", None
    bare = replace(run, creation_time=None, start_time=None, stop_time=None)
    operator.execute_complete(context, RunEvent(bare).serialize())
    name = operator.attempt.intention.run_name
    outputs = f"outputs in {run.output_uri}"
    assert f"HealthOmics run {run.id} COMPLETED: the workflow of run 7, name {name}, {outputs}" in said()
