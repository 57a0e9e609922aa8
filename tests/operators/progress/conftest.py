# SPDX-License-Identifier: Apache-2.0
"""A run that is RUNNING, a task that waits for it, and what the task logs."""

import logging
import threading

import pytest

from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.records.run import Run


@pytest.fixture
def told(caplog):
    """Return what the provider has said: level and text."""
    caplog.set_level(logging.INFO)

    def told():
        names = ("airflow_provider_omics.results.logs", "airflow_provider_omics.results.progress_log")
        return [(it.levelname, it.getMessage()) for it in caplog.records if it.name in names]

    return told


@pytest.fixture
def running(start_run, context, omics_local):
    """Return a run that is RUNNING until the clock is moved."""
    omics_local.switch(speed=1, logs=True)
    omics_local.script(running=1000, stopping=1, tasks=[{"name": "call"}] * 3)
    omics_local.clock.freeze()
    start_run(wait_for_completion=False).execute(context)
    omics_local.clock.advance(11)
    [run] = omics_local.runs()
    return OmicsHook("aws_default").get_run(Run(run["id"], run["uuid"], run["arn"], run["run_output_uri"], "PENDING"))


@pytest.fixture
def waiting(running, start_run, context, omics_local):
    """Return a function that lets a task wait, in a thread, for the run that is RUNNING; it is joined at the end."""
    assert running.status == "RUNNING"
    threads = []

    def wait(**arguments):
        operator = start_run(**arguments)
        # Airflow 2 lets nobody call `execute` in a thread.
        threads.append(threading.Thread(target=operator._find_or_start, args=(context,), kwargs={"retry": True}))
        threads[0].start()

    yield wait
    omics_local.clock.advance(2000)
    threads[0].join(60)
    assert not threads[0].is_alive()
