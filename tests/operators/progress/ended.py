# SPDX-License-Identifier: Apache-2.0
"""A run that has ended, and waiting for what a thread does."""

import time
from dataclasses import replace


def ended(run):
    return replace(run, status="COMPLETED", stop_time=run.creation_time + 1000)


def until(condition):
    deadline = time.monotonic() + 60
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value
