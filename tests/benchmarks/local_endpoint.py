# SPDX-License-Identifier: Apache-2.0
"""How fast the local endpoint starts and answers, and what its runs weigh; run it as a script."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from airflow_provider_omics.local.testing import LocalOmics

SIGNED = "Authorization: AWS4-HMAC-SHA256 Credential=local/20250101/us-east-1/omics/aws4_request"
CONNECTIONS, SECONDS, RUNS = 16, 5, 10_000
STARTS_WITHIN, CALLS_A_SECOND, MEGABYTES = 2.0, 3_000, 60


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


def start_runs(port: int, count: int, first: int = 0) -> str:
    """Start runs one after the other and return the last one's id."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    name, _, value = SIGNED.partition(": ")
    for number in range(first, first + count):
        request = {
            "workflowId": "1234567",
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


def serve(folder: str) -> subprocess.Popen[str]:
    # Runs weigh what the endpoint knows of them; the logs that moto would keep of them are moto's.
    config = Path(folder, "config.json")
    config.write_text('{"traces": false}', encoding="utf-8")
    options = ["--port", "0", "--simulate", "--examples", "--config", str(config)]
    command = [sys.executable, "-m", "airflow_provider_omics.local", "serve", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def main() -> int:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, serve(folder) as server:
        try:
            port = int(server.stdout.readline().rpartition(":")[2])
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
        finally:
            server.terminate()
    sys.stdout.write(
        f"ready after               {ready:8.2f} s   (at most {STARTS_WITHIN})\n"
        f"GetRun a second           {rate:8.0f}     (at least {CALLS_A_SECOND})\n"
        f"StartRun a second         {starts:8.0f}     (one client)\n"
        f"{RUNS:,} active runs weigh {active:8.1f} MB  (at most {MEGABYTES})\n"
        f"{RUNS:,} ended runs weigh  {ended:8.1f} MB  (at most {MEGABYTES})\n"
    )
    return not (ready <= STARTS_WITHIN and rate >= CALLS_A_SECOND and max(active, ended) <= MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
