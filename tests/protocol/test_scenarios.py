# SPDX-License-Identifier: Apache-2.0
"""Schedules that came to light, or come too seldom to be left to chance, step by step."""

import logging

import pytest

from airflow_provider_omics.lifecycle.protocol import Fail, Succeed, Wait
from airflow_provider_omics.local.runs import simulation
from tests.protocol.process import KilledError, lost
from tests.protocol.tasks import START, Task, TaskInstance
from tests.protocol.world import World
from tests.protocol.world_time import world_time


@pytest.fixture
def world():
    """Return a function that makes a world with these settings."""
    worlds = []

    def make(*, manifests=True, **settings):
        worlds.append(World(settings, manifests=manifests))
        return worlds[-1]

    logging.disable(logging.CRITICAL)
    with world_time():
        yield make
        for one in worlds:
            one.close()
    logging.disable(logging.NOTSET)


def task(**how):
    return Task(TaskInstance("a"), START, **how)


def try_of(world, task):
    """Let the next try go until it waits or is done, and return it."""
    world.advance(2)
    process = world.begin(task)
    world.finish(process)
    return process


def kill(process):
    process.go(KilledError())


def end(world, status):
    simulation.force(world.state, world.runs[-1], status, None, None)


def go_to(process, where, operation):
    while process.place != (where, operation):
        process.go()


def test_a_run_that_failed_before_a_retry_could_look_at_it_ends_that_retry(world):
    world, a = world(), task()
    kill(try_of(world, a))
    end(world, "FAILED")
    retry = world.begin(a)
    go_to(retry, "after", "StartRun")
    end(world, "FAILED")
    world.finish(retry)
    assert isinstance(retry.verdict, Fail)
    assert retry.created == 1


@pytest.mark.parametrize("tags", [True, False])
def test_an_answer_that_is_lost_twice_over_is_found_by_409_and_look_up(tags, world):
    world, a = world(request_id_repeat="conflict", list_delay=100.0), task(airflow_tags=tags)
    first = world.begin(a)
    go_to(first, "after", "StartRun")
    first.go(lost())
    world.finish(first)
    assert isinstance(first.verdict, Wait)
    assert len(world.runs) == 1


def test_a_run_that_is_listed_while_the_process_stands_still_after_a_look_is_found(world):
    world, a = world(request_id_repeat="conflict", list_delay=20.0), task()
    kill(try_of(world, a))
    retry = world.begin(a)
    go_to(retry, "before", "StartRun")
    go_to(retry, "after", "ListRuns")
    world.advance(150)
    world.finish(retry)
    assert isinstance(retry.verdict, Wait)
    assert len(world.runs) == 1


@pytest.mark.parametrize("first", [True, False])
def test_a_run_that_failed_while_its_answer_was_lost_ends_the_try_that_goes_on_with_a_new_client(first, world):
    world, a = world(request_id_repeat="conflict"), task()
    if not first:
        kill(try_of(world, a))
        end(world, "FAILED")
        world.advance(2)
    attempt = world.begin(a)
    go_to(attempt, "after", "StartRun")
    attempt.go(lost())
    go_to(attempt, "before", "ListRuns")
    end(world, "FAILED")
    attempt.go(lost())
    attempt.go(lost())
    world.finish(attempt)
    assert isinstance(attempt.verdict, Fail)
    assert attempt.created == 1


@pytest.mark.parametrize("tags", [True, False])
@pytest.mark.parametrize("other", ["replay", "conflict"])
def test_a_requestid_of_the_callers_finds_its_run_after_a_clear(tags, other, world):
    world, a = world(request_id_other_input=other), task(airflow_tags=tags, request_id="mine")
    kill(try_of(world, a))
    a.ti.max_tries += 1
    found = try_of(world, a)
    assert found.verdict.run.uuid == world.runs[0].uuid


def test_a_requestid_of_the_callers_is_one_run_though_the_service_forgot_it(world):
    world, a = world(request_id_lifetime=900.0), task(request_id="mine")
    kill(try_of(world, a))
    world.advance(1000)
    b = Task(TaskInstance("a", run_id="another"), START, request_id="mine")
    assert try_of(world, b).verdict.run.uuid == world.runs[0].uuid
    assert len(world.runs) == 1


def test_a_run_that_is_listed_and_not_visible_yet_is_known_by_its_uuid(world):
    world, a = world(get_delay=20.0), task(airflow_tags=False)
    kill(try_of(world, a))
    found = try_of(world, a)
    assert found.verdict.run.uuid == world.runs[0].uuid
    assert len(world.runs) == 1


@pytest.mark.parametrize("manifests", [True, False])
def test_a_success_whose_run_is_deleted_and_whose_id_is_reused_is_told_by_its_manifest(manifests, world):
    world, a = world(manifests=manifests, reuse_run_ids=True), task()
    kill(try_of(world, a))
    end(world, "COMPLETED")
    world.delete(world.runs[0])
    try_of(world, Task(TaskInstance("b"), START))
    assert world.runs[0].id == world.runs[1].id
    assert isinstance(try_of(world, a).verdict, Succeed if manifests else Fail)


def test_a_run_that_is_deleted_is_waited_for_until_a_404_says_something(world):
    world, a = world(manifests=False), task()
    waiting = try_of(world, a)
    end(world, "FAILED")
    world.delete(world.runs[0])
    waiting.go()
    world.finish(waiting)
    assert not waiting.done
    world.advance(15 * 60)
    waiting.go()
    world.finish(waiting)
    assert "DELETED" in str(waiting.error)
