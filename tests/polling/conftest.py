# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of the start queue."""

from types import SimpleNamespace

import pytest

from airflow_provider_omics.polling import queued_request
from tests.polling.crowd import now


@pytest.fixture
def clock(monkeypatch):
    """Have the whole queue live in virtual time."""
    monkeypatch.setattr(queued_request, "time", SimpleNamespace(monotonic=now))
