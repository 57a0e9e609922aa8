# SPDX-License-Identifier: Apache-2.0
"""The control API under ``/_local/``: what tests and demos ask of the endpoint itself, JSON in and out."""

from __future__ import annotations

import base64
import json
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from airflow_provider_omics.local import examples
from airflow_provider_omics.local.faults.planned_faults import fault_from
from airflow_provider_omics.local.json_types import check, check_all
from airflow_provider_omics.local.runs import simulation
from airflow_provider_omics.local.sequencestores import jobs, stores
from airflow_provider_omics.local.settings import Settings, check_accounts
from airflow_provider_omics.local.state.scripts import script_from
from airflow_provider_omics.local.wdl.examine import examine
from airflow_provider_omics.local.wire import other_services
from airflow_provider_omics.local.wire.shapes import read_structure
from airflow_provider_omics.local.workflows import workflow_operations

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.local.operations.endpoint import Endpoint
    from airflow_provider_omics.local.state.run_state import Run
    from airflow_provider_omics.local.state.sequence_store import Job

    Asked = dict[str, Any]
    Json = Any


_LISTS = {"examples": bool, **dict.fromkeys(("workflows", "scripts", "faults"), tuple[dict[str, Any], ...])}
_FORCED = {"id": str, "status": str, "statusMessage": str | None, "unknown": bool}
# What the endpoint itself says of a workflow that is registered.
_SAID = ("arn", "creationTime", "definition")


def handle(endpoint: Endpoint, method: str, path: str, query: str, body: bytes) -> tuple[int, Json]:
    """Return the HTTP status and the JSON answer of a control call."""
    action = _ACTIONS.get((method, path))
    if action is None:
        known = ", ".join(f"{method} {path}" for method, path in _ACTIONS)
        return 404, {"message": f"{method} {path} is no control call; there are {known}"}
    try:
        asked = json.loads(body) if body else {name: values[-1] for name, values in parse_qs(query).items()}
        if not isinstance(asked, dict):
            return 400, {"message": "The body is not a JSON object"}
        endpoint.catch_up()
        with nullcontext() if action in _WITHOUT_LOCK else endpoint.lock:
            answer = action(endpoint, asked)
        endpoint.catch_up()
    except ValueError as error:
        return 400, {"message": str(error)}
    return 200, answer


def configure(endpoint: Endpoint, config: dict[str, Any]) -> None:
    """
    Apply a configuration: settings, lists of ``workflows``, ``scripts`` and ``faults``, and ``examples``.

    Settings come first, as the others are of their account. ValueError has a line for each entry that cannot be.
    """
    check("setting", config, _LISTS)
    wrong: list[str] = []
    settings = {name: value for name, value in config.items() if name not in _LISTS}
    if unknown := [name for name in settings if name not in Settings.__dataclass_fields__]:
        raise ValueError(
            f"There is no setting {unknown[0]!r}; there are {', '.join((*Settings.__dataclass_fields__, *_LISTS))}."
        )
    _try(_change_settings, endpoint, settings, wrong)
    if config.get("examples") and not wrong:
        examples.register(endpoint.state)
    for name, action in (("workflows", _workflow), ("scripts", _script), ("faults", _fault)):
        for asked in config.get(name, ()):
            _try(action, endpoint, asked, wrong)
    if wrong:
        raise ValueError("\n".join(wrong))


def _try(action: Callable[[Endpoint, Asked], Json], endpoint: Endpoint, asked: Asked, wrong: list[str]) -> None:
    try:
        action(endpoint, asked)
    except ValueError as error:
        wrong.append(str(error))


def _settings(endpoint: Endpoint, _asked: Asked) -> Json:
    return endpoint.state.settings.as_dict()


def _change_settings(endpoint: Endpoint, asked: Asked) -> Json:
    settings = endpoint.state.settings.changed(asked)
    operations = endpoint.service.model.operation_names
    if unknown := [name for name in settings.quotas if name not in operations]:
        raise ValueError(f"The setting quotas cannot be of {unknown[0]!r}: HealthOmics has no such operation.")
    endpoint.state.settings = settings
    return endpoint.state.settings.as_dict()


def _clock(endpoint: Endpoint, asked: Asked) -> Json:
    check_all("clock's", asked, {"freeze": bool, "jump": bool, "advance": float})
    clock = endpoint.state.clock
    if "freeze" in asked:
        (clock.freeze if asked["freeze"] else clock.resume)()
    if asked.get("jump"):
        clock.resume()
        clock.jumps = True
    clock.advance(asked.get("advance", 0))
    return {"now": clock.now().isoformat()}


def _reset(endpoint: Endpoint, _asked: Asked) -> Json:
    endpoint.reset(lambda: configure(endpoint, endpoint.config))
    return {}


def _execute(endpoint: Endpoint, _asked: Asked) -> Json:
    endpoint.execute()
    return {}


def _fault(endpoint: Endpoint, asked: Asked) -> Json:
    endpoint.faults.add(fault_from(asked, endpoint.service.statuses, endpoint.service.model.operation_names))
    return {}


def _faults(endpoint: Endpoint, _asked: Asked) -> Json:
    return [asdict(fault) for fault in endpoint.faults.all()]


def _clear_faults(endpoint: Endpoint, _asked: Asked) -> Json:
    endpoint.faults.clear()
    return {}


def _script(endpoint: Endpoint, asked: Asked) -> Json:
    endpoint.state.scripts.append(script_from(asked))
    return {}


def _workflow(endpoint: Endpoint, asked: Asked) -> Json:
    """
    Register a workflow as it is, for what CreateWorkflow cannot make: READY2RUN, another account's, a given id.

    A ``definitionZip``, in base64, is examined as CreateWorkflow does, and refused where that would end FAILED.
    """
    shape: Any = endpoint.service.model.operation_model("GetWorkflow").output_shape
    known = {"account", "definitionZip", *shape.members}.difference(_SAID)
    if unknown := [name for name in asked if name not in known]:
        raise ValueError(f"A workflow has no {unknown[0]!r}; it has {', '.join(sorted(known))}.")
    account = {"account": asked["account"]} if "account" in asked else {}
    check_accounts("workflow's account", account.values())
    wrong: list[str] = []
    members = {name: value for name, value in asked.items() if name in shape.members}
    members = read_structure(shape, members, "", wrong)
    if wrong:
        raise ValueError(f"A workflow cannot be like this: {'; '.join(wrong)}.")
    content = _zip_of(asked["definitionZip"]) if "definitionZip" in asked else None
    found = examine(content, members.get("main"), members.get("engine")) if content else {}
    if found.get("status") == "FAILED":
        raise ValueError(found["statusMessage"])
    namespace = found.pop("namespace", None)
    with endpoint.lock:
        given = {**found, **members, **account}
        return {"id": workflow_operations.register(endpoint.state, given, content, namespace)}


def _zip_of(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except ValueError:
        raise ValueError("A workflow's definitionZip is the zip in base64.") from None


def _runs(endpoint: Endpoint, _asked: Asked) -> Json:
    return [_about(run) for run in (*endpoint.state.deleted, *endpoint.state.runs.values())]


def _about(run: Run) -> Json:
    about = asdict(run)
    for kept in ("caller", "plan", "generation", "cancelling", "counted", "cache"):
        del about[kept]
    return about


def _force(endpoint: Endpoint, asked: Asked) -> Json:
    """Put a simulated run into a status at once; DELETED removes it, as HealthOmics does with old runs."""
    if not {"id", "status"} <= asked.keys():
        raise ValueError(f"A run to be forced is told by its id and status, not by {', '.join(asked) or 'nothing'}.")
    check_all("run's", asked, {**_FORCED, "failureReason": str | None})
    run = endpoint.state.runs.get(asked["id"])
    if run is None:
        raise ValueError(f"There is no run {asked['id']}, or it is deleted.")
    if run.plan is None:
        raise ValueError(f"Run {run.id} is executed, not simulated: its status is what its workflow does.")
    why = asked.get("failureReason"), asked.get("statusMessage")
    simulation.force(endpoint.state, run, asked["status"], *why, unknown=asked.get("unknown", False))
    return _about(run)


def _jobs(endpoint: Endpoint, _asked: Asked) -> Json:
    return [_about_job(job) for store in endpoint.state.stores.values() for job in store.jobs.values()]


def _about_job(job: Job) -> Json:
    sources = [asdict(source) for source in job.sources]
    return {"kind": job.kind, "request": job.request, **job.about(), "sources": sources}


def _force_job(endpoint: Endpoint, asked: Asked) -> Json:
    """Put a read set job into a status at once."""
    check_all("job's", asked, _FORCED)
    for store in endpoint.state.stores.values():
        if asked.get("id") in store.jobs:
            job = store.jobs[asked["id"]]
            status, unknown = asked.get("status", ""), asked.get("unknown", False)
            jobs.force(endpoint.state, job, status, asked.get("statusMessage"), unknown=unknown)
            return _about_job(job)
    raise ValueError(f"There is no job {asked.get('id')}.")


def _force_read_set(endpoint: Endpoint, asked: Asked) -> Json:
    """Put a read set into a status at once: ARCHIVED, as HealthOmics does with one that nobody used for 30 days."""
    check_all("read set's", asked, {"id": str, "status": str, "statusMessage": str | None})
    if asked.get("status") not in stores.STATUSES:
        raise ValueError(f"A read set has no status {asked.get('status')!r}; it has {', '.join(stores.STATUSES)}.")
    for store in endpoint.state.stores.values():
        if asked.get("id") in store.read_sets:
            state, read_set = endpoint.state, store.read_sets[asked["id"]]
            stores.move(state, read_set, state.clock.now(), asked["status"], asked.get("statusMessage"))
            return {}
    raise ValueError(f"There is no read set {asked.get('id')}.")


def _calls(endpoint: Endpoint, asked: Asked) -> Json:
    check_all("calls'", asked, {"operation": str})
    known = (None, *endpoint.service.model.operation_names, other_services.WHO)
    if (operation := asked.get("operation")) not in known:
        raise ValueError(f"No calls of {operation!r} can arrive: there is no such operation.")
    return [asdict(call) for call in endpoint.calls.latest(asked.get("operation"))]


def _counts(endpoint: Endpoint, _asked: Asked) -> Json:
    return endpoint.calls.counts()


# They take it themselves, when they have waited for another process.
_WITHOUT_LOCK = (_reset, _workflow)
_ACTIONS: dict[tuple[str, str], Callable[[Endpoint, Asked], Json]] = {
    ("GET", "/_local/settings"): _settings,
    ("POST", "/_local/settings"): _change_settings,
    ("POST", "/_local/clock"): _clock,
    ("POST", "/_local/reset"): _reset,
    ("POST", "/_local/execute"): _execute,
    ("POST", "/_local/faults"): _fault,
    ("GET", "/_local/faults"): _faults,
    ("DELETE", "/_local/faults"): _clear_faults,
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
