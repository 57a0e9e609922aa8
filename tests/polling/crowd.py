# SPDX-License-Identifier: Apache-2.0
"""Requests that queue at StartRun, in virtual time, and a client that answers them as a test says."""

import asyncio
import contextvars
from contextlib import asynccontextmanager
from functools import partial

from botocore.exceptions import ClientError, EndpointConnectionError

from airflow_provider_omics.polling.rate_limit import RateLimit, SharedLimit
from airflow_provider_omics.polling.start_pace import StartPace
from airflow_provider_omics.polling.start_queue import StartQueue


class FakeClient:
    """Calls without a hook, each in the empty context that a thread has."""

    def __init__(self):
        self.limit = RateLimit(SharedLimit(1000))
        self.stands_still = 0.0
        # How long the call that is being sent takes, in seconds.
        self.takes = 0.0
        # The tasks of all calls, which go on when those that wait for them are cancelled.
        self.calls = []

    @property
    def pace(self):
        return self.limit.pace

    async def connect(self):
        pass

    async def call(self, method):
        self.calls.append(asyncio.current_task())
        seconds, self.stands_still = self.stands_still, 0.0
        begun = now()
        await asyncio.sleep(seconds)
        try:
            try:
                answer = contextvars.Context().run(method, self)
            finally:
                takes, self.takes = self.takes, 0.0
                await asyncio.sleep(takes)
        except EndpointConnectionError:
            self.limit.unanswered(begun)
            raise
        except ClientError:
            self.limit.answered()
            raise
        self.limit.answered()
        return answer

    def close(self):
        pass


class Crowd:
    """Requests, and what became of them, in the order in which it happened."""

    def __init__(self, gap=0.01, at_once=4):
        self.client = FakeClient()
        self.pace = StartPace(gap)
        self.queue = StartQueue(self.client, self.pace, at_once=at_once)
        self.asked, self.called, self.refused = [], [], []
        self.times, self.asked_at = [], {}
        self.answers = {}

    async def ready(self, name, seconds):
        self.asked.append(name)
        self.asked_at[name] = now()
        await asyncio.sleep(seconds)

    def call(self, name, seconds, client):
        self.called.append(name)
        self.times.append((now(), now() - self.asked_at[name]))
        answers = self.answers.get(name)
        client.takes = seconds
        if answers:
            raise answers.pop(0)
        return f"run of {name}"

    def ask(self, name, *answers, ready=0.0, takes=0.0, is_ready=None):
        """Ask for a run, for which there are first these answers, and return the task."""
        self.answers[name] = list(answers)
        return asyncio.create_task(
            self.queue.start(
                partial(self.call, name, takes),
                ready=partial(is_ready or self.ready, name, ready),
                refused=lambda error: self.refused.append((name, error)),
            )
        )


@asynccontextmanager
async def crowd(gap=0.01, at_once=4):
    those = Crowd(gap, at_once)
    try:
        async with asyncio.timeout(3600):
            yield those
        assert those.queue._inside == []
        assert those.queue._under_way == 0
    finally:
        those.client.close()


def now():
    return asyncio.get_running_loop().time()
