# SPDX-License-Identifier: Apache-2.0
"""The control API under ``/_local/``: what tests and demos ask of the endpoint itself, JSON in and out."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from airflow_provider_omics.local import examples
from airflow_provider_omics.local.faults.planned_faults import fault_from
from airflow_provider_omics.local.json_types import check
from airflow_provider_omics.local.runs import simulation
from airflow_provider_omics.local.sequencestores import jobs, stores
from airflow_provider_omics.local.state.scripts import script_from
from airflow_provider_omics.local.workflows import workflows

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.local.engine import Engine
    from airflow_provider_omics.local.state.run import Run
    from airflow_provider_omics.local.state.sequence_store import Job

    Asked = dict[str, Any]
    Json = Any


_LISTS = {"examples": bool, **dict.fromkeys(("workflows", "scripts", "faults"), tuple[dict[str, Any], ...])}
_TEXTS = ("id", "account", "type", "name", "description", "engine", "main", "status", "statusMessage", "uuid", "digest")
_FORCED = {"id": str, "status": str, "statusMessage": str | None, "unknown": bool}
_WORKFLOW = {**dict.fromkeys(_TEXTS, str), "parameterTemplate": dict[str, Any]}


def handle(engine: Engine, method: str, path: str, query: str, body: bytes) -> tuple[int, Json]:
    """Return the HTTP status and the JSON answer of a control call."""
    action = _ACTIONS.get((method, path))
    if action is None:
        known = ", ".join(f"{method} {path}" for method, path in _ACTIONS)
        return 404, {"message": f"{method} {path} is no control call; there are {known}"}
    try:
        asked = json.loads(body) if body else {name: values[-1] for name, values in parse_qs(query).items()}
        if not isinstance(asked, dict):
            return 400, {"message": "The body is not a JSON object"}
        engine.catch_up()
        with nullcontext() if action is _reset else engine.lock:
            answer = action(engine, asked)
        engine.catch_up()
    except ValueError as error:
        return 400, {"message": str(error)}
    return 200, answer


def configure(engine: Engine, config: dict[str, Any]) -> None:
    """
    Apply a configuration: settings, lists of ``workflows``, ``scripts`` and ``faults``, and ``examples``.

    Settings come first, as the others are of their account. ValueError has a line for each entry that cannot be.
    """
    check("setting", config, _LISTS)
    wrong: list[str] = []
    settings = {name: value for name, value in config.items() if name not in _LISTS}
    _try(_change_settings, engine, settings, wrong)
    if config.get("examples") and not wrong:
        examples.register(engine.state)
    for name, action in (("workflows", _workflow), ("scripts", _script), ("faults", _fault)):
        for asked in config.get(name, ()):
            _try(action, engine, asked, wrong)
    if wrong:
        raise ValueError("\n".join(wrong))


def _try(action: Callable[[Engine, Asked], Json], engine: Engine, asked: Asked, wrong: list[str]) -> None:
    try:
        action(engine, asked)
    except ValueError as error:
        wrong.append(str(error))


def _settings(engine: Engine, _asked: Asked) -> Json:
    return engine.state.settings.as_dict()


def _change_settings(engine: Engine, asked: Asked) -> Json:
    settings = engine.state.settings.changed(asked)
    operations = engine.service.model.operation_names
    if unknown := [name for name in settings.quotas if name not in operations]:
        raise ValueError(f"The setting quotas cannot be of {unknown[0]!r}: HealthOmics has no such operation.")
    engine.state.settings = settings
    return engine.state.settings.as_dict()


def _clock(engine: Engine, asked: Asked) -> Json:
    check("clock's", asked, {"freeze": bool, "jump": bool, "advance": float})
    clock = engine.state.clock
    if "freeze" in asked:
        (clock.freeze if asked["freeze"] else clock.resume)()
    if asked.get("jump"):
        clock.resume()
        clock.jumps = True
    clock.advance(asked.get("advance", 0))
    return {"now": clock.now().isoformat()}


def _reset(engine: Engine, _asked: Asked) -> Json:
    engine.reset(lambda: configure(engine, engine.config))
    return {}


def _fault(engine: Engine, asked: Asked) -> Json:
    engine.faults.add(fault_from(asked, engine.service.statuses, engine.service.model.operation_names))
    return {}


def _faults(engine: Engine, _asked: Asked) -> Json:
    return [asdict(fault) for fault in engine.faults.all()]


def _forgive(engine: Engine, _asked: Asked) -> Json:
    engine.faults.clear()
    return {}


def _script(engine: Engine, asked: Asked) -> Json:
    engine.state.scripts.append(script_from(asked))
    return {}


def _workflow(engine: Engine, asked: Asked) -> Json:
    """Register a workflow as it is, for what CreateWorkflow cannot make: READY2RUN, another account's, a given id."""
    check("workflow's", asked, _WORKFLOW)
    shape: Any = engine.service.model.operation_model("GetWorkflow").output_shape
    if unknown := [name for name in asked if name not in (*_WORKFLOW, *shape.members)]:
        raise ValueError(f"A workflow has no {unknown[0]!r}; it has {', '.join(sorted({*_WORKFLOW, *shape.members}))}.")
    return {"id": workflows.register(engine.state, asked)}


def _runs(engine: Engine, _asked: Asked) -> Json:
    return [_about(run) for run in (*engine.state.deleted, *engine.state.runs.values())]


def _about(run: Run) -> Json:
    about = asdict(run)
    for kept in ("caller", "plan", "generation", "cancelling", "counted", "cache"):
        del about[kept]
    return about


def _force(engine: Engine, asked: Asked) -> Json:
    """Put a simulated run into a status at once; DELETED removes it, as HealthOmics does with old runs."""
    if not {"id", "status"} <= asked.keys():
        raise ValueError(f"A run to be forced is told by its id and status, not by {', '.join(asked) or 'nothing'}.")
    check("run's", asked, {**_FORCED, "failureReason": str | None})
    run = engine.state.runs.get(asked["id"])
    if run is None:
        raise ValueError(f"There is no run {asked['id']}, or it is deleted.")
    if run.plan is None:
        raise ValueError(f"Run {run.id} is executed, not simulated: its status is what its workflow does.")
    why = asked.get("failureReason"), asked.get("statusMessage")
    simulation.force(engine.state, run, asked["status"], *why, unknown=asked.get("unknown", False))
    return _about(run)


def _jobs(engine: Engine, _asked: Asked) -> Json:
    return [_about_job(job) for store in engine.state.stores.values() for job in store.jobs.values()]


def _about_job(job: Job) -> Json:
    sources = [asdict(source) for source in job.sources]
    return {"kind": job.kind, "request": job.request, **job.about(), "sources": sources}


def _force_job(engine: Engine, asked: Asked) -> Json:
    """Put a read set job into a status at once."""
    check("job's", asked, _FORCED)
    for store in engine.state.stores.values():
        if asked.get("id") in store.jobs:
            job = store.jobs[asked["id"]]
            status, unknown = asked.get("status", ""), asked.get("unknown", False)
            jobs.force(engine.state, job, status, asked.get("statusMessage"), unknown=unknown)
            return _about_job(job)
    raise ValueError(f"There is no job {asked.get('id')}.")


def _force_read_set(engine: Engine, asked: Asked) -> Json:
    """Put a read set into a status at once: ARCHIVED, as HealthOmics does with one that nobody used for 30 days."""
    check("read set's", asked, _FORCED)
    if asked.get("status") not in stores.STATUSES:
        raise ValueError(f"A read set has no status {asked.get('status')!r}; it has {', '.join(stores.STATUSES)}.")
    for store in engine.state.stores.values():
        if asked.get("id") in store.read_sets:
            state, read_set = engine.state, store.read_sets[asked["id"]]
            stores.move(state, read_set, state.clock.now(), asked["status"], asked.get("statusMessage"))
            return {}
    raise ValueError(f"There is no read set {asked.get('id')}.")


def _calls(engine: Engine, asked: Asked) -> Json:
    return [asdict(call) for call in engine.calls.latest(asked.get("operation"))]


def _counts(engine: Engine, _asked: Asked) -> Json:
    return engine.calls.counts()


_ACTIONS: dict[tuple[str, str], Callable[[Engine, Asked], Json]] = {
    ("GET", "/_local/settings"): _settings,
    ("POST", "/_local/settings"): _change_settings,
    ("POST", "/_local/clock"): _clock,
    ("POST", "/_local/reset"): _reset,
    ("POST", "/_local/faults"): _fault,
    ("GET", "/_local/faults"): _faults,
    ("DELETE", "/_local/faults"): _forgive,
    ("POST", "/_local/scripts"): _script,
    ("POST", "/_local/workflows"): _workflow,
    ("GET", "/_local/runs"): _runs,
    ("POST", "/_local/runs"): _force,
    ("GET", "/_local/jobs"): _jobs,
    ("POST", "/_local/jobs"): _force_job,
    ("POST", "/_local/read-sets"): _force_read_set,
    ("GET", "/_local/calls"): _calls,
    ("GET", "/_local/counts"): _counts,
}
