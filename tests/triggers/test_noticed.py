# SPDX-License-Identifier: Apache-2.0
"""No deferral ends before Airflow's scheduler can have noticed it; under `dag.test()` it ends at once."""

import asyncio
import json
import time
from dataclasses import asdict

import pytest

from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.cancellation import cancelling_trigger
from airflow_provider_omics.lifecycle import marker
from airflow_provider_omics.lifecycle.intention import Intention
from airflow_provider_omics.polling import noticed
from airflow_provider_omics.records.read_set_job import ReadSetJob
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.run_event import RunEvent
from airflow_provider_omics.triggers.pause import OmicsPauseTrigger
from airflow_provider_omics.triggers.read_sets import OmicsReadSetJobTrigger
from airflow_provider_omics.triggers.run import OmicsRunTrigger
from airflow_provider_omics.triggers.start_run import OmicsStartRunTrigger

PARAMS = HookParams()
INTENTION = Intention("cohort", "manual", "align", -1, None, 2)
ENDED = ReadSetJob("import", "2345678901", "1234567890", "COMPLETED")


def start(until=60.0, version="1.0"):
    """Return a trigger that starts no run: its time is up, or it is of another release."""
    others = {"until": time.time() + until, "version": version}
    return OmicsStartRunTrigger.to_start({}, INTENTION, 1, PARAMS, **others)


@pytest.fixture
def run(connection):
    """Return a run that goes on."""
    answer = connection.client("omics").start_run(
        workflowId="1234567", roleArn="arn:aws:iam::123456789012:role/x", outputUri="s3://bucket/runs"
    )
    return Run.from_response(answer)


@pytest.fixture
def triggers(run, connection):
    """Return functions that make the triggers; each has its event at once."""
    connection.force(run.id, "COMPLETED")
    return {
        "run": lambda: OmicsRunTrigger.of(run, PARAMS, 0.01),
        "deadline": lambda: OmicsRunTrigger.of(run, PARAMS, 0.01, deadline=1.0),
        "job": lambda: OmicsReadSetJobTrigger.of(ENDED, PARAMS, 0.01),
        "pause": lambda: OmicsPauseTrigger(0.0),
        "no start": lambda: start(until=-120.0),
        "another release": lambda: start(version="2.0"),
    }


async def event_of(trigger):
    async with asyncio.timeout(60):
        return await anext(trigger.run())


@pytest.fixture(autouse=True)
def no_airflow(monkeypatch):
    """Let a trigger that starts a run find what its worker has written; there is no Airflow to ask."""
    written = asdict(marker.Marker(INTENTION.digest, 1))
    monkeypatch.setattr(marker, "pull_in_trigger", lambda _task, key: written if key == marker.KEY else None)
    monkeypatch.setattr(marker, "push_from_trigger", lambda _task, _key, _value: None)


KINDS = ("run", "deadline", "job", "pause", "no start", "another release")


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_triggerer_an_event_comes_when_the_scheduler_has_noticed(kind, triggers, monkeypatch):
    monkeypatch.setenv("AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD", "4")

    async def go():
        trigger = triggers[kind]()
        trigger.trigger_id = 7  # as the triggerers of both Airflow lines set it
        begun = asyncio.get_running_loop().time()
        await event_of(trigger)
        return asyncio.get_running_loop().time() - begun

    assert asyncio.run(go()) >= 2


@pytest.mark.parametrize("kind", KINDS)
def test_under_dag_test_it_comes_at_once(kind, triggers, monkeypatch):
    # A wait of this length would end the test.
    monkeypatch.setenv("AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD", "600")
    asyncio.run(event_of(triggers[kind]()))


def test_the_number_follows_from_airflows():
    assert noticed.noticed_after() == 15.0


def test_the_deadline_is_kept_while_the_event_has_to_wait(run, connection, monkeypatch):
    monkeypatch.setenv("AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD", "600")

    async def go():
        trigger = OmicsRunTrigger.of(run, PARAMS, 0.05, deadline=time.time() + 0.2)
        trigger.trigger_id = 7
        waiting = asyncio.create_task(anext(trigger.run()))
        async with asyncio.timeout(60):
            while connection.runs()[0]["status"] != "STOPPING":  # noqa: ASYNC110 - it is another process that changes it
                await asyncio.sleep(0.05)
        assert not waiting.done()
        waiting.cancel()

    monkeypatch.setattr(cancelling_trigger, "_HAS_ON_KILL", True)
    asyncio.run(go())


def test_a_person_who_ends_the_task_meanwhile_is_heard(run, monkeypatch):
    """The run is not looked at any more, as its event only has to wait; it may be one that nobody could look at."""
    monkeypatch.setenv("AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD", "600")
    monkeypatch.setattr(cancelling_trigger, "_HAS_ON_KILL", False)
    killed, told = [], asyncio.Event()

    class Told(OmicsRunTrigger):
        async def wait(self):
            told.set()
            return RunEvent(run, error="denied").serialize()

        async def on_kill(self):
            killed.append(self)

    async def go():
        trigger = Told(**json.loads(json.dumps(OmicsRunTrigger.of(run, PARAMS).serialize()[1])))
        trigger.trigger_id = 7
        waiting = asyncio.create_task(anext(trigger.run()))
        await told.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(go())
    assert len(killed) == 1
