# SPDX-License-Identifier: Apache-2.0
"""What the tests of publishing share."""

from __future__ import annotations

import pytest


@pytest.fixture
def fast(omics_local):
    omics_local.switch(logs=True, speed=200)
    return omics_local
