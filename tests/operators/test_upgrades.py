# SPDX-License-Identifier: Apache-2.0
"""A task that one release deferred is waited for and resumed by another: examples of each version are replayed."""

import asyncio
import copy
import json
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.lifecycle.intention import Intention
from airflow_provider_omics.records import versioned
from airflow_provider_omics.records.read_set_job import ReadSetJob
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.run_event import ReadSetJobEvent, RunEvent
from airflow_provider_omics.triggers.events import OmicsEventTrigger
from airflow_provider_omics.triggers.pause import OmicsPauseTrigger
from airflow_provider_omics.triggers.read_sets import OmicsReadSetJobTrigger
from airflow_provider_omics.triggers.run import OmicsRunTrigger
from airflow_provider_omics.triggers.start_run import OmicsStartRunTrigger
from tests.operators.deferring import deferred

GOLDEN = Path(__file__).parents[1] / "golden"
UNTIL = 4_102_444_800.0
ARN = "arn:aws:omics:us-east-1:123456789012:run/1234567"
RUN = Run("1234567", "uuid-1", ARN, "s3://bucket/runs/1234567", "RUNNING", None, None, 1.5, "airflow-1-0", 2.5, None)
JOB = ReadSetJob("import", "2345678901", "1234567890", "IN_PROGRESS", "", 1.5, None, (), "airflow-1-0")
PARAMS = HookParams("aws_default", "us-east-1", verify=True, botocore_config={"read_timeout": 20})
INTENTION = Intention("cohort", "manual", "align", -1, None, 2)
TRIGGERS = {kind.__name__: kind for kind in (OmicsRunTrigger, OmicsStartRunTrigger, OmicsReadSetJobTrigger)} | {
    "OmicsPauseTrigger": OmicsPauseTrigger,
    "OmicsEventTrigger": OmicsEventTrigger,
}
EVENTS = {kind.__name__: kind for kind in (RunEvent, ReadSetJobEvent)}


def today():
    """Return what this release writes of each kind."""
    start = OmicsStartRunTrigger.to_start(
        {"workflowId": "1234567", "name": "mine"},
        INTENTION,
        2,
        PARAMS,
        retry=True,
        record={"intention": INTENTION.digest, "submission": 0, "run": None, "try_number": 1},
        account="123456789012",
        region="us-east-1",
        until=UNTIL,
        submit_seconds=86_400.0,
        poll_interval=30.0,
        deadline=UNTIL,
    )
    written = [
        OmicsRunTrigger.of(RUN, PARAMS, 30.0, deadline=UNTIL),
        start,
        OmicsReadSetJobTrigger.of(JOB, PARAMS, 30.0, deadline=UNTIL),
        OmicsPauseTrigger(UNTIL),
        OmicsEventTrigger(queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/q", status="COMPLETED"),
    ]
    told = [
        RunEvent(RUN, timed_out=True, cancelled=True, error="gone wrong", said=("a line",)),
        ReadSetJobEvent(JOB, timed_out=True, error="gone wrong"),
    ]
    kinds = {type(it).__name__: it.serialize()[1] for it in written} | {
        type(it).__name__: it.serialize() for it in told
    }
    return json.loads(json.dumps(kinds))


def golden(*names):
    """Return the examples of some kinds in all versions, as parameters of a test."""
    files = [file for file in sorted(GOLDEN.glob("*/*.json")) if file.stem in names]
    return [
        pytest.param(file.stem, json.loads(file.read_text()), id=f"{file.parent.name}-{file.stem}") for file in files
    ]


def dicts(example, path=()):
    """Return the paths of all objects in an example, its own first."""
    inner = [it for name, value in example.items() if isinstance(value, dict) for it in dicts(value, (*path, name))]
    return [path, *(it for it in inner if it[-1] not in ("botocore_config", "request", "record"))]


def at(example, path):
    for name in path:
        example = example[name]
    return example


def test_each_kind_is_written_as_its_newest_example_shows():
    newest = GOLDEN / versioned.VERSION
    examples = {file.stem: json.loads(file.read_text()) for file in newest.glob("*.json") if "." not in file.stem}
    assert today() == examples, (
        f"A kind is written differently now. If {versioned.VERSION} is released, raise VERSION and "
        f"copy {newest} to a new folder; then let the examples show what is written, and see the others still be read."
    )


def test_there_is_an_example_of_each_version():
    assert {file.parent.name for file in GOLDEN.glob("*/*.json")} == {versioned.VERSION}


@pytest.mark.parametrize(("name", "arguments"), golden(*TRIGGERS))
def test_a_trigger_of_any_version_is_read(name, arguments):
    again = TRIGGERS[name](**arguments).serialize()[1]
    assert again == {**again, **arguments}
    assert again.get("deadline", again.get("until", UNTIL)) in (UNTIL, None)


@pytest.fixture
def in_triggerer(monkeypatch):
    monkeypatch.setattr("airflow_provider_omics.triggers.events.is_triggerer_process", lambda: True)
    versioned._warn.cache_clear()


@pytest.mark.usefixtures("in_triggerer")
@pytest.mark.parametrize(("name", "arguments"), golden(*TRIGGERS))
def test_what_a_trigger_does_not_know_is_ignored_with_a_warning(name, arguments, caplog):
    for path in dicts(arguments):
        newer = copy.deepcopy(arguments)
        at(newer, path)["colour"] = "red"
        caplog.clear()
        versioned._warn.cache_clear()
        read_all(TRIGGERS[name](**newer))
        assert ["of another release are ignored: colour" in it.getMessage() for it in caplog.records] == [True], path


@pytest.mark.parametrize(("name", "arguments"), golden(*TRIGGERS))
def test_what_a_trigger_misses_has_a_default(name, arguments):
    whole = TRIGGERS[name](**arguments).serialize()[1]
    for path in dicts(arguments):
        for member in at(arguments, path).keys() - {"queue_url", "id", "kind", "store_id"}:
            if path == ("intention",):
                continue  # It is the task's identity, of which nothing may be guessed.
            older = copy.deepcopy(arguments)
            del at(older, path)[member]
            trigger = TRIGGERS[name](**older)
            if member != "run":
                read_all(trigger)
            for kept in {"deadline", "until"} & (whole.keys() - {member}):
                assert trigger.serialize()[1][kept] == whole[kept]


def read_all(trigger):
    """Read what a trigger reads later: the objects in its arguments."""
    if type(trigger) is OmicsRunTrigger:
        assert trigger._deferred_run.id == "1234567"
    for member, kind in (("job_args", ReadSetJob), ("hook_params", HookParams)):
        if members := getattr(trigger, member, None):
            versioned.read(kind, members)
    if members := getattr(trigger, "intention", None):
        Intention.deserialize(members)


@pytest.mark.parametrize(("name", "payload"), golden(*EVENTS))
def test_an_event_of_any_version_is_read(name, payload, caplog):
    kind = EVENTS[name]
    told = json.loads(json.dumps(kind.deserialize(payload).serialize()))
    assert told == {**told, **payload, "version": versioned.VERSION}
    for path in dicts(payload):
        newer = copy.deepcopy(payload)
        at(newer, path)["colour"] = "red"
        versioned._warn.cache_clear()
        caplog.clear()
        assert kind.deserialize(newer) == kind.deserialize(payload)
        assert "are ignored: colour" in caplog.text
    for member in payload.keys() - {"run", "job"}:
        kind.deserialize({key: value for key, value in payload.items() if key != member})


@pytest.mark.parametrize(("name", "payload"), golden(*EVENTS))
def test_only_another_major_version_is_refused(name, payload):
    EVENTS[name].deserialize({**payload, "version": "1.99"})
    with pytest.raises(versioned.UnreadableError, match="another release"):
        EVENTS[name].deserialize({**payload, "version": "2.0"})


def test_the_identity_of_a_watcher_does_not_change_with_the_version():
    example = json.loads((GOLDEN / "1.0/OmicsEventTrigger.json").read_text())
    assert OmicsEventTrigger(**example).serialize()[1] == example
    assert "version" not in example


# --- whole tasks ---


async def first(trigger):
    async with asyncio.timeout(60):
        return (await anext(trigger.run())).payload


@pytest.mark.parametrize(("name", "arguments"), golden("OmicsRunTrigger"))
def test_a_run_is_waited_for_whatever_release_deferred_its_task(name, arguments, start_run, context):
    run = start_run(wait_for_completion=False).execute(context)
    ours = {"id": run["run_id"], "uuid": run["uuid"], "arn": run["arn"]}
    trigger = TRIGGERS[name](
        **{**arguments, "run": {**arguments["run"], **ours}, "poll_interval": 0.05, "colour": "red"}
    )
    for file in GOLDEN.glob("*/StartOmicsRunOperator.execute_complete.json"):
        operator = start_run(deferrable=True)
        told = {**asyncio.run(first(trigger)), "colour": "red"}
        done = operator.execute_complete(context, told, **json.loads(file.read_text()), colour="red")
        assert done["status"] == "COMPLETED"
        assert operator.attempt.deadline == UNTIL


@pytest.mark.parametrize("changed", [{"version": "2.0"}, {"run": None}])
@pytest.mark.parametrize("xcoms", ["kept", "lost"])
def test_arguments_that_cannot_be_read_send_the_task_back_to_its_worker(
    changed, xcoms, start_run, context, ti, omics_local
):
    omics_local.clock.freeze()
    operator = start_run(deferrable=True)
    deferral = deferred(operator, context)
    event = asyncio.run(first(OmicsRunTrigger(**{**deferral.trigger.serialize()[1], **changed})))
    if xcoms == "lost":  # Then the run is looked up.
        ti.xcom.clear()
    with pytest.raises(TaskDeferred) as again:
        operator.execute_complete(context, event, **{**deferral.kwargs, "deadline": UNTIL})
    assert again.value.trigger.deadline == UNTIL
    assert again.value.trigger.run_args["id"] == deferral.trigger.run_args["id"]
    assert len(omics_local.runs()) == 1
