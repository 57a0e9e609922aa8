# SPDX-License-Identifier: Apache-2.0
"""How often calls are made: a pace that slows down where HealthOmics throttles or does not answer."""

import random

import pytest

from airflow_provider_omics.polling import pacing
from airflow_provider_omics.polling.pacing import CallPace, Reminder


@pytest.mark.parametrize("limit", [1.0, 8.0, 20.0])
def test_no_second_sees_more_calls_than_the_budget_allows(limit):
    lateness = random.Random(1)  # noqa: S311 - no secret
    pace, now, made = CallPace(limit), 0.0, []
    while len(made) < 500:
        # Who was told to wait wakes late, and now and then very late.
        now += pace.pause(now) + lateness.choice([0.0, 0.001, 0.3])
        made.append(now)
        pace.note_call(now)
    assert max(sum(at <= later < at + 1 for later in made) for at in made) <= limit


def test_the_budget_is_used_up():
    pace, now = CallPace(8.0), 0.0
    for _ in range(800):
        now += pace.pause(now)
        pace.note_call(now)
    assert now <= 103


def test_a_burst_of_throttles_counts_once():
    """Eight calls were under way when HealthOmics had had enough: they say one thing, not eight."""
    pace = CallPace(8.0)
    for number in range(8):
        pace.throttled(100.0 + number / 10)
    assert pace.rate == 4.0
    pace.throttled(101.0)
    assert pace.rate == 2.0


@pytest.fixture
def back_off(monkeypatch):
    monkeypatch.setattr(pacing, "back_off", lambda faults: 2.0 ** (faults - 1))


@pytest.mark.usefixtures("back_off")
def test_one_call_at_a_time_tries_whether_there_is_an_answer_again():
    pace = CallPace(8.0)
    pace.unanswered(100.0, 100.1)
    assert pace.pause(100.1) == 0  # One alone may be chance.
    pace.unanswered(100.2, 100.3)
    assert pace.pause(100.3) == 1
    pace.note_call(101.3)
    assert pace.pause(101.4) > 50  # Until it is known what becomes of this one.
    pace.unanswered(101.3, 111.3)
    assert pace.pause(111.3) == 2


@pytest.mark.usefixtures("back_off")
def test_calls_that_were_under_way_together_count_once():
    pace = CallPace(8.0)
    for number in range(8):
        pace.unanswered(100.0 + number / 10, 110.0 + number / 10)
    assert pace.faults == 1
    pace.unanswered(120.0, 121.0)
    assert pace.faults == 2


def test_an_answer_ends_the_pause():
    pace = CallPace(8.0)
    for moment in range(10):
        pace.unanswered(100.0 + moment, 100.5 + moment)
    pace.note_call(200.0)
    pace.answered(201.0)
    assert pace.pause(201.2) == 0


def test_what_lasts_is_told_now_and_then():
    reminder = Reminder(600)
    assert [moment for moment in range(0, 2000, 100) if reminder.due(moment)] == [0, 600, 1200, 1800]
