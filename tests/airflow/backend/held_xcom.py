# SPDX-License-Identifier: Apache-2.0
"""Airflow's own XComs, which a test can hold up before or after one is written: by a file in the home."""

from __future__ import annotations

import os
import time
from pathlib import Path

try:
    from airflow.sdk.bases.xcom import BaseXCom
except ImportError:
    from airflow.models.xcom import BaseXCom


class HeldXCom(BaseXCom):
    """XComs of which each may have to wait for a test."""

    @classmethod
    def set(cls, key, value, **of_task):
        # The worker's own marker, before there is a submission, is not meant.
        started = key == "start_run" and value["submission"] is not None
        name = "marker" if started else key
        hold(f"before-{name}")
        super().set(key=key, value=value, **of_task)
        hold(f"after-{name}")


def hold(moment):
    """Wait as long as a file of this name exists, and show by another one that somebody waits."""
    file = Path(os.environ["AIRFLOW_HOME"], "hold", moment)
    while file.exists():
        file.with_suffix(".held").touch()
        time.sleep(0.05)
