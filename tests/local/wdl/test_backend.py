# SPDX-License-Identifier: Apache-2.0
"""The backends as miniwdl sees them."""

from __future__ import annotations

import logging

import pytest
from WDL.runtime.config import Loader

from airflow_provider_omics.local.wdl.backend import HostContainer, SandboxContainer


@pytest.mark.parametrize("backend", [SandboxContainer, HostContainer])
def test_resources_are_counted_before_any_task_thread_does(backend):
    logger = logging.getLogger("backend")
    assert backend._resource_limits is None

    backend.global_init(Loader(logger), logger)

    assert backend._resource_limits["cpu"] >= 1
