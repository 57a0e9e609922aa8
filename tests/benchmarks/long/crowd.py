# SPDX-License-Identifier: Apache-2.0
"""A crowd of simulated runs at the local endpoint, and what the endpoint's record of calls says of their waiters."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
from collections import Counter, deque
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_omics.local.testing import LocalOmics, start_server
from airflow_provider_omics.records.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

POLL = ("GetRun", "ListRuns")
START = {"workflowId": "1234567", "roleArn": "arn:aws:iam::123456789012:role/x", "outputUri": "s3://bucket/runs"}


@contextmanager
def endpoint():
    """Serve an endpoint that simulates, in a process of its own; its log is not wanted."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.json")
        workflow = {"id": START["workflowId"], "name": "cram-to-bam"}
        config.write_text(json.dumps({"logs": False, "workflows": [workflow]}), encoding="utf-8")
        with start_server("--simulate", "--config", str(config)) as local:
            yield local


def start_runs(local: LocalOmics, plans: Iterable[dict[str, float]]) -> list[Run]:
    """Start runs that live as planned, outside any quota; from then on the published ones hold."""
    local.switch(quotas={})
    client = local.client("omics")
    runs = []
    for plan in plans:
        local.script(**plan, times=1)
        runs.append(Run.from_response(client.start_run(**START)))
    local.switch(quotas="published")
    return runs


class Calls:
    """Gathers the endpoint's record of calls while it grows: it keeps the latest 10,000."""

    def __init__(self, local: LocalOmics) -> None:
        self._local = local
        self._before = local.counts()
        self._newest = datetime.now(UTC).timestamp()
        self.polls = []

    def gather(self) -> None:
        fresh = [call for call in self._local.calls() if moment_of(call) > self._newest]
        self._newest = max(map(moment_of, fresh), default=self._newest)
        self.polls += [call for call in fresh if call["operation"] in POLL]

    def missed(self) -> int:
        """Return how many calls the endpoint counted and this did not gather."""
        now = self._local.counts()
        return sum(now.get(name, 0) - self._before.get(name, 0) for name in POLL) - len(self.polls)

    def counts(self) -> dict[str, int]:
        return dict(Counter(call["operation"] for call in self.polls))

    def throttled(self) -> int:
        return sum(call["status"] == 429 for call in self.polls)

    def rate(self) -> float:
        """Return the calls a second, from the first to the last."""
        moments = sorted(map(moment_of, self.polls))
        return (len(moments) - 1) / (moments[-1] - moments[0])

    def most_in_a_second(self) -> int:
        """Return the most calls that any window of one second saw."""
        window: deque[float] = deque()
        most = 0
        for moment in sorted(moment_of(call) for call in self.polls):
            window.append(moment)
            while moment - window[0] >= 1:
                window.popleft()
            most = max(most, len(window))
        return most


def moment_of(call) -> float:
    return datetime.fromisoformat(call["time"]).timestamp()


async def gather_calls(calls: Calls) -> None:
    while True:
        await asyncio.to_thread(calls.gather)
        await asyncio.sleep(60)


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
