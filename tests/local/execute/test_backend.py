# SPDX-License-Identifier: Apache-2.0
"""The backends as miniwdl sees them."""

from __future__ import annotations

import logging
from importlib.metadata import entry_points

import pytest
from WDL.runtime.config import Loader


@pytest.mark.parametrize("name", ["omics_sandbox", "omics_host"])
def test_resources_are_counted_before_any_task_thread_does(name):
    [entry] = entry_points(group="miniwdl.plugin.container_backend", name=name)
    backend = entry.load()
    logger = logging.getLogger("backend")
    assert backend._resource_limits is None

    backend.global_init(Loader(logger), logger)

    assert backend._resource_limits["cpu"] >= 1
