# SPDX-License-Identifier: Apache-2.0
"""Wait for what the endpoint does in the background."""

from __future__ import annotations

import time


def until(check, seconds=60):
    deadline = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value


def ended(client, run_id):
    def run_if_ended():
        run = client.get_run(id=run_id)
        return run if run["status"] in ("COMPLETED", "FAILED", "CANCELLED") else None

    return until(run_if_ended)
