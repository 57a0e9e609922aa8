# SPDX-License-Identifier: Apache-2.0
"""The pace at StartRun finds a quota that nobody knows, in few calls, and uses it up."""

import heapq
import random
from dataclasses import dataclass
from itertools import count
from statistics import mean

import pytest

from airflow_provider_omics.polling.start_pace import StartPace

# One call takes so long, in seconds; HealthOmics decides soon after it was sent.
LATENCY = 0.05, 0.3
DOOR = 0.02, 0.03
AT_ONCE = 4
SEEDS = range(8)


@dataclass
class Bucket:
    """HealthOmics' token bucket, full at first."""

    rate: float
    capacity: float
    at: float = 0.0

    def __post_init__(self):
        self.level = self.capacity

    def take(self, now):
        self.level, self.at = min(self.capacity, self.level + self.rate * (now - self.at)), now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class World:
    """Queues that call StartRun, of one account, in simulated seconds."""

    def __init__(self, bucket, seed, queues=1, latency=LATENCY, shortest=1 / 8):
        self.bucket = bucket
        self.latency = latency
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self.paces = [StartPace(shortest) for _ in range(queues)]
        self.waiting = [0] * queues
        self.under_way = [0] * queues
        self.plans = [None] * queues
        self.started = [[] for _ in range(queues)]
        self.calls = 0
        self.now = 0.0
        self.events = []
        self.order = count()
        self.most_under_way = 0

    def later(self, seconds, action, *arguments):
        heapq.heappush(self.events, (self.now + seconds, next(self.order), action, arguments))

    def run(self, requests, until=None):
        """Start so many runs, the same number by each queue, and return when the last one was."""
        for queue in range(len(self.paces)):
            self.waiting[queue] += requests // len(self.paces)
            self.plan(queue)
        goal = self.total() + requests if until is None else until
        while self.total() < goal:
            self.now, _, action, arguments = heapq.heappop(self.events)
            action(*arguments)
        return self.now

    def total(self):
        return sum(map(len, self.started))

    def until_one_is_done(self):
        """Return when runs were started, of each queue, as long as each had requests."""
        end = min(times[-1] for times in self.started)
        return [[at for at in times if at <= end] for times in self.started]

    def plan(self, queue):
        if self.waiting[queue] and self.under_way[queue] < AT_ONCE:
            self.plans[queue] = plan = object()
            self.later(self.paces[queue].pause(self.now), self.send, queue, plan)

    def send(self, queue, plan):
        if self.plans[queue] is not plan:
            return
        self.waiting[queue] -= 1
        self.under_way[queue] += 1
        self.most_under_way = max(self.most_under_way, *self.under_way)
        self.calls += 1
        call = self.paces[queue].note_call(self.now)
        self.later(self.random.uniform(*DOOR), self.arrive, queue, call, call.sent + self.random.uniform(*self.latency))
        self.plan(queue)

    def arrive(self, queue, call, back):
        self.later(max(0.0, back - self.now), self.answer, queue, call, self.bucket.take(self.now))

    def answer(self, queue, call, started):
        self.under_way[queue] -= 1
        if started:
            self.started[queue].append(self.now)
            self.paces[queue].started(call, self.now)
        else:
            self.waiting[queue] += 1
            self.paces[queue].refused(call, self.now)
        self.plan(queue)


@pytest.mark.parametrize(
    ("rate", "capacity", "longer", "calls"),
    [
        (0.1, 1, 1.05, 1.2),
        (0.25, 1, 1.05, 1.2),
        (0.25, 5, 1.0, 1.2),
        (1, 1, 1.06, 1.2),
        (1, 5, 1.0, 1.15),
        (5, 5, 1.0, 1.15),
        # Where a call takes longer than the next token, and no token is saved, each refusal loses one.
        (5, 1, 1.3, 1.2),
    ],
)
def test_the_quota_is_found_and_used_up(rate, capacity, longer, calls):
    worlds = [World(Bucket(rate, capacity), seed) for seed in SEEDS]
    assert max(world.run(200) for world in worlds) <= longer * 200 / rate
    assert mean(world.calls for world in worlds) <= calls * 200
    assert max(world.most_under_way for world in worlds) <= AT_ONCE


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rate", [0.25, 5])
def test_a_bucket_that_is_empty_at_first_is_no_slower_quota(rate, seed):
    bucket = Bucket(rate, max(1, rate))
    bucket.level = 0
    world = World(bucket, seed)
    assert world.run(200) <= 1.06 * 200 / rate
    assert world.calls <= 1.25 * 200


@pytest.mark.parametrize("seed", SEEDS)
def test_no_more_calls_are_made_than_are_allowed_in_all(seed):
    world = World(Bucket(100, 100), seed)
    assert world.run(100) >= 99 / 8


@pytest.mark.parametrize(
    ("rate", "capacity", "longer", "calls"),
    [(0.25, 5, 1.1, 1.4), (1, 5, 1.15, 1.35), (5, 5, 1.25, 1.25), (0.25, 1, 1.25, 1.65), (1, 1, 1.6, 1.45)],
)
def test_two_queues_share_a_quota(rate, capacity, longer, calls):
    worlds = [World(Bucket(rate, capacity), seed, queues=2) for seed in range(20)]
    assert mean(world.run(200) for world in worlds) <= longer * 200 / rate
    assert mean(world.calls for world in worlds) <= calls * 200
    if capacity > 1:
        assert mean(min(map(len, world.until_one_is_done())) for world in worlds) >= 50
        assert min(min(map(len, world.until_one_is_done())) for world in worlds) > 1


def until_right(world, rate):
    """Return how many runs are started until the gap is that of the quota."""
    for starts in range(1, 100):
        world.run(0, until=world.total() + 1)
        if 0.8 < world.paces[0].gap * rate < 1.15:
            return starts
    return None


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("capacity", [1, 5])
def test_a_quota_that_grows_is_found_again(capacity, seed):
    world = World(Bucket(0.25, capacity), seed)
    world.waiting[0] = 1000
    world.run(0, until=100)
    world.bucket.take(world.now)
    world.bucket.rate = 5
    assert until_right(world, 5) <= 55


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("capacity", [1, 5])
def test_a_quota_that_shrinks_is_found_again(capacity, seed):
    world = World(Bucket(5, capacity), seed)
    world.waiting[0] = 1000
    world.run(0, until=100)
    calls = world.calls
    world.bucket.take(world.now)
    world.bucket.rate = 0.25
    assert until_right(world, 0.25) <= 12
    assert world.calls - calls <= 90


def learnt(gap=1.0):
    """Return a pace that has found one call a second, and the time."""
    bucket = Bucket(1 / gap, 5)
    world = World(bucket, 0)
    world.run(100)
    pace = world.paces[0]
    while world.events:
        world.now, _, action, arguments = heapq.heappop(world.events)
        action(*arguments)
    return pace, world.now + 10


def test_a_pause_follows_each_refusal_and_is_longer_the_more_there_are():
    pace, now = learnt()
    pauses = []
    for _ in range(12):
        call = pace.note_call(now)
        pace.refused(call, now + 0.1)
        pauses.append(pace.pause(now + 0.1))
        now += 0.1 + pauses[-1]
    assert pauses[0] == pytest.approx(0.07 * pace.gap)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(2.5 * pace.gap)


def test_refusals_of_calls_that_were_under_way_together_count_once():
    pace, now = learnt()
    calls = [pace.note_call(now + number / 10) for number in range(4)]
    for call in calls:
        pace.refused(call, now + 1)
    # The next one keeps its distance to the last that was made.
    assert pace.pause(now + 1) == pytest.approx(pace.gap - 0.7)


def test_after_a_refusal_one_call_is_waited_for_but_not_for_ever():
    pace, now = learnt(0.2)
    pace.refused(pace.note_call(now), now)
    now += pace.pause(now)
    call = pace.note_call(now)
    assert pace.pause(now) == 1
    # The next one may be made ready: this one may well be the last that is refused.
    assert pace.soonest(now) == pytest.approx(pace.gap)
    pace.started(call, now + 0.3)
    assert pace.pause(now + 0.3) == 0


def test_an_answer_that_says_nothing_changes_nothing_and_holds_up_nobody():
    pace, now = learnt(0.2)
    gap = pace.gap
    pace.unknown(pace.note_call(now), now + 0.1)
    assert pace.gap == gap
    pace.refused(pace.note_call(now + 1), now + 1.1)
    probe = pace.note_call(now + 2)
    pace.unknown(probe, now + 2.1)
    assert pace.pause(now + 2.1) == pytest.approx(gap)


def test_a_queue_that_was_empty_for_an_hour_knows_its_pace():
    pace, now = learnt()
    gap = pace.gap
    now += 3600
    for _ in range(5):
        pace.started(pace.note_call(now), now + 0.1)
        now += 60
    # Calls so seldom say nothing of how often they may be made.
    assert pace.gap == gap
    pace.refused(pace.note_call(now), now + 0.1)
    now += 0.1 + pace.pause(now + 0.1)
    pace.started(pace.note_call(now), now + 0.1)
    assert pace.gap <= 1.5 * gap
