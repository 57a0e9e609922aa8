# SPDX-License-Identifier: Apache-2.0
"""Turns at StartRun use its quota up, whatever it is and however long workers take to come."""

import heapq
import random
from dataclasses import dataclass, field
from itertools import count

import pytest

from airflow_provider_omics.polling import pacing
from airflow_provider_omics.polling.pacing import Budget, Reminder, Report, Turns

# What passes before a deferred task is in the queue.
NOTICED = 15.0


@dataclass
class World:
    """HealthOmics' bucket and Airflow's slowness, in simulated seconds."""

    quota: float
    latency: tuple[float, float]
    told: bool = True  # whether a task's run has a trigger that reports
    pool: int = 50
    now: float = 0.0
    started: int = 0
    calls: int = 0
    legs: int = 0
    waiting: int = 0
    asking: int = 0
    most_asking: int = 0
    events: list = field(default_factory=list)

    def __post_init__(self):
        self.turns = Turns()
        self.random = random.Random(f"{self.quota} {self.latency} {self.told}")  # noqa: S311 - no secret
        self.burst = self.tokens = max(1.0, self.quota)
        self.order = count()

    def later(self, seconds, action, *arguments):
        heapq.heappush(self.events, (self.now + seconds, next(self.order), action, arguments))

    def worker(self):
        return self.random.uniform(*self.latency)

    def start(self, tasks):
        """Return how many times longer it takes to start so many runs than the quota alone allows."""
        self.coming = tasks
        for _ in range(self.pool):
            self.come()
        self.tick()
        since = 0.0
        while self.started < tasks:
            at, _, action, arguments = heapq.heappop(self.events)
            self.tokens = min(self.burst, self.tokens + self.quota * (at - since))
            self.now = since = at
            action(*arguments)
        return self.now / ((tasks - self.burst) / self.quota)

    def come(self):
        if self.coming:
            self.coming -= 1
            self.later(self.worker(), self.ask)

    def tick(self):
        self.later(0.25, self.tick)
        while self.waiting and (turn := self.turns.hand_out(self.now, told=self.told)):
            self.waiting -= 1
            self.legs += 1
            self.later(self.worker(), self.take, turn)

    def take(self, turn):
        self.asking += 1
        self.most_asking = max(self.most_asking, self.asking)
        self.ask(turn, 0, self.now + turn.seconds)

    def ask(self, turn=None, refusals=0, until=0.0):
        self.calls += 1
        if self.tokens >= 1:
            self.tokens -= 1
            self.started += 1
            self.come()
            self.leave(turn, refusals, answered=True)
        elif turn and self.now < until:
            self.later(0.05 + turn.pause, self.ask, turn, refusals + 1, until)
        else:
            self.leave(turn, refusals + 1, answered=False)

    def leave(self, turn, refusals, *, answered):
        if turn:
            self.asking -= 1
        if turn and (self.told or not answered):
            self.later(self.worker() / 2, self.report, Report(turn.key, refusals, answered))
        if not answered:
            self.later(self.worker() / 2 + NOTICED, self.wait)

    def report(self, report):
        self.turns.report(self.now, report)

    def wait(self):
        self.waiting += 1


LATENCIES = [(1.0, 3.0), (3.0, 8.0), (1.0, 8.0)]


@pytest.mark.parametrize("latency", LATENCIES, ids=str)
@pytest.mark.parametrize(("quota", "longer"), [(0.1, 1.07), (0.25, 1.1), (0.5, 1.2), (1, 1.2), (2, 1.15), (5, 1.15)])
def test_the_quota_is_used_up(quota, longer, latency):
    world = World(quota, latency)
    tasks = int(max(100, 200 * quota))
    assert world.start(tasks) <= longer
    # Each start costs a worker about one turn, and HealthOmics some dozen refusals.
    assert world.legs <= 1.3 * tasks
    assert world.calls <= 30 * tasks
    assert world.most_asking <= 12


@pytest.mark.parametrize("quota", [0.25, 1, 5])
def test_silence_is_success(quota):
    """Nothing tells of a task that does not wait for its run."""
    assert World(quota, (1.0, 8.0), told=False).start(int(max(100, 200 * quota))) <= 1.6


def test_a_full_account_is_asked_by_one_a_minute_and_opens_when_one_gets_through():
    turns = Turns()
    taken = [turns.hand_out(0), turns.hand_out(0), turns.hand_out(0)]
    assert turns.hand_out(0) is None
    for turn in taken:
        turns.report(1, Report(turn.key, 1, answered=False, full=True))
    # Another one comes, and asks without a turn.
    turns.report(30, Report("", 1, answered=False, full=True))
    assert turns.hand_out(60.9) is None
    [turn, nobody] = turns.hand_out(61), turns.hand_out(61)
    assert nobody is None
    turns.report(62, Report(turn.key, 1, answered=False, full=True))
    assert turns.hand_out(121) is None
    turn = turns.hand_out(122)
    turns.report(123, Report(turn.key, 0, answered=True))
    assert all(turns.hand_out(123) for _ in range(3))


def test_a_turn_that_is_given_back_is_the_next_ones():
    turns = Turns()
    taken = [turns.hand_out(0) for _ in range(3)]
    assert turns.hand_out(0) is None
    turns.give_back(taken[0])
    assert turns.hand_out(0)


@pytest.mark.parametrize("limit", [1.0, 8.0, 20.0])
def test_no_second_sees_more_calls_than_the_budget_allows(limit):
    lateness = random.Random(1)  # noqa: S311 - no secret
    budget, now, made = Budget(limit), 0.0, []
    while len(made) < 500:
        # Who was told to wait wakes late, and now and then very late.
        now += budget.pause(now) + lateness.choice([0.0, 0.001, 0.3])
        made.append(now)
        budget.spend(now)
    assert max(sum(at <= later < at + 1 for later in made) for at in made) <= limit


def test_the_budget_is_used_up():
    budget, now = Budget(8.0), 0.0
    for _ in range(800):
        now += budget.pause(now)
        budget.spend(now)
    assert now <= 103


def test_a_burst_of_throttles_counts_once():
    """Eight calls were under way when HealthOmics had had enough: they say one thing, not eight."""
    budget = Budget(8.0)
    for number in range(8):
        budget.throttled(100.0 + number / 10)
    assert budget.rate == 4.0
    budget.throttled(101.0)
    assert budget.rate == 2.0


@pytest.fixture
def back_off(monkeypatch):
    monkeypatch.setattr(pacing, "back_off", lambda faults: 2.0 ** (faults - 1))


@pytest.mark.usefixtures("back_off")
def test_one_call_at_a_time_tries_whether_there_is_an_answer_again():
    budget = Budget(8.0)
    budget.unanswered(100.0, 100.1)
    assert budget.pause(100.1) == 0  # One alone may be chance.
    budget.unanswered(100.2, 100.3)
    assert budget.pause(100.3) == 1
    budget.spend(101.3)
    assert budget.pause(101.4) > 50  # Until it is known what becomes of this one.
    budget.unanswered(101.3, 111.3)
    assert budget.pause(111.3) == 2


@pytest.mark.usefixtures("back_off")
def test_calls_that_were_under_way_together_count_once():
    budget = Budget(8.0)
    for number in range(8):
        budget.unanswered(100.0 + number / 10, 110.0 + number / 10)
    assert budget.faults == 1
    budget.unanswered(120.0, 121.0)
    assert budget.faults == 2


def test_an_answer_ends_the_pause():
    budget = Budget(8.0)
    for moment in range(10):
        budget.unanswered(100.0 + moment, 100.5 + moment)
    budget.spend(200.0)
    budget.answered(201.0)
    assert budget.pause(201.2) == 0


def test_what_lasts_is_told_now_and_then():
    reminder = Reminder(600)
    assert [moment for moment in range(0, 2000, 100) if reminder.due(moment)] == [0, 600, 1200, 1800]
