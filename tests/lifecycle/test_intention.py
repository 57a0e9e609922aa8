# SPDX-License-Identifier: Apache-2.0
"""One intention, one identity."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from airflow_provider_omics.lifecycle.intention import Intention
from airflow_provider_omics.request.build import OWN_TAGS, matches
from airflow_provider_omics.request.members import BY_ARGUMENT

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
INTENTION = Intention("cohort", "scheduled__2026-01-02T00:00:00+00:00", "call", -1, START, 2)
LOOP = {"region_id": "019b0000-0000-7000-8000-000000000001", "region_index": 2, "loop_index": 2}
PASS = replace(INTENTION, **LOOP)
# A change here makes every upgrade in the middle of a retry start a second run.
GOLDEN = {
    "6277ed391ba5d10025e8c7306154126ac73c3585": INTENTION,
    "313e5c7bbf7b8b92137cb81dd63c633a91a6d89b": replace(INTENTION, map_index=7),
    "002b3a452491bb7e70f368a3463b866995b4a3fe": replace(INTENTION, dag_run_start=None, max_tries=0),
    "2065ea2b24a7949c63ef3b60e64529ed8f784642": PASS,
    "9d93971c9d8b905b01bfb9877f8f751c90b0748d": replace(PASS, map_index=0, region_index=0),
}


@pytest.mark.parametrize(("digest", "intention"), GOLDEN.items())
def test_the_request_id_is_the_same_for_ever(digest, intention):
    assert intention.digest == digest


@pytest.mark.parametrize(
    "change",
    [
        {"dag_id": "x"},
        {"run_id": "x"},
        {"task_id": "x"},
        {"map_index": 0},
        {"dag_run_start": START + timedelta(microseconds=1)},
        {"dag_run_start": None},
        {"max_tries": 3},
        {"region_id": "019b0000-0000-7000-8000-000000000002"},
        {"region_index": 1},
    ],
)
def test_each_part_makes_another_intention(change):
    assert replace(PASS, **change).digest != PASS.digest


def test_the_time_zone_of_the_start_does_not_matter():
    local = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert replace(INTENTION, dag_run_start=local).request_id() == INTENTION.request_id()


def test_parts_do_not_run_into_each_other():
    assert replace(INTENTION, dag_id="a", run_id="bc").digest != replace(INTENTION, dag_id="ab", run_id="c").digest


def test_submissions_differ_and_fit_the_api():
    ids = {INTENTION.request_id(n) for n in range(20)}
    assert len(ids) == 20
    assert all(len(i) <= 64 and i.isascii() for i in ids)


def test_only_a_number_of_ours_is_a_submission():
    assert INTENTION.submission(INTENTION.request_id(12)) == 12
    prefix = INTENTION.request_id(0)[:-1]
    assert [INTENTION.submission(prefix + end) for end in ("", "²", "٣", "x", "9" * 5000)] == [None] * 5


@pytest.mark.parametrize("size", [3, 250])
@pytest.mark.parametrize("map_index", [-1, 0, 1023])
@pytest.mark.parametrize("intention", [INTENTION, PASS])
def test_names_fit_the_api_and_tell_intentions_apart(size, map_index, intention):
    one = replace(intention, dag_id="ü" * size, task_id="t" * size, map_index=map_index)
    name, member = one.run_name, BY_ARGUMENT["name"]
    assert len(name) <= 127
    assert matches(member.pattern, name)
    assert replace(one, max_tries=9).run_name != name
    assert replace(one, map_index=7).run_name != name


def test_the_name_starts_readable():
    assert re.fullmatch(r"cohort\.call\.[0-9a-f]{16}", INTENTION.run_name)
    assert re.fullmatch(r"cohort\.call\.pass2\.7\.[0-9a-f]{16}", replace(PASS, map_index=7).run_name)


def test_other_releases_intentions_are_read():
    before = {
        "dag_id": "cohort",
        "run_id": "scheduled__2026-01-02T00:00:00+00:00",
        "task_id": "call",
        "map_index": -1,
        "dag_run_start": "2026-01-02T03:04:05.678901+00:00",
        "max_tries": 2,
    }
    assert INTENTION.serialize() == before
    assert Intention.deserialize(before) == INTENTION
    assert PASS.serialize() == {**before, **LOOP}
    assert Intention.deserialize({**PASS.serialize(), "of_a_later_release": 1}) == PASS


def test_tags_lead_back_to_the_task():
    assert INTENTION.tags("airflow-x-0") == {
        "airflow:request_id": "airflow-x-0",
        "airflow:dag_id": "cohort",
        "airflow:task_id": "call",
        "airflow:run_id": "scheduled__2026-01-02T00:00:00+00:00",
        "airflow:map_index": "-1",
    }
    assert len(INTENTION.tags("x")) == OWN_TAGS


@pytest.mark.parametrize("run_id", ["r" * 300, "manual~1", "a,b"])
def test_tag_values_fit_aws_and_stay_apart(run_id):
    value = replace(INTENTION, run_id=run_id).tags("x")["airflow:run_id"]
    assert len(value) <= 256
    assert re.fullmatch(r"[\w\s+\-=.:/@]*", value)
    assert replace(INTENTION, run_id=run_id + "!").tags("x")["airflow:run_id"] != value
