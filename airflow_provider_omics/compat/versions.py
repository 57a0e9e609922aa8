# SPDX-License-Identifier: Apache-2.0
"""Airflow's major version, and the time between SIGTERM and SIGKILL."""

from __future__ import annotations

from airflow import __version__

AIRFLOW_2 = __version__.startswith("2.")
# Seconds between SIGTERM and SIGKILL that a task may use: Airflow 2 has 60 by default, Airflow 3 has 5.
KILL_SECONDS = 30.0 if AIRFLOW_2 else 4.0
