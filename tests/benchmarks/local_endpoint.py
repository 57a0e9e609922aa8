# SPDX-License-Identifier: Apache-2.0
"""How fast the local endpoint starts and answers, what its runs weigh, how many end at once; run it as a script."""

from __future__ import annotations

import asyncio
import http.client
import json
import math
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_omics.local.testing import LocalOmics

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNED = "Authorization: AWS4-HMAC-SHA256 Credential=local/20250101/us-east-1/omics/aws4_request"
CONNECTIONS, SECONDS, RUNS = 16, 5, 10_000
STARTS_WITHIN, CALLS_A_SECOND, MEGABYTES = 2.0, 3_000, 70
ENDS_WITHIN, MEGABYTES_WITH_TRACES = 60, 100
BATCH, BATCH_WITHIN, ANSWERS_WITHIN = 100_000, 300, 1


class Caller(asyncio.Protocol):
    """One connection that makes the same call again and again; the answers are all of one length."""

    def __init__(self, request: bytes, length: int) -> None:
        self.request, self.length, self.received, self.answers = request, length, 0, 0

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data):
        self.received += len(data)
        if self.received == self.length:
            self.received = 0
            self.answers += 1
            self.transport.write(self.request)


async def calls_a_second(port: int, request: bytes, length: int) -> float:
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Caller(request, length), "127.0.0.1", port) for _ in range(CONNECTIONS)
    ]
    callers = [caller for _, caller in made]
    before, began = sum(caller.answers for caller in callers), time.perf_counter()
    await asyncio.sleep(SECONDS)
    rate = (sum(caller.answers for caller in callers) - before) / (time.perf_counter() - began)
    for transport, _ in made:
        transport.abort()
    return rate


def one_answer(port: int, request: bytes) -> bytes:
    """Return a call's whole answer, head and body."""

    async def call() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
        writer.close()
        return head + body

    return asyncio.run(call())


def start_runs(port: int, count: int, first: int = 0, workflow_id: str = "1234567") -> str:
    """Start runs one after the other and return the last one's id."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    name, _, value = SIGNED.partition(": ")
    for number in range(first, first + count):
        request = {
            "workflowId": workflow_id,
            "roleArn": "arn:aws:iam::123456789012:role/omics-service-role",
            "outputUri": "s3://omics-artifacts-01d6xmpl4e72dd32/workflow-output/",
            "requestId": f"airflow-0123456789abcdef0123456789abcdef-{number}",
            "name": f"sample-{number}",
            "parameters": {"sample_name": f"NA{number}", "input_cram": f"s3://omics-artifacts/NA{number}.cram"},
            "tags": {"airflow:dag_id": "cohort", "airflow:map_index": str(number)},
        }
        connection.request("POST", "/run", json.dumps(request), {name: value})
        answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["id"]


def resident_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


def serve(folder: str, **config: object) -> subprocess.Popen[str]:
    file = Path(folder, "config.json")
    file.write_text(json.dumps(config), encoding="utf-8")
    options = ["--port", "0", "--simulate", "--examples", "--config", str(file)]
    command = [sys.executable, "-m", "airflow_provider_omics.local", "serve", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@contextmanager
def served(**config: object) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Serve an endpoint, and end it."""
    with tempfile.TemporaryDirectory() as folder, serve(folder, **config) as server:
        try:
            yield server, int(server.stdout.readline().rpartition(":")[2])
        finally:
            server.terminate()


def answers_and_runs() -> list[Figure]:
    """Measure calls, and what runs weigh; the logs that moto would keep of them are left out."""
    began = time.perf_counter()
    with served(logs=False) as (server, port):
        ready = time.perf_counter() - began
        run_id = start_runs(port, 1)
        request = f"GET /run/{run_id} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{SIGNED}\r\n\r\n".encode()
        rate = asyncio.run(calls_a_second(port, request, len(one_answer(port, request))))
        before, began = resident_megabytes(server.pid), time.perf_counter()
        start_runs(port, RUNS, first=1)
        starts = RUNS / (time.perf_counter() - began)
        active = resident_megabytes(server.pid) - before
        LocalOmics(f"http://127.0.0.1:{port}").clock.advance(3600)
        ended = resident_megabytes(server.pid) - before
    return [
        Figure("ready after", ready, "s", most=STARTS_WITHIN),
        Figure("GetRun a second", rate, "", least=CALLS_A_SECOND),
        Figure("StartRun a second by one client", starts, ""),
        Figure(f"{RUNS:,} active runs weigh", active, "MB", most=MEGABYTES),
        Figure(f"{RUNS:,} ended runs weigh", ended, "MB", most=MEGABYTES),
    ]


def ends_with_logs() -> list[Figure]:
    """Measure runs that all end at once and leave logs, manifest and outputs, and what they weigh."""
    # Its runs have no outputs, as no script gives them any.
    with served(workflows=[{"id": "2345678"}]) as (server, port):
        local = LocalOmics(f"http://127.0.0.1:{port}")
        local.clock.freeze()
        start_runs(port, 1, workflow_id="2345678")
        local.clock.advance(3600)
        wait_for_ends(local)
        before, began = resident_megabytes(server.pid), time.perf_counter()
        start_runs(port, RUNS, first=1, workflow_id="2345678")
        local.clock.advance(3600)
        slowest = wait_for_ends(local)
        seconds, megabytes = time.perf_counter() - began, resident_megabytes(server.pid) - before
        began = time.perf_counter()
        server.terminate()
        server.wait()
        stopped = time.perf_counter() - began
    return [
        Figure(f"{RUNS:,} runs with logs start and end in", seconds, "s", most=ENDS_WITHIN),
        Figure("they weigh", megabytes, "MB", most=MEGABYTES_WITH_TRACES),
        Figure("the slowest call meanwhile", slowest, "s", most=ANSWERS_WITHIN),
        Figure("the server ends after SIGTERM in", stopped, "s"),
    ]


def wait_for_ends(local: LocalOmics) -> float:
    """Wait until no run is active, and return the seconds that the slowest call took."""
    omics, slowest = local.client("omics", read_timeout=300), 0.0
    while True:
        active = 0
        for status in ("PENDING", "STARTING", "RUNNING", "STOPPING"):
            began = time.perf_counter()
            active += len(omics.list_runs(status=status, maxResults=1)["items"])
            slowest = max(slowest, time.perf_counter() - began)
        if not active:
            return slowest
        time.sleep(0.1)


def a_whole_batch() -> list[Figure]:
    """Measure a batch of as many runs as there may be, and calls meanwhile."""
    with served() as (server, port):
        local = LocalOmics(f"http://127.0.0.1:{port}")
        omics, s3 = local.client("omics", read_timeout=300), local.client("s3")
        s3.create_bucket(Bucket="settings")
        settings = [{"runSettingId": f"s{number}", "name": f"sample-{number}"} for number in range(BATCH)]
        s3.put_object(Bucket="settings", Key="all.json", Body=json.dumps(settings))
        before, began = resident_megabytes(server.pid), time.perf_counter()
        default = {"workflowId": "7206765", "roleArn": "arn:aws:iam::123456789012:role/x", "outputUri": "s3://b"}
        with ThreadPoolExecutor(1) as pool:
            where = {"s3UriSettings": "s3://settings/all.json"}
            starting = pool.submit(omics.start_run_batch, defaultRunSetting=default, batchRunSettings=where)
            slowest, status, batch_id = 0.0, "", None
            while status != "PROCESSED":
                batch_id = batch_id or (starting.result()["id"] if starting.done() else None)
                call = time.perf_counter()
                if batch_id:
                    status = omics.get_batch(batchId=batch_id)["status"]
                else:
                    omics.list_runs(maxResults=1)
                slowest = max(slowest, time.perf_counter() - call)
                time.sleep(0.02)
        seconds, megabytes = time.perf_counter() - began, resident_megabytes(server.pid) - before
    return [
        Figure(f"a batch of {BATCH:,} runs is PROCESSED in", seconds, "s", most=BATCH_WITHIN),
        Figure("the slowest call meanwhile", slowest, "s", most=ANSWERS_WITHIN),
        Figure("it weighs", megabytes, "MB"),
    ]


class Figure(NamedTuple):
    """What was measured, and what it is to be."""

    what: str
    value: float
    unit: str
    most: float = math.inf
    least: float = -math.inf

    def __str__(self) -> str:
        bound = f"(at most {self.most:,})" if self.most < math.inf else ""
        bound = f"(at least {self.least:,})" if self.least > -math.inf else bound
        return f"{self.what:45} {self.value:10,.2f} {self.unit:2} {bound}".rstrip()


def main() -> int:
    fits = True
    for measure in (answers_and_runs, ends_with_logs, a_whole_batch):
        for figure in measure():
            print(figure, flush=True)
            fits = fits and figure.least <= figure.value <= figure.most
    return not fits


if __name__ == "__main__":
    sys.exit(main())
