# SPDX-License-Identifier: Apache-2.0
"""How a new run begins: whether it is simulated or executed, its parameters, its place among those that wait."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_omics.local.runs import parameters, queueing
from airflow_provider_omics.local.runs.executed_run import ExecutedRun
from airflow_provider_omics.local.runs.simulation import end, plan_of, starting, stopping, then
from airflow_provider_omics.local.runs.statuses import move
from airflow_provider_omics.local.state import scripts
from airflow_provider_omics.local.state.execution import Definition
from airflow_provider_omics.local.workflows.definitions import EXECUTED

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_omics.local.runs.simulation import Step
    from airflow_provider_omics.local.state.endpoint_state import State
    from airflow_provider_omics.local.state.resources import Resource
    from airflow_provider_omics.local.state.run_state import Run
    from airflow_provider_omics.local.wire.caller import Answer


def begin(state: State, run: Run, workflow: Resource | None) -> None:
    """Let a new run live: by its script, or by the executor, or by the default plan."""
    now = run.creation_time
    move(state, run, "PENDING", now)
    scripted = scripts.choose(state.scripts, run.request)
    if scripted is None and state.executor and (why := _not_executable(workflow)):
        run.plan = scripts.Plan(stopping=0, status="FAILED", failureReason="WORKFLOW_RUN_FAILED", statusMessage=why)
        then(state, run, now, 0, stopping)
        return
    if scripted is None and state.executor and workflow and workflow.zip_bytes is not None:
        members = workflow.members
        definition = Definition(
            run.request["workflowId"],
            members.get("name", ""),
            members["engine"],
            workflow.zip_bytes,
            members.get("main"),
        )
        submit = partial(state.executor.submit, run, definition, ExecutedRun(state, run))
        enter = partial(queueing.enter, go=lambda _now: submit())
        _read_parameters(workflow, enter, state, run, now)
        return
    run.plan = scripted or scripts.DEFAULT
    enter = partial(queueing.enter, go=partial(starting, state, run))
    then(state, run, now, run.plan.pending, partial(_read_parameters, workflow, enter))


def _not_executable(workflow: Resource | None) -> str | None:
    """Return why an endpoint that executes runs cannot execute those of a workflow."""
    members = workflow.members if workflow else {}
    name = members.get("name") or (workflow.id if workflow else "")
    if members.get("engine") not in EXECUTED:
        why = f"is written for {members.get('engine')}, and the local endpoint executes only WDL"
    elif "definitionRepository" in members:
        why = "is defined by a repository, which the local endpoint does not read"
    elif workflow is None or workflow.zip_bytes is None:
        why = "has no definition that could be executed"
    else:
        return None
    return f"Workflow {name} {why}: serve it with --simulate, or plan its runs by a script."


def _read_parameters(workflow: Resource | None, step: Step, state: State, run: Run, now: datetime) -> None:
    """Go on when the file of a ``parametersUri`` is read, as if it took no time; a bad one ends the run."""
    uri, generation = run.request.get("parametersUri"), run.generation
    if uri is None or state.publishing is None:
        step(state, run, now)
        return

    def done(parameters: Answer | str) -> None:
        if run.generation != generation:  # cancelled meanwhile
            return
        if run.status != "PENDING":  # cancelled before the executor had it
            move(state, run, "CANCELLED", now)
        elif isinstance(parameters, str):
            reason = "INVALID_RUN_PARAMETERS"
            run.plan = replace(plan_of(run), status="FAILED", failureReason=reason, statusMessage=parameters)
            end(state, run, now)
        else:
            run.parameters = parameters
            step(state, run, now)

    state.publishing.work(partial(parameters.read, uri, workflow), done)
