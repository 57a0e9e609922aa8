# SPDX-License-Identifier: Apache-2.0
"""The options of polling in section ``[omics]`` of ``airflow.cfg``, and their defaults."""

from __future__ import annotations

from airflow_provider_omics.compat import conf


def poll_interval() -> float:
    """Return the seconds between two polls of a new run or job."""
    seconds: float = conf.getfloat("omics", "poll_interval", fallback=30.0)
    return seconds


def heartbeat_interval() -> float:
    """Return the seconds between two lines in the log on a run whose status does not change; 0 means none."""
    seconds: float = conf.getfloat("omics", "heartbeat_interval", fallback=300.0)
    return seconds


def calls_per_second() -> float:
    """
    Return the rate limit of a triggerer process.

    :raises ValueError: if it is not above 0.
    """
    calls: float = conf.getfloat("omics", "calls_per_second", fallback=8.0)
    if calls <= 0:
        raise ValueError(f"[omics] calls_per_second must be above 0, not {calls:g}: correct it in airflow.cfg")
    return calls
