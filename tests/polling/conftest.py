# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of the start queue."""

from types import SimpleNamespace

import pytest

from airflow_provider_omics.polling import start_place
from tests.polling.crowd import now


@pytest.fixture
def clock(monkeypatch):
    """Have the whole queue live in virtual time."""
    monkeypatch.setattr(start_place, "time", SimpleNamespace(monotonic=now))
