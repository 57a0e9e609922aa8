# SPDX-License-Identifier: Apache-2.0
"""Tasks whose runs are started in the triggerer: how they come to queue, and how they have the one run there is."""


def went_on(airflow, omics, run, *, ended):
    """See the task have the one run that there is, whatever became of it."""
    run_id = omics.run()
    if ended:
        airflow.wait_for(run, "failed")
    else:
        omics.succeed(run, run_id)
        airflow.wait_for(run, "success")
    assert airflow.database.task(run, "run").try_number == 1
    assert [it["id"] for it in omics.endpoint.runs()] == [run_id]
    assert omics.cancelled == set()


def queueing(airflow, omics, dag_id="deferred", *, lost=False):
    """Return a Dag run whose task waits for StartRun, which refuses, if asked with a run it does not know of."""
    if lost:
        omics.endpoint.fault("StartRun", "lost", times=1)
        omics.endpoint.fault("ListRuns", "error", code="ThrottlingException", probability=1)
    omics.endpoint.fault("StartRun", "error", code="ThrottlingException", probability=1)
    run = airflow.trigger(dag_id)
    omics.waits(run)
    omics.asked("StartRun")
    assert len(omics.endpoint.runs()) == lost
    return run


def triggerers(airflow, run):
    """Return the ids of the triggerers that have a Dag run's deferred tasks."""
    sql = "SELECT triggerer_id FROM trigger JOIN task_instance ON trigger.id = task_instance.trigger_id WHERE run_id=?"
    return {triggerer_id for (triggerer_id,) in airflow.database.query(sql, run.run_id)}
